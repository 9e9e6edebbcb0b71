"""Batches that PayPal never said it has: given up once nothing of them is found there."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from app.kit.db import db_now, end_read, lock, session, transactional
from app.payments.errors import PayoutAskedLately, PayoutListed
from app.payments.gateway import PaypalRefused, PaypalUnknown
from app.payments.models.payouts import TOO_OLD, BatchState, PayoutBatch, PayoutState
from app.payments.models.reconciling import PaypalTransaction
from app.payments.paypal import paypal
from app.payments.service import reconciling
from app.payments.service.payouts import following

log = logging.getLogger(__name__)
SLACK = timedelta(hours=1)  # between PayPal's clock and ours
LONGEST = timedelta(days=31)  # that PayPal lists at once


def search(batch_id: UUID) -> None:
    """Take in what PayPal lists since a batch was begun; raises PaypalUnknown, PaypalRefused."""
    begun = select(PayoutBatch.created_at).where(PayoutBatch.id == batch_id)
    start, now = session().execute(begun).scalar_one() - SLACK, db_now()
    end_read()
    while start < now:
        end = min(start + LONGEST, now)
        for lines in paypal().lists.transactions(start, end):
            reconciling.take_in(lines=lines)
        start = end


def give_up(batch_id: UUID) -> None:
    """Give up a batch that PayPal has refused each time, unless PayPal lists something of it."""
    try:
        search(batch_id)
        _give_up(batch_id=batch_id)
    except (PaypalUnknown, PaypalRefused, PayoutListed):
        log.exception("a batch of payouts can't be given up", extra={"batch": str(batch_id)})


@transactional
def _give_up(*, batch_id: UUID) -> None:
    batch = lock(PayoutBatch, batch_id)
    if batch is not None and batch.state is BatchState.STARTED and not batch.is_unsure:
        give_back(batch)


def give_back(batch: PayoutBatch) -> None:
    """Make all of a locked batch available again.

    PayoutListed if PayPal lists a payout of it, PayoutAskedLately while it may not list it yet.
    """
    payouts = following.locked_payouts(batch.id, state=PayoutState.STARTED)
    listed = select(PaypalTransaction.transaction_id).where(
        PaypalTransaction.subject_id.in_([one.id for one in payouts])
    )
    if session().scalar(select(listed.exists())):
        raise PayoutListed
    _refuse_too_early(batch)
    following.close(batch)
    following.give_back(payouts, PayoutState.UNSENT, issue=batch.issue or TOO_OLD)


def _refuse_too_early(batch: PayoutBatch) -> None:
    if not batch.is_unsure or batch.asked_at is None:
        return
    listed_at: datetime = batch.asked_at + reconciling.LISTED_AFTER
    if session().scalar(select(func.statement_timestamp() < listed_at)):
        raise PayoutAskedLately(listed_at)
