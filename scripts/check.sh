#!/bin/sh
# Every check that reads the code without running the shop; all of them run, then the failed are named.
set -u
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
failed=""

check() {
    title=$1
    shift
    printf '→ %s\n' "$title"
    "$@" || failed="$failed
  $title"
}

check "ruff: lint" ruff check --quiet .
check "ruff: format" ruff format --quiet --check .
check "mypy --strict" mypy
check "import contracts" lint-imports --no-logo
check "djlint" djlint --quiet --lint templates
check "translations" python scripts/check_translations.py
check "code generated from proto/" python scripts/protos.py --check
check "settings table in README.md" python scripts/document_settings.py --check
check "licenses of what is installed" python scripts/document_licenses.py --check
check "published OpenAPI document" python scripts/document_api.py --check

if [ -n "$failed" ]; then
    printf '\nThese checks failed:%s\n' "$failed" >&2
    exit 1
fi
echo "All checks passed."
