"""What may be bought: one rule, written for the database and read from it with every card."""

from sqlalchemy import ColumnElement, and_, or_

from app.auth.models import User
from app.products.models import Product, ProductState


def for_sale() -> ColumnElement[bool]:
    """Whether anybody may see and buy a product, stock aside; for a query that joins its seller."""
    return and_(is_offered(Product), User.banned_at.is_(None))


def is_offered(product: type[Product]) -> ColumnElement[bool]:
    """The same, its seller aside. A shared product needs the content that its buyers get."""
    return and_(
        product.state == ProductState.PUBLISHED,
        or_(product.shared.is_(False), product.content_id.is_not(None)),
    )
