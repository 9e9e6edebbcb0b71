"""Payouts of the demo shop: one that arrived, one under way, and one that nobody has claimed.

Brought about as people do it, but for the hold, which nobody waits for here.
"""

from uuid import UUID

import requests
from sqlalchemy import func, select, update

from app.auth.models import User
from app.kit.db import end_read, session, transactional
from app.payments.errors import NotPayable
from app.payments.models import LedgerAccount, PendingShare
from app.payments.models.payouts import Payout
from app.payments.service import releasing
from app.payments.service.payouts import sending, starting

PAID, UNCLAIMED = "seller@example.com", "seller2@example.com"
WAIT_SECONDS = 3600.0
_TIMEOUT = 10


def fill(base: str) -> None:
    """Pay sellers who have sold something, where nobody has been paid yet; `base` is PayPal's."""
    sellers = {row.email: row.id for row in session().execute(select(User.email, User.id))}
    is_done = session().scalar(select(Payout.id).limit(1)) is not None
    end_read()
    if is_done or not {PAID, UNCLAIMED} <= sellers.keys():
        return
    _pay(sellers[UNCLAIMED], shares=100)
    _pay(sellers[PAID], shares=2)
    wait = {"kind": "payout_wait", "seconds": WAIT_SECONDS}
    requests.post(f"{base}/sandbox/faults", json=wait, timeout=_TIMEOUT).raise_for_status()
    _pay(sellers[PAID], shares=2)


def _pay(seller_id: UUID, *, shares: int) -> None:
    """Have so many of a seller's shares released, and pay what is available."""
    _end_holds(seller_id=seller_id, shares=shares)
    releasing.release_due()
    try:
        payout_id = starting.request(seller_id=seller_id)
    except NotPayable:
        return  # too little was sold
    batch_id = session().get_one(Payout, payout_id).batch_id
    end_read()
    for _ in range(2):  # asked for, and then about
        sending.ask_now(batch_id=batch_id)
        sending.attend(batch_id)


@transactional
def _end_holds(*, seller_id: UUID, shares: int) -> None:
    own = select(LedgerAccount.id).where(LedgerAccount.owner_id == seller_id)
    first = (
        select(PendingShare.line_id)
        .where(PendingShare.account_id.in_(own))
        .order_by(PendingShare.share_minor.desc())
        .limit(shares)
    )
    session().execute(
        update(PendingShare)
        .where(PendingShare.line_id.in_(first))
        .values(release_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
