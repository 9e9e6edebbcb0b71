"""The words of messages: what is taken, what others are warned of, how it is found."""

import re
import unicodedata
from collections.abc import Sequence
from uuid import UUID

from flask_babel import gettext as _

from app.chats.errors import BadMessage
from app.chats.models import Flag
from app.kit.texts import kept, seen

LONGEST = 4_000
MOST_WORDS = 200  # of one message, by which it is found
LONGEST_WORD = 40

_WORD = re.compile(r"\w+")
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
    """The text as it is stored; BadMessage where there is nothing to read, or too much."""
    clean = kept(text)
    if not seen(clean):
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
