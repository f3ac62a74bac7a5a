# shellcheck shell=bash
# Sourced by deploy/test after install.sh: one Postgres for all tests.

# Prints the folder of Postgres's programs: Debian keeps initdb off the PATH.
find_postgres() {
    local candidate initdb
    initdb=$(command -v initdb || true)
    [ -z "$initdb" ] || initdb=$(readlink -f "$initdb" 2>/dev/null || printf '%s' "$initdb")
    for candidate in "${initdb%/initdb}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
        if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then
            printf '%s' "$candidate"
            return
        fi
    done
}

# Sets $postgres to that folder.
install_postgres() {
    local manager
    postgres=$(find_postgres)
    [ -z "$postgres" ] || return 0
    manager=$(find_package_manager)
    [ -n "$manager" ] || fail "Missing: Postgres (initdb). Install it and run this again."
    say "Missing: Postgres. Installing with $manager"
    case "$manager" in
        dnf) install_packages "$manager" postgresql-server ;;
        brew) install_packages "$manager" postgresql@17 ;;
        *) install_packages "$manager" postgresql ;;
    esac
    postgres=$(find_postgres)
    [ -n "$postgres" ] || fail "$manager installed Postgres, yet there is no initdb."
}

# What the server's shell does: `$1` is the folder of the programs. It says where its socket is, and ends with its input.
postgres_script='
set -e
cd /
folder=$(mktemp -d /tmp/tintype-postgres.XXXXXX)
trap "rm -rf \"$folder\"" EXIT
"$1/initdb" -D "$folder/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb" 2>&1
"$1/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
    -c full_page_writes=off -c max_connections=300 >"$folder/log" 2>&1 &
until "$1/createdb" -h "$folder" -U postgres tintype_clients 2>/dev/null; do sleep 0.1; done
echo "$folder"
read -r _ || true
kill -INT $!
wait $! || true
'

# Starts one Postgres, which ends when descriptor 9 is closed, and exports where it is.
start_postgres() {
    local output waited=0 as=()
    # Postgres does not run as root.
    [ "$(id -u)" -ne 0 ] || as=(runuser -u postgres --)
    output=$(mktemp)
    exec 9> >(exec "${as[@]}" sh -c "$postgres_script" sh "$postgres" >"$output")
    until [ -s "$output" ]; do
        waited=$((waited + 1))
        [ "$waited" -lt 600 ] || fail "Postgres did not start within a minute."
        sleep 0.1
    done
    export TINTYPE_TEST_POSTGRES="postgres://postgres@localhost/postgres?host=$(cat "$output")"
    rm -f "$output"
}

stop_postgres() { exec 9>&-; }
