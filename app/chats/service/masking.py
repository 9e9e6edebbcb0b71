"""Units of stock get into no conversation: they stand sealed in PostgreSQL alone."""

from app.kit.db import end_read
from app.products.service import masking


def without_units(text: str) -> str:
    """The text with every unit masked; holds no connection afterwards, while MongoDB is asked."""
    masked = masking.without_units(text)
    end_read()
    return masked
