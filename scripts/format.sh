#!/bin/sh
# Bring Python and templates into shape.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
ruff check --quiet --fix-only .
ruff format --quiet .
# djlint exits 1 where it changed a file.
djlint --quiet --reformat templates || djlint --quiet --check templates
