"""Ids as PayPal makes them: opaque capitals and digits."""

import secrets
import string

LETTERS = string.ascii_uppercase + string.digits


def resource_id() -> str:
    """The id of an order or a capture: 17 characters."""
    return "".join(secrets.choice(LETTERS) for _ in range(17))


def payout_id() -> str:
    """The id of a batch of payouts or of one of its items: 13 characters."""
    return resource_id()[:13]


def event_id() -> str:
    """The id of a webhook event."""
    return f"WH-{resource_id()}-{resource_id()}"


def debug_id() -> str:
    """What PayPal's support asks for."""
    return secrets.token_hex(7)[:13]
