"""Identifiers."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

# Crockford's base 32: no I, L, O, U, so a number can be read out.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHORT_LENGTH = 8
# As Crockford has it: letters that people write for digits.
_READ_AS = str.maketrans("ILO", "110", "- ")


def new_id() -> UUID:
    """A new UUIDv7 (RFC 9562): sorts by time of making."""
    return uuid7()


def ids_from(moment: datetime) -> UUID:
    """Where the ids made at `moment` or later begin: all earlier ones are smaller.

    A UUIDv7 starts with 48 bits of milliseconds since 1970 (RFC 9562, section 5.7).
    """
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def moment_of(value: UUID) -> datetime:
    """When an id was made, in UTC, to the millisecond."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def short_number(value: UUID) -> str:
    """The short number of an id that people read out, from its random tail: `7KQ2-M0XA`."""
    number = value.int & ((1 << (5 * _SHORT_LENGTH)) - 1)
    text = "".join(
        _ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(_SHORT_LENGTH))
    )
    return f"{text[:4]}-{text[4:]}"


def parse_short_number(text: str) -> str | None:
    """The last ten hexadecimal digits of the ids with this short number; None if it is none."""
    chars = text.upper().translate(_READ_AS)
    if len(chars) != _SHORT_LENGTH or any(char not in _ALPHABET for char in chars):
        return None
    number = 0
    for char in chars:
        number = (number << 5) | _ALPHABET.index(char)
    return f"{number:010x}"
