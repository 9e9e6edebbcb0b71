"""What is done after something happened to goods, and timed work."""

from app.kit import live
from app.products.events import StockChanged
from app.products.service import importing


def announce_stock(event: StockChanged) -> None:
    """Have open pages of the product show how many are left."""
    live.publish(f"product:{event.product_id}", "stock")


def drop_expired_uploads() -> int:
    """Drop lines of stock that waited too long to be taken in; returns how many uploads."""
    return importing.drop_expired()
