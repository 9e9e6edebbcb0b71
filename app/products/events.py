"""What happens to goods."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class StockChanged:
    """The number of free units of a product is another one."""

    product_id: UUID
