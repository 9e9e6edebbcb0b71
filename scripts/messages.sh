#!/bin/sh
# Bring the catalogues up to date with the words in code and templates; what is new stays empty.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
pot=$(mktemp)
trap 'rm -f "$pot"' EXIT
pybabel --quiet extract -F babel.cfg -k lazy_gettext -k _l -k lazy_ngettext:1,2 -k promise:1 -k append_only:1 -k Promise:1 --no-location -o "$pot" .
for language in ru; do
    catalogue=app/translations/$language/LC_MESSAGES/messages.po
    if [ -f "$catalogue" ]; then
        pybabel --quiet update -i "$pot" -d app/translations -l "$language" --no-fuzzy-matching --ignore-obsolete
    else
        pybabel --quiet init -i "$pot" -d app/translations -l "$language"
    fi
done
python scripts/check_translations.py || true
