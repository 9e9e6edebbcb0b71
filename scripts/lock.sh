#!/bin/sh
# Resolve requirements*.in to the newest versions that run on Python 3.11, with the hash of every file.
set -eu
cd "$(dirname "$0")/.."
# The addresses this machine may take packages from do not belong into the files.
unset PIP_FIND_LINKS UV_FIND_LINKS || true
for list in requirements requirements-dev requirements-assets requirements-pip; do
    .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --custom-compile-command "make lock" "$list.in" -o "$list.txt"
    echo "$list.txt: $(grep -c '==' "$list.txt") packages"
done
