# shellcheck shell=bash disable=SC2034,SC2154 # variables come from the caller, and go there
# What benches/load and benches/compare share: peers, servers, wrk. A caller sets `bench` (its name), `profile`, `rounds`
# and `seconds`, then sources this.

readonly ipx_version=3.1.1 oximg_version=0.18.1 next_version=16.4.6 react_version=19.3.1 imgproxy_version=latest
# More than any server here makes in a second; beyond it names run out and answers are 404.
readonly cold_per_second=600
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
peers=${PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/tintype-bench}
work=$(mktemp -d)
# tintype takes TINTYPE_… for its configuration and does not know this one.
given=${TINTYPE_BIN:-}
unset TINTYPE_BIN
PATH=$PATH:/usr/sbin
# By server: where it answers, its process.
declare -A url=() pid=()

cleanup() {
    stop "${!pid[@]}"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
    echo "benches/$bench: $1" >&2
    exit 1
}

stop() {
    local server
    for server in "$@"; do
        [ -n "${pid[$server]:-}" ] || continue
        kill "${pid[$server]}" 2>/dev/null || true
        wait "${pid[$server]}" 2>/dev/null || true
        unset "pid[$server]"
    done
}

# --- what has to be there -------------------------------------------------------------------------------------------

# install_packages COMMAND=PACKAGES…: with the system's package manager, if a command is missing.
install_packages() {
    local missing=() wanted
    for wanted in "$@"; do
        # shellcheck disable=SC2206 # packages are words
        [ -x "$(command -v "${wanted%%=*}")" ] || missing+=(${wanted#*=})
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || fail "install these first: ${missing[*]}"
    echo "installing ${missing[*]} with apt-get"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    local policy=/usr/sbin/policy-rc.d written=
    if [ ! -e $policy ]; then
        # Installing nginx would start it on port 80 for everyone.
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
        "${as_root[@]}" chmod +x $policy
        written=yes
    fi
    local installed=0
    "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1 || installed=$?
    [ -z "$written" ] || "${as_root[@]}" rm -f $policy
    [ $installed -eq 0 ] || { tail -5 "$work/apt.log" >&2; fail "apt-get could not install ${missing[*]}"; }
}

npm_install() {
    local folder=$1
    shift
    mkdir -p "$folder"
    npm install --prefix "$folder" --no-audit --no-fund --save-exact "$@" >"$work/npm.log" 2>&1 ||
        { tail -5 "$work/npm.log" >&2; return 1; }
}

install_ipx() {
    ipx=$peers/ipx-$ipx_version/node_modules/ipx/bin/ipx.mjs
    [ -f "$ipx" ] && return
    echo "installing ipx $ipx_version into $peers"
    npm_install "$peers/ipx-$ipx_version" "ipx@$ipx_version"
}

install_oximg() {
    oximg=$peers/oximg-$oximg_version/bin/oximg
    [ -x "$oximg" ] && return
    echo "installing oximg $oximg_version into $peers (minutes)"
    cargo install oximg --version "$oximg_version" --locked --features server,mimalloc \
        --root "$peers/oximg-$oximg_version" >"$work/cargo.log" 2>&1 || { tail -5 "$work/cargo.log" >&2; return 1; }
}

# The least app that has an image optimizer; its pictures are those of `public`.
install_next() {
    next=$peers/next-$next_version
    [ -f "$next/.next/BUILD_ID" ] && return
    echo "installing next $next_version into $peers"
    npm_install "$next" "next@$next_version" "react@$react_version" "react-dom@$react_version" || return 1
    mkdir -p "$next/app"
    cat >"$next/next.config.mjs" <<'CONFIG'
export default {
  images: {
    deviceSizes: [640, 720, 750, 828, 1080, 1200],
    qualities: [75, 80],
    remotePatterns: [{ protocol: 'http', hostname: '127.0.0.1' }],
    dangerouslyAllowLocalIP: true,
  },
  turbopack: { root: import.meta.dirname },
};
CONFIG
    echo 'export default ({ children }) => <html lang="en"><body>{children}</body></html>;' >"$next/app/layout.jsx"
    echo 'export default () => <main />;' >"$next/app/page.jsx"
    (cd "$next" && NEXT_TELEMETRY_DISABLED=1 node_modules/.bin/next build) >"$work/next.log" 2>&1 ||
        { tail -5 "$work/next.log" >&2; return 1; }
}

install_imgproxy() {
    imgproxy=$peers/imgproxy-$imgproxy_version/cli
    [ -x "$imgproxy" ] && return
    [ -x "$(command -v go)" ] || { echo "there is no Go" >&2; return 1; }
    pkg-config --exists vips 2>/dev/null || { echo "there is no libvips-dev" >&2; return 1; }
    GOBIN=$(dirname "$imgproxy") go install "github.com/imgproxy/imgproxy/v4/cli@$imgproxy_version" >"$work/go.log" 2>&1 ||
        { tail -2 "$work/go.log" >&2; return 1; }
}

build_tintype() {
    tintype=$given
    if [ -z "$tintype" ]; then
        (cd "$root" && cargo build --quiet --locked --profile "$profile")
        tintype=${CARGO_TARGET_DIR:-$root/target}/$profile/tintype
    fi
    [ -x "$tintype" ] || fail "there is no $tintype"
}

# --- servers --------------------------------------------------------------------------------------------------------

free_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# answers URL [CURL_ARGUMENTS…]: waits until it does.
answers() {
    for _ in $(seq 100); do
        curl -fsSk -o /dev/null --max-time 5 "$@" 2>/dev/null && return
        sleep 0.1
    done
    echo "nothing answers at $1" >&2
    return 1
}

# listens SERVER: waits for its port. What it answers is another matter.
listens() {
    local port=${url[$1]##*:}
    for _ in $(seq 100); do
        (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null && return
        sleep 0.1
    done
    echo "$1 does not listen: $(tail -3 "$work/$1.out")" >&2
    return 1
}

# What servers and clients are started by: `keep_apart` gives each its own cores.
server_pin=()
client_pin=()
server_cores=$(nproc)
client_cores=$(nproc)

# Half of the cores for servers and the others for clients, where there are two and taskset: neither waits for the other's turn.
keep_apart() {
    local all
    all=$(nproc)
    if [ "$all" -lt 2 ] || ! command -v taskset >/dev/null; then return; fi
    server_cores=$((all / 2))
    client_cores=$((all - server_cores))
    server_pin=(taskset -c "0-$((server_cores - 1))")
    client_pin=(taskset -c "$server_cores-$((all - 1))")
}

keep_together() {
    server_pin=() client_pin=()
    server_cores=$(nproc) client_cores=$(nproc)
}

# start_tintype [ARGUMENTS…]: with the bucket `photos`, by default the folder of photographs, or another ORIGIN.
start_tintype() {
    # What the last one said is no answer.
    rm -rf "$work/data" "$work/tintype.out"
    touch "$work/tintype.out"
    TINTYPE_LOG__LEVEL=warn "${server_pin[@]}" "$tintype" serve --listen 127.0.0.1:0 --data "$work/data" \
        --bucket "photos=${ORIGIN:-$work/photos}" "$@" >"$work/tintype.out" 2>"$work/tintype.err" &
    pid[tintype]=$!
    for _ in $(seq 100); do
        url[tintype]=$(sed -n 's/.*listening on \(http.*\)/\1/p' "$work/tintype.out")
        [ -n "${url[tintype]}" ] && return
        sleep 0.1
    done
    fail "tintype does not start: $(cat "$work/tintype.err")"
}

# Tuned as an operator would: no log, a worker for every core of servers, sendfile, open files remembered. Without a certificate no TLS.
start_nginx() {
    local port tls_port tls=
    port=$(free_port)
    tls_port=$(free_port)
    mkdir -p "$work/www"
    chmod 711 "$work"
    [ ! -f "$work/cert.pem" ] || tls="listen 127.0.0.1:$tls_port ssl http2; ssl_certificate $work/cert.pem;
        ssl_certificate_key $work/key.pem; http2_max_requests 1000000000;"
    cat >"$work/nginx.conf" <<CONF
worker_processes $server_cores;
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.err;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=100 inactive=60s;
    types { image/webp webp; }
    client_body_temp_path $work/nginx-body;
    proxy_temp_path $work/nginx-proxy;
    fastcgi_temp_path $work/nginx-fastcgi;
    uwsgi_temp_path $work/nginx-uwsgi;
    scgi_temp_path $work/nginx-scgi;
    server { listen 127.0.0.1:$port; $tls root $work/www; }
}
CONF
    "${server_pin[@]}" nginx -c "$work/nginx.conf" 2>"$work/nginx.out" &
    pid[nginx]=$!
    url[nginx]=http://127.0.0.1:$port
    url[nginx-tls]=https://127.0.0.1:$tls_port
    listens nginx
}

start_ipx() {
    local port
    port=$(free_port)
    NODE_ENV=production node "$ipx" serve --dir "$work/photos" --domains 127.0.0.1 --hostname 127.0.0.1 --port "$port" \
        --no-clipboard --no-qr >"$work/ipx.out" 2>&1 &
    pid[ipx]=$!
    url[ipx]=http://127.0.0.1:$port
    listens ipx
}

start_oximg() {
    local port source=()
    port=$(free_port)
    [ -z "${ORIGIN:-}" ] || source=("OXIMG_SOURCE_BASE_URL=${ORIGIN%/}")
    env PORT="$port" OXIMG_BIND=127.0.0.1 IMAGES_DIR="$work/photos" OXIMG_WEBP_QUALITY="${quality:-75}" QUALITY="${quality:-80}" \
        "${source[@]}" "$oximg" >"$work/oximg.out" 2>&1 &
    pid[oximg]=$!
    url[oximg]=http://127.0.0.1:$port
    listens oximg
}

start_next() {
    local port
    port=$(free_port)
    rm -rf "$next/.next/cache/images" "$next/public"
    ln -s "$work/photos" "$next/public"
    (cd "$next" && NEXT_TELEMETRY_DISABLED=1 NODE_ENV=production exec node node_modules/next/dist/bin/next start \
        --hostname 127.0.0.1 --port "$port") >"$work/next.out" 2>&1 &
    pid[next]=$!
    url[next]=http://127.0.0.1:$port
    listens next
}

start_imgproxy() {
    local port
    port=$(free_port)
    IMGPROXY_BIND=127.0.0.1:$port IMGPROXY_LOCAL_FILESYSTEM_ROOT=$work/photos IMGPROXY_LOG_LEVEL=error \
        IMGPROXY_ALLOW_LOOPBACK_SOURCE_ADDRESSES=true "$imgproxy" >"$work/imgproxy.out" 2>&1 &
    pid[imgproxy]=$!
    url[imgproxy]=http://127.0.0.1:$port
    listens imgproxy
}

# make_photos COUNT FILES…: hard links 1, 2, 3, …: every name is an object of its own, fetched, decoded, resized and
# encoded by itself.
make_photos() {
    rm -rf "$work/photos"
    mkdir -p "$work/photos"
    # shellcheck disable=SC2016 # the dollars are JavaScript's
    node -e '
        const { copyFileSync, linkSync } = require("fs");
        const [folder, count, files] = [process.argv[1], Number(process.argv[2]), process.argv.slice(3)];
        const extension = files[0].split(".").at(-1);
        const name = (number) => `${folder}/${number}.${extension}`;
        files.forEach((file, place) => copyFileSync(file, name(place + 1)));
        for (let i = files.length + 1; i <= count; i++) linkSync(name((i - 1) % files.length + 1), name(i));
    ' "$work/photos" "$@"
}

# --- measuring ------------------------------------------------------------------------------------------------------

# measure NAME WRK_ARGUMENTS…: one run; appends "rate median_ms p99_ms failed requests" to NAME's file.
measure() {
    local name=$1
    shift
    timeout $((seconds + 30)) "${client_pin[@]}" wrk -d "${seconds}s" -s "$here/load.lua" --timeout 10s "$@" | tail -1 >>"$work/$name"
    tail -1 "$work/$name"
}

# Names are never asked of the same server twice: the next one by NAME of a measurement.
declare -A next_name=()
# measure_cold NAME BASE SUFFIX [WRK_ARGUMENTS…]: by default on 4 connections.
measure_cold() {
    local name=$1 base=$2 suffix=$3 first=${next_name[$1]:-1}
    shift 3
    measure "$name" -t1 -c4 "$@" "$base" -- "$first" "$suffix" >"$work/last"
    next_name[$name]=$((first + $(awk '{ print $5 }' "$work/last") + 100))
}

# column NAME N: "median lowest highest" of a column over all rounds.
column() {
    sort -g -k "$2,$2" "$work/$1" | awk -v n="$2" '
        { v[NR] = $n }
        END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf "%.1f %.1f %.1f\n", m, v[1], v[NR] }'
}

# until_refined URL: asks tintype for it until its small file is there, at most a minute.
until_refined() {
    for _ in $(seq 600); do
        # Not by a pipe: who is told no more would make curl fail.
        case $(curl -fsSI "$1") in *detail=small*) return ;; esac
        sleep 0.1
    done
    echo "$1 was not refined"
    return 1
}
