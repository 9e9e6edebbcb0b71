"""Goods at rest: sealed, and bound to the product and the row that they belong to."""

from uuid import UUID

from app.kit.crypto import Sealed, vault


def seal(text: str, *, product_id: UUID, item_id: UUID) -> Sealed:
    """Seal what a buyer gets; moved to another product or row, it can't be opened."""
    return vault().seal(text, bound_to=product_id.bytes + item_id.bytes)


def unseal(sealed: Sealed, *, product_id: UUID, item_id: UUID) -> str:
    """The clear text; UnsealError if it was changed or moved, or its key is missing."""
    return vault().open(sealed, bound_to=product_id.bytes + item_id.bytes)
