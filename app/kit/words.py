"""Words that people look for, made fit for the database."""

import unicodedata

# PostgreSQL's text holds no NUL, and no half of a UTF-16 pair can be sent to it:
# https://www.postgresql.org/docs/current/datatype-character.html
_NEVER_STORED = {0: " ", **dict.fromkeys(range(0xD800, 0xE000), " ")}


def searchable(text: str) -> str:
    """What somebody looks for, in one line, composed (NFC), without what no text can hold."""
    return unicodedata.normalize("NFC", " ".join(text.translate(_NEVER_STORED).split()))
