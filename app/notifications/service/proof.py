"""The mails about an order that were taken by a mail server, kept as evidence."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import end_read, session, transactional
from app.notifications.models import MailRecord
from app.orders.service.proof.gathering import Scope, Section
from app.orders.service.proof.sources import moment

WORDS = {
    "delivered": "the goods are ready, with a link to them",
    "payment_pending": "PayPal holds the payment",
    "payment_failed": "the payment has failed",
    "payment_refunded": "PayPal has refunded the payment",
    "approval_reversed": "PayPal has taken the approval of the payment back",
    "refunded": "a refund, and why",
    "refund_failed": "a refund has failed",
}


@transactional
def note(*, row_id: UUID, order_id: UUID, template: str, address: str) -> None:
    """Note that a mail server has taken a mail; once for what it answers."""
    row = insert(MailRecord).values(
        id=row_id, order_id=order_id, template=template, address=address
    )
    session().execute(row.on_conflict_do_nothing(index_elements=[MailRecord.id]))


def mails(scope: Scope) -> Sequence[Section]:
    """The mails that the buyer got about an order. They are nothing of its sellers'."""
    if scope.seller_id is not None:
        return []
    found = session().scalars(
        select(MailRecord).where(MailRecord.order_id == scope.order_id).order_by(MailRecord.id)
    )
    rows = tuple(
        (moment(one.accepted_at), f"to {one.address}: {WORDS.get(one.template, one.template)}")
        for one in found
    )
    end_read()
    return [Section("Mails taken by the buyer's mail server", rows)] if rows else []
