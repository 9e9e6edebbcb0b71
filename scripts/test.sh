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

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$CHROMIUM" ] && ! has_own_chromium; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "→ Installing Debian's chromium"
        # What it recommends (a printer's settings, a notifier) no test needs, but for a font.
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends chromium fonts-liberation; } >/dev/null || true
        CHROMIUM=$(command -v chromium || true)
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
exec python -m pytest "$@"
