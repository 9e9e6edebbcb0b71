"""Identifiers."""

from uuid import UUID

from uuid_utils.compat import uuid7

# Crockford's base 32: no I, L, O, U, so a number can be read out.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHORT_LENGTH = 8


def new_id() -> UUID:
    """A new UUIDv7 (RFC 9562): sorts by time of making."""
    return uuid7()


def short_number(value: UUID) -> str:
    """The short number of an id that people read out, from its random tail: `7KQ2-M0XA`."""
    number = value.int & ((1 << (5 * _SHORT_LENGTH)) - 1)
    text = "".join(
        _ALPHABET[(number >> (5 * place)) & 31] for place in reversed(range(_SHORT_LENGTH))
    )
    return f"{text[:4]}-{text[4:]}"
