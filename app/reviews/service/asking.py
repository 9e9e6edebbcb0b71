"""Buyers are asked for a review by one mail, some days after a delivery.

One row for each buyer who waits to be asked: what else is delivered to them by then is in the same
mail.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import db_now, end_read, lock, session, transactional
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each
from app.orders.queries.purchases import get_order
from app.reviews.events import ReviewWanted
from app.reviews.models import ReviewRequest

ASK_AFTER = timedelta(days=3)
LIMIT = 200  # buyers at a time


@transactional
def plan(*, order_id: UUID) -> None:
    """Note that the buyer of a delivered order is to be asked, if they are not to be already."""
    order = get_order(order_id)
    if order is None or order.delivered_at is None:
        return
    session().execute(
        insert(ReviewRequest)
        .values(
            buyer_id=order.buyer_id,
            since=order.delivered_at,
            due_at=order.delivered_at + ASK_AFTER,
        )
        .on_conflict_do_nothing()
    )


def ask_due() -> Swept:
    """Have those asked whose time has come; how many there were."""
    due = (
        select(ReviewRequest.buyer_id)
        .where(ReviewRequest.due_at <= func.statement_timestamp())
        .order_by(ReviewRequest.due_at)
        .limit(LIMIT)
    )
    buyers = list(session().scalars(due))
    end_read()
    return for_each(buyers, _ask)


def _ask(buyer_id: UUID) -> bool:
    return ask(buyer_id=buyer_id)


@transactional
def ask(*, buyer_id: UUID) -> bool:
    """Announce that a buyer is to be asked; False if somebody else has done so."""
    request = lock(ReviewRequest, buyer_id, skip_locked=True)
    if request is None:
        return False
    emit(ReviewWanted(buyer_id, request.since, db_now()))
    session().delete(request)
    return True
