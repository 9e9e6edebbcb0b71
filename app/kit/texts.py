"""What people write for others, as it is kept: without signs that nobody could read."""

import re
import unicodedata

# Half a UTF-16 pair and NUL are in no text; other control characters but tab and line end show as
# nothing, or as something else. https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_NEVER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
# What alone shows nothing; within words it joins emoji, or parts letters of some languages.
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_UNSEEN = re.compile(
    r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def kept(text: str) -> str:
    """The text composed (NFC), with one kind of line ends, without what is in no readable text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _NEVER.sub("", lines)).strip()


def seen(text: str) -> str:
    """The signs of a text that show something: none, where there is nothing to read."""
    return _UNSEEN.sub("", text)
