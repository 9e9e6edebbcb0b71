"""Low stock: a seller hears of it once, when a sale leaves so few units, until there are more.

What was told stands in the product's row, which each sale of it locks to count itself: of any
number of sales at once one announces it, in its own transaction.
"""

from uuid import UUID

from sqlalchemy import func, literal, literal_column, select, update

from app.kit.db import session, transactional
from app.kit.outbox import emit
from app.products.events import StockLow
from app.products.models import Product, StockItem


@transactional
def count_sale(*, product_id: UUID, quantity: int) -> None:
    """Add sold pieces to the product's counter, by which the catalogue sorts; look what is left."""
    product = (
        session()
        .execute(
            update(Product)
            .where(Product.id == product_id)
            .values(sold_count=Product.sold_count + quantity)
            .returning(
                Product.seller_id,
                Product.title,
                Product.shared,
                Product.sold_count,
                Product.low_stock_at,
                Product.low_stock_told,
            )
            .execution_options(synchronize_session=False)
        )
        .one()
    )
    if product.shared or not product.low_stock_at:
        return
    # Once the row is locked: a statement of its own sees what the sales before this one have taken.
    left = _free(product_id, product.low_stock_at + 1)
    is_low = left <= product.low_stock_at
    if is_low is product.low_stock_told:
        return
    _note(product_id, is_low=is_low)
    if is_low:
        emit(StockLow(product_id, product.seller_id, product.title, left, product.sold_count))


@transactional
def count_return(*, product_id: UUID, quantity: int) -> None:
    """Take pieces that were refunded off the product's counter; look whether there is enough."""
    session().execute(
        update(Product)
        .where(Product.id == product_id)
        .values(sold_count=Product.sold_count - quantity)
        .execution_options(synchronize_session=False)
    )
    note_restocked(product_id=product_id)


@transactional
def note_restocked(*, product_id: UUID) -> None:
    """Have the seller hear of the next fall, if there are more units than that by now."""
    product = (
        session()
        .execute(
            select(Product.low_stock_at, Product.low_stock_told).where(Product.id == product_id)
        )
        .one()
    )
    enough = product.low_stock_at + 1
    if product.low_stock_told and _free(product_id, enough) == enough:
        _note(product_id, is_low=False)


def _free(product_id: UUID, most: int) -> int:
    """How many units are free, counted up to so many: in the order of their own index."""
    some = (
        select(literal(1))
        .select_from(StockItem)
        .where(
            StockItem.product_id.between(product_id, product_id),
            StockItem.state == literal_column("'free'"),
        )
        .order_by(StockItem.product_id, StockItem.id)
        .limit(most)
    )
    return session().execute(select(func.count()).select_from(some.subquery())).scalar_one()


def _note(product_id: UUID, *, is_low: bool) -> None:
    session().execute(
        update(Product)
        .where(Product.id == product_id)
        .values(low_stock_told=is_low)
        .execution_options(synchronize_session=False)
    )
