"""What is done for photos on the clock."""

from app.files import service


def drop_replaced() -> int:
    """Delete the photos that were replaced and are shown nowhere any more."""
    return service.drop_replaced()
