"""The words of messages: what is taken or masked, what others are warned of, how it is found."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

from flask_babel import gettext as _

from app.chats.errors import BadMessage
from app.chats.models import Flag

LONGEST = 4_000
MOST_WORDS = 200  # of one message, by which it is found
MOST_PIECES = 2_100  # of one message, that are held against the keys of the shop: all of them
LONGEST_WORD = 40
_SHORTEST_UNIT = 5
_LONGEST_WORD_OF_ALL = 16  # letters; what is longer, or has a digit or a sign, may be a key
_SHOWN_OF_UNIT = 4  # a third of it at most
_MASK = "••••"

# Half a UTF-16 pair and NUL are in no text; other control characters but tab and line end show as
# nothing, or as something else. https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_NEVER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
# What alone shows nothing; within words it joins emoji, or parts letters of some languages.
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
_UNSEEN = re.compile(
    r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_WORD = re.compile(r"\w+")
_PIECE = re.compile(r"\S+")
_AROUND = ".,;:!?()[]{}<>\"'«»“”`*_"
_OUTSIDE_PAYMENT = re.compile(
    r"\b(?:paypal\.me|paypal\.com/(?:paypalme|pools)|revolut\.me|cash\.app|venmo\.com|wise\.com/pay"
    r"|ko-fi\.com|buymeacoffee\.com|buy\.stripe\.com|donationalerts\.com|boosty\.to|yoomoney\.ru"
    r"|qiwi\.com|sberbank\.(?:ru|com)/sms|tinkoff\.ru/(?:cf|rm)|tbank\.ru/(?:cf|rm))\b"
    r"|\b(?:bc1[a-z0-9]{25,59}|0x[0-9a-f]{40}|T[1-9A-HJ-NP-Za-km-z]{33})\b",
    re.IGNORECASE,
)
_CARD = re.compile(r"\b(?:\d[ -]?){12,18}\d\b")
# Nothing in it is tried twice (`+` after a repetition): a thousand blanks take no longer than each.
_PASSWORD = re.compile(
    r"\b(?:password|passwort|passcode|pass|pwd|пароль|пасс)\b\s*+(?:is|это)?+\s*+[:=—-]?+\s*+"
    r"(?=\S{0,64}[\d!@#$%^&*])\S{5}",
    re.IGNORECASE,
)


def taken(text: str, *, longest: int = LONGEST) -> str:
    """The text as it is stored: composed (NFC), without what nobody could read; BadMessage."""
    clean = unicodedata.normalize("NFC", _NEVER.sub("", text.replace("\r\n", "\n"))).strip()
    if not _UNSEEN.sub("", clean):
        raise BadMessage(_("Please write something."))
    if len(clean) > longest:
        raise BadMessage(
            _(
                "This is too long: %(length)d of %(most)d characters.",
                length=len(clean),
                most=longest,
            )
        )
    return clean


def flags_of(text: str) -> tuple[Flag, ...]:
    """What whoever writes and reads this is warned of."""
    found = []
    if _OUTSIDE_PAYMENT.search(text) or any(_is_card(match[0]) for match in _CARD.finditer(text)):
        found.append(Flag.PAYMENT)
    if _PASSWORD.search(text):
        found.append(Flag.PASSWORD)
    return tuple(found)


def _is_card(text: str) -> bool:
    """Whether digits are a card's number (ISO/IEC 7812-1, the check digit of Luhn)."""
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def without_units(text: str, known: Callable[[Sequence[str]], set[str]]) -> str:
    """The text with every unit of stock masked; `known` says which of some pieces are units.

    It gets no longer by that: what was short enough to be taken stays so.
    """
    pieces = list(dict.fromkeys(_pieces(text)))[:MOST_PIECES]
    for unit in sorted(known(pieces), key=len, reverse=True):
        shown = unit[: min(_SHOWN_OF_UNIT, len(unit) // 3)]
        text = text.replace(unit, f"{shown}{_MASK}")
    return text


def _pieces(text: str) -> Iterator[str]:
    """Whole lines, and what stands between blanks, with and without signs around it."""
    for line in text.splitlines():
        if len(whole := line.strip()) >= _SHORTEST_UNIT:
            yield whole
        for match in _PIECE.finditer(line):
            for piece in (match[0], match[0].strip(_AROUND), match[0].rpartition(":")[2]):
                if len(piece) >= _SHORTEST_UNIT and not _is_plain_word(piece):
                    yield piece


def _is_plain_word(piece: str) -> bool:
    """Whether it is a word that anybody writes: stocked by somebody, it would be masked for all."""
    return piece.isalpha() and len(piece) < _LONGEST_WORD_OF_ALL


def words_of(text: str) -> list[str]:
    """The words by which a text is found, each once, in small letters."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    words = dict.fromkeys(match[0][:LONGEST_WORD] for match in _WORD.finditer(folded))
    return list(words)[:MOST_WORDS]


def marks(people: Sequence[UUID], text: str) -> list[str]:
    """What a message is found by: each word, once for each of those who may find it."""
    return [mark(user_id, word) for user_id in people for word in words_of(text)]


def mark(user_id: UUID, word: str) -> str:
    """A word as this person finds it."""
    return f"{user_id}:{word}"
