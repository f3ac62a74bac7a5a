# shellcheck shell=bash
# Sourced by deploy/test after install.sh: Node.js new enough for Next, and a Chromium.

# Next 16 says `node >= 20.9`.
node_is_new_enough() {
    node --eval 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 9) ? 0 : 1)'
}

# A system's own Node.js may be older than Next takes: then npm brings a newer one, for these tests alone.
install_node() {
    local folder
    install_missing node npm
    node_is_new_enough && return
    folder=$(target_folder)/node
    if [ ! -x "$folder/node_modules/node/bin/node" ]; then
        say "Node.js $(node --version) is too old for Next 16. Installing a newer one into $folder"
        mkdir -p "$folder"
        npm install --prefix "$folder" --no-save --no-audit --no-fund node@22
    fi
    PATH="$folder/node_modules/node/bin:$PATH"
    node_is_new_enough || fail "Next 16 needs Node.js 20.9 or newer; here is $(node --version)."
}

find_chromium() {
    local candidate
    for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if [ -n "$candidate" ] && have "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
}

# Sets $chromium to the path of a Chromium or Chrome.
install_chromium() {
    chromium=$(find_chromium)
    [ -z "$chromium" ] || return 0
    install_missing chromium
    chromium=$(find_chromium)
}
