#!/bin/sh
# Run the tests in a Chromium that is found or installed first; arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

has_own_chromium() {
    python - <<'PYTHON'
import sys
from pathlib import Path
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not Path(playwright.chromium.executable_path).exists())
PYTHON
}

# The same engine without windows of its own takes half the time; Playwright prefers it, too.
system_chromium() {
    command -v chromium-headless-shell || command -v chromium || command -v chromium-browser ||
        command -v google-chrome || true
}

# What Debian recommends beside it (a printer's settings, a notifier) no test needs, but for a font.
install_debian_package() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "$1" fonts-liberation >/dev/null
}

CHROMIUM=${CHROMIUM:-$(system_chromium)}
if [ -z "$CHROMIUM" ] && ! has_own_chromium; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "→ Installing Debian's chromium"
        apt-get update -qq >/dev/null || true
        install_debian_package chromium-headless-shell || install_debian_package chromium || true
        CHROMIUM=$(system_chromium)
    fi
    if [ -z "$CHROMIUM" ]; then
        echo "→ Installing Playwright's chromium"
        log=$(mktemp)
        playwright install chromium >"$log" 2>&1 || grep -m1 '^Error' "$log" >&2 || true
        rm -f "$log"
    fi
    if [ -z "$CHROMIUM" ] && ! has_own_chromium; then
        echo "The browser tests need Chromium and none could be installed:" >&2
        echo "run 'apt-get install chromium' as root, or set CHROMIUM=/path/to/chromium." >&2
        exit 1
    fi
fi
# Empty: Playwright's own.
export CHROMIUM
# Else each of the many processes that tests start compiles the shop anew.
unset PYTHONDONTWRITEBYTECODE
exec python -m pytest "$@"
