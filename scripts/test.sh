#!/bin/sh
# Run the tests with a Chromium, an nginx and a Caddy that are found or installed first; arguments
# go to pytest.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

# The same engine without windows of its own takes half the time; Playwright prefers it, too.
system_chromium() {
    command -v chromium-headless-shell || command -v chromium || command -v chromium-browser ||
        command -v google-chrome || true
}

# Whether the browser at $CHROMIUM starts, or Playwright's own if that is empty: it may be missing,
# or the libraries that it needs.
chromium_starts() {
    python - <<'PYTHON'
import os
import sys
from playwright.sync_api import Error, sync_playwright
with sync_playwright() as playwright:
    try:
        playwright.chromium.launch(executable_path=os.environ["CHROMIUM"] or None).close()
    except Error:
        sys.exit(1)
PYTHON
}

# What Debian recommends beside it (a printer's settings, a notifier) no test needs, but for a font.
install_debian_package() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "$1" fonts-liberation >/dev/null
}

install_chromium() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "→ Installing Debian's chromium"
        apt-get update -qq >/dev/null || true
        install_debian_package chromium-headless-shell || install_debian_package chromium || true
        CHROMIUM=$(system_chromium)
        if [ -n "$CHROMIUM" ]; then return; fi
    fi
    echo "→ Installing Playwright's chromium"
    CHROMIUM=
    log=$(mktemp)
    playwright install --only-shell chromium >"$log" 2>&1 || grep -m1 '^Error' "$log" >&2 || true
    rm -f "$log"
}

given=${CHROMIUM:-}
CHROMIUM=${given:-$(system_chromium)}
export CHROMIUM
if ! chromium_starts; then
    if [ -z "$given" ]; then install_chromium; fi
    if ! chromium_starts; then
        echo "The browser tests need Chromium; ${CHROMIUM:-the one of Playwright} does not start." >&2
        echo "Run 'apt-get install chromium-headless-shell' as root, or set CHROMIUM=/path/to/it." >&2
        exit 1
    fi
fi

# The shipped files of the proxies are tried on the real ones.
PATH="$PATH:/usr/sbin"
missing=
for proxy in nginx caddy; do
    command -v "$proxy" >/dev/null || missing="$missing $proxy"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "→ Installing Debian's$missing"
        apt-get update -qq >/dev/null || true
        # shellcheck disable=SC2086  # one word for each package
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null || true
    fi
    for proxy in $missing; do
        if ! command -v "$proxy" >/dev/null; then
            echo "The tests need $proxy: run 'apt-get install$missing' as root." >&2
            exit 1
        fi
    done
fi

# Else each of the many processes that tests start compiles the shop anew.
unset PYTHONDONTWRITEBYTECODE
exec python -m pytest "$@"
