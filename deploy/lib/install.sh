# shellcheck shell=bash
# Sourced by deploy/quickstart and deploy/test: finds what is missing and installs it.
# Written for bash 3.2 as well, which is what macOS has.

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$@"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

find_package_manager() {
    local candidate
    for candidate in apt-get dnf pacman apk brew; do
        if have "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
}

# The package that brings command $2, as package manager $1 names it.
package_of() {
    case "$1:$2" in
        apt-get:cc) printf 'build-essential' ;;
        apt-get:node) printf 'nodejs' ;;
        # Without a font the screenshots have no words.
        apt-get:chromium) printf 'chromium fonts-liberation' ;;
        dnf:cc) printf 'gcc gcc-c++ make' ;;
        dnf:node) printf 'nodejs' ;;
        pacman:cc) printf 'base-devel' ;;
        pacman:node) printf 'nodejs' ;;
        apk:cc) printf 'build-base' ;;
        apk:node) printf 'nodejs' ;;
        brew:cc) printf 'gcc make' ;;
        brew:npm) printf 'node' ;;
        *) printf '%s' "$2" ;;
    esac
}

# Runs the package manager $1 on the packages after it, as root through sudo where that is needed.
install_packages() {
    local manager=$1 as_root=""
    shift
    if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "Installing needs root, and there is no sudo here. As root, install: $*. Then run this again."
        as_root="sudo"
    fi
    # shellcheck disable=SC2086 # $as_root is one word or none.
    case "$manager" in
        apt-get)
            $as_root apt-get update -qq || say "Package lists could not be renewed; going on with those that are here."
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
            ;;
        dnf) $as_root dnf install -y -q "$@" ;;
        pacman) $as_root pacman -S --needed --noconfirm "$@" ;;
        apk) $as_root apk add --quiet "$@" ;;
        brew) brew install --quiet "$@" ;;
    esac
}

# Installs the packages of those of the commands named that are not there; asks for nothing where all are.
install_missing() {
    local command manager missing="" packages=""
    for command in "$@"; do
        have "$command" || missing="$missing $command"
    done
    [ -n "$missing" ] || return 0
    manager=$(find_package_manager)
    [ -n "$manager" ] || fail "Missing:$missing. Install them and run this again: no package manager known to this script was found."
    for command in $missing; do
        packages="$packages $(package_of "$manager" "$command")"
    done
    say "Missing:$missing. Installing with $manager:$packages"
    # shellcheck disable=SC2086 # a list of package names
    install_packages "$manager" $packages
    for command in $missing; do
        have "$command" || fail "$manager installed$packages, yet there is no command '$command'."
    done
}

# What compiling tintype takes: cargo, and a C compiler, make, cmake and nasm for the picture codecs.
install_build_tools() {
    if ! have cargo && [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    have cargo || fail "Rust is missing. Install it from https://rustup.rs, then run this again."
    case "$(uname -m)" in
        x86_64 | amd64) install_missing cc make cmake nasm ;;
        # nasm assembles for x86 only.
        *) install_missing cc make cmake ;;
    esac
}

# The folder that cargo builds into, wherever environment or cargo's own configuration put it.
target_folder() {
    cargo metadata --no-deps --locked --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}
