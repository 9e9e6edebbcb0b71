"""What is done after something happened to goods, and timed work."""

from app.kit import live
from app.products.events import StockChanged


def announce_stock(event: StockChanged) -> None:
    """Have open pages of the product show how many are left."""
    live.publish(f"product:{event.product_id}", "stock")
