"""What happens to goods."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class StockChanged:
    """The number of free units of a product is another one."""

    product_id: UUID


@dataclass(frozen=True)
class StockLow:
    """A sale left so few units that the seller wants to hear of it; once until there are more.

    `sold_count` is the product's after that sale.
    """

    product_id: UUID
    seller_id: UUID
    title: str
    left: int
    sold_count: int


@dataclass(frozen=True)
class ProductRemoved:
    """A moderator took a product out of the shop. `version` is the product's by then."""

    product_id: UUID
    version: int
    seller_id: UUID
    title: str
    reason: str


@dataclass(frozen=True)
class ProductRestored:
    """A product that a moderator had taken out is back, hidden."""

    product_id: UUID
    version: int
    seller_id: UUID
    title: str
