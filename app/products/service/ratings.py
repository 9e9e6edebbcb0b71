"""The sums of reviews: kept with each change of one, in its transaction."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import session, transactional
from app.products.models import Product, SellerRating


@transactional
def count_review(*, product_id: UUID, before: int | None, now: int | None) -> None:
    """Have a review count with other stars than before; None where it did, or does, not count.

    Whoever changes another review of the product, or of its seller, waits for the commit.
    """
    if before == now:
        return
    steps = {stars: step for stars, step in ((before, -1), (now, 1)) if stars}
    columns = {stars: getattr(Product, f"stars_{stars}") for stars in steps}
    seller_id = session().scalar(
        update(Product)
        .where(Product.id == product_id)
        .values({columns[stars]: columns[stars] + step for stars, step in steps.items()})
        .returning(Product.seller_id)
        .execution_options(synchronize_session=False)
    )
    session().execute(insert(SellerRating).values(seller_id=seller_id).on_conflict_do_nothing())
    session().execute(
        update(SellerRating)
        .where(SellerRating.seller_id == seller_id)
        .values(
            review_count=SellerRating.review_count + sum(steps.values()),
            star_sum=SellerRating.star_sum + sum(stars * step for stars, step in steps.items()),
        )
        .execution_options(synchronize_session=False)
    )
