"""What search engines are told of: the products for sale, in parts of bounded size."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select

from app.auth.models import User
from app.kit.db import session
from app.products import policy
from app.products.models import Product, ProductState

PART_SIZE = 10_000  # at most 50,000: https://www.sitemaps.org/protocol.html#index
FIRST = UUID(int=0)


@dataclass(frozen=True)
class Entry:
    """A product's page, and when it was last put up for sale."""

    product_id: UUID
    published_at: datetime | None


def part_starts() -> list[UUID]:
    """Where each part begins; each statement reads one part's keys."""
    starts, start = [FIRST], session().scalar(_after(FIRST))
    while start is not None:
        starts.append(start)
        start = session().scalar(_after(start))
    return starts


def _after(start: UUID) -> Select[UUID]:
    published = Product.state == ProductState.PUBLISHED
    return (
        select(Product.id)
        .where(published, Product.id >= start)
        .order_by(Product.id)
        .offset(PART_SIZE)
        .limit(1)
    )


def part(start: UUID) -> list[Entry]:
    """The products of the part that begins there."""
    keys = (
        select(Product.id)
        .where(Product.state == ProductState.PUBLISHED, Product.id >= start)
        .order_by(Product.id)
        .limit(PART_SIZE)
        .subquery()
    )
    rows = session().execute(
        select(Product.id, Product.published_at)
        .join(keys, keys.c.id == Product.id)
        .join(User, User.id == Product.seller_id)
        .where(policy.for_sale())
        .order_by(Product.id)
    )
    return [Entry(row.id, row.published_at) for row in rows]
