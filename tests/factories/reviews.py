"""Reviews for tests."""

from uuid import UUID

from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.products.models import Product
from app.reviews.service import writing
from tests.factories.auth import make_user
from tests.support.bought import delivered


def bought(product: Product, buyer: User | None = None) -> tuple[User, UUID]:
    """Somebody to whom a piece was delivered, and the line of it."""
    buyer = buyer or make_user()
    return buyer, line_of(delivered(buyer, {product.id: 1}))


def line_of(order_id: UUID) -> UUID:
    """The only line of an order."""
    found = session().execute(
        text("SELECT id FROM order_line WHERE order_id = :id"), {"id": order_id}
    )
    line_id: UUID = found.scalar_one()
    return line_id


def make_review(
    product: Product, *, stars: int = 5, words: str = "Works well.", author: User | None = None
) -> UUID:
    """A review of a new purchase; its id."""
    buyer, line_id = bought(product, author)
    return writing.write(author_id=buyer.id, line_id=line_id, stars=stars, text=words)
