#!/bin/sh
# Bring Python into shape. Templates are laid out by hand: moving their line ends moves white space.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
ruff check --quiet --fix-only .
ruff format --quiet .
