"""Compare the catalogues with the words in code and templates; lists what is wrong and exits 1.

Wrong are messages that a catalogue lacks, leaves empty, marks fuzzy or no longer needs, plural
forms left out, and translations whose placeholders are not those of the original.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("ru",)
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")


def main() -> int:
    template = extract()
    complaints = [
        f"{language}: {complaint}"
        for language in LANGUAGES
        for complaint in compare(template, language)
    ]
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


def extract() -> Catalog:
    """The messages of code and templates."""
    with tempfile.TemporaryDirectory() as directory:
        pot = Path(directory) / "messages.pot"
        subprocess.run(
            [
                *(sys.executable, "-m", "babel.messages.frontend", "--quiet", "extract"),
                *("-F", "babel.cfg", "-k", "lazy_gettext", "-k", "_l", "-k", "lazy_ngettext:1,2"),
                # The names of promises, which administrators read.
                *("-k", "promise:1", "-k", "append_only:1", "-k", "Promise:1"),
                *("-o", str(pot), "."),
            ],
            cwd=ROOT,
            check=True,
        )
        with pot.open("rb") as file:
            return read_po(file)


def compare(template: Catalog, language: str) -> Iterator[str]:
    """What is wrong with a language's catalogue."""
    path = ROOT / "app" / "translations" / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        yield f"{path.relative_to(ROOT)} is missing"
        return
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    if catalogue.fuzzy:
        yield "the header is marked fuzzy, so the catalogue would not be compiled"
    for message in template:
        if message.id:
            yield from complaints_about(message, catalogue)
    for message in catalogue:
        if message.id and template.get(message.id, message.context) is None:
            yield f"no longer used: {name(message)}"
    for message in catalogue.obsolete.values():
        yield f"obsolete: {name(message)}"


def complaints_about(message: Message, catalogue: Catalog) -> Iterator[str]:
    """What is wrong with one message's translation."""
    translated = catalogue.get(message.id, message.context)
    if translated is None:
        yield f"missing: {name(message)}{places(message)}"
        return
    if translated.fuzzy:
        yield f"fuzzy: {name(message)}"
    texts = translated.string if isinstance(translated.string, tuple) else (translated.string,)
    if not all(texts):
        yield f"empty: {name(message)}{places(message)}"
        return
    if isinstance(message.id, tuple) and len(texts) != catalogue.num_plurals:
        yield f"{len(texts)} of {catalogue.num_plurals} plural forms: {name(message)}"
    wanted = placeholders(message.id[-1] if isinstance(message.id, tuple) else message.id)
    for text in texts:
        if placeholders(text) != wanted:
            yield f"placeholders differ: {name(message)} → {text!r}"


def placeholders(text: str) -> set[str]:
    """The names that a message has filled in."""
    return {match[1] or match[2] or "" for match in PLACEHOLDER.finditer(text)}


def name(message: Message) -> str:
    """The message as its author wrote it."""
    return repr(message.id[0] if isinstance(message.id, tuple) else message.id)


def places(message: Message) -> str:
    """Where the message is used."""
    return "".join(f"\n    {file}:{line}" for file, line in message.locations[:2])


if __name__ == "__main__":
    sys.exit(main())
