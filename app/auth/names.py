"""Names that look alike, and names that are the shop's own.

By the confusables of Unicode (UTS #39, https://www.unicode.org/reports/tr39/#Confusable_Detection).
What `letters` and `looks` make is kept beside sellers' names in the database: a newer list of
confusables, or another rule here, takes a migration that makes them anew.
"""

import unicodedata
from functools import cache

from confusable_homoglyphs.confusables import confusables_data

_ABOVE = 200  # accents have this combining class or a higher one; the vowels of Hindi, Thai do not
_LEFT_TO_RIGHT = "\u200e"  # the list puts it around letters of Arabic and Hebrew
# Whoever has these in their name speaks for the shop, or for PayPal.
_BRANDS = ("ByteShop", "PayPal", "Байтшоп", "Байт шоп", "ПейПал", "ПэйПал", "Палпей")
# A name that is made of nothing but these does so too.
_OFFICES = (
    "admin administrator administration official officials moderator moderators moderation mod",
    "support helpdesk help desk service staff team security root system sysadmin webmaster",
    "postmaster owner shop store seller sellers buyer buyers customer care billing payment",
    "payments payout payouts refund refunds dispute disputes escrow guarantor arbiter verified",
    "the our me you anonymous deleted",
    "админ админы администратор администраторы администрация официальный официально модератор",
    "модераторы модерация модер поддержка поддержки техподдержка техподдержки саппорт помощь",
    "служба сервис команда безопасность безопасности система техническая владелец магазин",
    "магазина продавец продавцы покупатель покупатели клиентская клиентов оплата оплаты платежи",
    "выплаты возврат возвраты споры гарант арбитр проверено сотрудник сотрудники аноним удалён",
)


def letters(name: str) -> str:
    """What two names share that are the same letters in another case, or look like them."""
    return _drawn(_prototypes_of(_normal(name).casefold())) or _normal(name).casefold()


def looks(name: str) -> str:
    """What two names share that look alike as they are written: a capital I is a small l."""
    return _drawn(_prototypes_of(_prototypes_of(_normal(name)).casefold())) or letters(name)


def is_reserved(name: str) -> bool:
    """Whether a name makes people believe that the shop itself, or PayPal, speaks."""
    brands, offices = _reserved()
    wholes = {letters(name), looks(name)}
    if wholes & offices or any(brand in whole for whole in wholes for brand in brands):
        return True
    words = "".join(sign if _is_drawn(sign) else " " for sign in _normal(name)).split()
    return all({letters(word), looks(word)} & offices for word in words) and bool(words)


@cache
def _reserved() -> tuple[frozenset[str], frozenset[str]]:
    return (
        frozenset(make(brand) for brand in _BRANDS for make in (letters, looks)),
        frozenset(
            make(word) for line in _OFFICES for word in line.split() for make in (letters, looks)
        ),
    )


def _normal(name: str) -> str:
    return "".join(map(_large, unicodedata.normalize("NFKC", name)))


def _large(sign: str) -> str:
    """A small capital as a letter; the list of confusables lacks most of them."""
    _before, known, letter = unicodedata.name(sign, "").partition("LATIN LETTER SMALL CAPITAL ")
    return letter if known and len(letter) == 1 else sign


def _drawn(text: str) -> str:
    """The letters and digits alone, without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if _is_drawn(sign))


def _is_drawn(sign: str) -> bool:
    category = unicodedata.category(sign)[0]
    return category in "LN" or (category == "M" and unicodedata.combining(sign) < _ABOVE)


def _prototypes_of(text: str) -> str:
    """The skeleton of UTS #39: each sign as the one that stands for all that look like it."""
    known = _prototypes()
    return "".join(known.get(sign, sign) for sign in unicodedata.normalize("NFD", text))


@cache
def _prototypes() -> dict[str, str]:
    """What stands for a sign, by sign. The library tells of each pair in both directions."""
    alike: dict[str, set[str]] = {}
    for sign, others in confusables_data.items():
        found = alike.setdefault(sign.strip(_LEFT_TO_RIGHT), set())
        found.update(other["c"].strip(_LEFT_TO_RIGHT) for other in others)
    prototypes = {}
    for sign, others in alike.items():
        if len(sign) > 1 or len(others) > 1:  # it stands for others, or is made of several
            continue
        [other] = others
        if len(other) == 1 and len(alike[other]) == 1:  # nothing else looks like these two
            other = min(sign, other)
        prototypes[sign] = other
    return prototypes
