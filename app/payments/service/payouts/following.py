"""What becomes of payouts at PayPal, booked: each state once, in whatever order it is heard of.

PayPal is read, never believed by what an event says. Readings are numbered as they begin, and what
an older one says is no news: so states only go forward, however late an answer comes.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.kit import states
from app.kit.db import db_now, lock, session, transactional
from app.kit.live.publishing import announce
from app.kit.outbox import emit
from app.payments.events import PayoutChanged
from app.payments.gateway import PaypalPayoutItem
from app.payments.models.payouts import (
    BATCH_TRANSITIONS,
    CAME_BACK,
    TRANSITIONS,
    BatchState,
    Payout,
    PayoutBatch,
    PayoutState,
)
from app.payments.queries.payouts import topic_of
from app.payments.service.payout_entries import Outgoing, pay_out, return_payouts, undo_payouts

log = logging.getLogger(__name__)
# https://developer.paypal.com/docs/api/payments.payouts-batch/v1/#definition-transaction_enum
STATES = {
    "PENDING": PayoutState.SENT,
    "SUCCESS": PayoutState.PAID,
    "UNCLAIMED": PayoutState.UNCLAIMED,
    "ONHOLD": PayoutState.ON_HOLD,
    "FAILED": PayoutState.FAILED,
    "DENIED": PayoutState.FAILED,
    "BLOCKED": PayoutState.BLOCKED,
    "RETURNED": PayoutState.RETURNED,
    "REFUNDED": PayoutState.REFUNDED,
    "REVERSED": PayoutState.REVERSED,
}
DEAD_BATCHES = frozenset({"DENIED", "CANCELED"})
# The money has left the shop's PayPal account.
LEFT = frozenset({PayoutState.PAID, PayoutState.UNCLAIMED})
SOON = timedelta(seconds=2)
QUICK, SLOW = timedelta(seconds=10), timedelta(hours=6)
LONGEST_QUICK = timedelta(hours=1)
# A receiver may send money back, and PayPal take it back, of which it may tell nobody: looked for
# each time twice as late.
FOLLOWED_FOR, FIRST_LOOK, MOST_LOOKS = timedelta(days=180), timedelta(days=1), 6


def of_batch(status: str, items: Iterable[PaypalPayoutItem]) -> list[PaypalPayoutItem]:
    """The items of a batch; of one that was denied, those that stand at the beginning failed."""
    return [
        replace(item, status="FAILED", issue=item.issue or f"BATCH_{status}")
        if status in DEAD_BATCHES and item.status == "PENDING"
        else item
        for item in items
    ]


@transactional
def apply(*, batch_id: UUID, reading: int, items: Sequence[PaypalPayoutItem]) -> int:
    """Book what a reading says; how many payouts it moves.

    Nothing if a later reading was booked already: what PayPal says now is asked for once more.
    """
    batch = lock(PayoutBatch, batch_id)
    if batch is None or reading <= batch.applied_reading:
        if batch is not None:
            batch.next_check_at = func.clock_timestamp() + SOON
        return 0
    batch.applied_reading = reading
    payouts = {str(one.id): one for one in locked_payouts(batch_id, {one.number for one in items})}
    moved: dict[PayoutState, list[Payout]] = {}
    for item in items:
        payout = payouts.get(item.number)
        if payout is not None:
            to = _heard(payout, item)
            if to is not None:
                moved.setdefault(to, []).append(payout)
    _book(batch.currency, moved)
    count = 0
    for to, those in moved.items():
        count += len(those)
        _move(those, to)
    _plan(batch, is_news=bool(count))
    return count


def _heard(payout: Payout, item: PaypalPayoutItem) -> PayoutState | None:
    """Note what an item says; the state that it brings its payout to, None for none."""
    to = STATES.get(item.status)
    payout.paypal_item_id = item.id
    payout.issue = item.issue
    asked = payout.amount_minor, payout.currency
    if to is None or (item.amount.minor, item.amount.currency) != asked:
        _contradict(payout, f"{item.status}, {item.amount.to_decimal_string()}")
        return None
    if to in TRANSITIONS[payout.state]:
        if payout.left_at is None and item.fee is not None and item.fee.currency == payout.currency:
            payout.fee_minor = item.fee.minor
        return to
    if to in LEFT and payout.state in CAME_BACK:
        _contradict(payout, item.status)
    return None


def _contradict(payout: Payout, word: str) -> None:
    """PayPal says what can't be after what was booked: nothing is booked, and a person is told."""
    if payout.contradiction != word:
        log.error(
            "PayPal says of a payout what can't be",
            extra={"payout": str(payout.id), "state": payout.state, "says": word},
        )
    payout.contradiction = word


def _book(currency: str, moved: dict[PayoutState, list[Payout]]) -> None:
    """Book what moved: out of the cash once, and back once, in a few statements for all."""
    gone = [one for to in LEFT for one in moved.get(to, ()) if one.left_at is None]
    back = [one for to in CAME_BACK for one in moved.get(to, ())]
    for book, payouts in (
        (pay_out, gone),
        (return_payouts, [one for one in back if one.left_at is not None]),
        (undo_payouts, [one for one in back if one.left_at is None]),
    ):
        if payouts:
            book(currency, [_outgoing(one) for one in payouts])
    if gone:
        now = db_now()  # a value, so that all rows are written at once
        for one in gone:
            one.left_at = now


def _outgoing(payout: Payout) -> Outgoing:
    return Outgoing(payout.id, payout.seller_id, payout.amount_minor, payout.fee_minor or 0)


def _move(payouts: Iterable[Payout], to: PayoutState) -> None:
    now = db_now()
    for payout in payouts:
        states.move(payout, to, TRANSITIONS)
        payout.changed_at = now
        if to is not PayoutState.SENT:
            emit(PayoutChanged(payout.id, payout.seller_id, to))
        announce(topic_of(payout.seller_id), "changed")


def give_back(payouts: Sequence[Payout], to: PayoutState, *, issue: str) -> None:
    """Make locked payouts that PayPal has never had available again."""
    for payout in payouts:
        payout.issue = issue
    _book(payouts[0].currency, {to: list(payouts)})
    _move(payouts, to)


def tell_sent(batch_id: UUID) -> None:
    """PayPal has a batch: so it has each of its payouts."""
    _move(locked_payouts(batch_id, state=PayoutState.STARTED), PayoutState.SENT)


def close(batch: PayoutBatch) -> None:
    """PayPal does not have a batch, and is never asked for it again."""
    states.move(batch, BatchState.REFUSED, BATCH_TRANSITIONS)
    batch.next_check_at = None


def locked_payouts(
    batch_id: UUID, numbers: Collection[str] | None = None, *, state: PayoutState | None = None
) -> list[Payout]:
    """The payouts of a batch, or those with these ids or in this state, locked until the commit."""
    query = select(Payout).where(Payout.batch_id == batch_id).order_by(Payout.id)
    if numbers is not None:
        query = query.where(Payout.id.in_(_ids(numbers)))
    if state is not None:
        query = query.where(Payout.state == state)
    query = query.with_for_update().execution_options(populate_existing=True)
    return list(session().scalars(query))


def _ids(numbers: Collection[str]) -> list[UUID]:
    """Those of the numbers that can be ours."""
    found = []
    for number in numbers:
        try:
            found.append(UUID(number))
        except ValueError:
            log.warning("PayPal tells of an item that is not ours", extra={"number": number[:64]})
    return found


def _plan(batch: PayoutBatch, *, is_news: bool) -> None:
    """When PayPal is asked next: soon while it is at work, then ever later, at last never."""
    session().flush()  # the states as they are by now
    rows = session().execute(
        select(Payout.state, func.count()).where(Payout.batch_id == batch.id).group_by(Payout.state)
    )
    left = {state for state, _count in rows}
    if is_news:
        batch.checks = 0
    now = func.clock_timestamp()
    old = func.statement_timestamp() - FOLLOWED_FOR
    if left & {PayoutState.STARTED, PayoutState.SENT}:
        batch.next_check_at = now + min(QUICK * 2 ** min(batch.checks, 12), LONGEST_QUICK)
    elif left & {PayoutState.ON_HOLD, PayoutState.UNCLAIMED}:
        batch.next_check_at = now + SLOW
    elif PayoutState.PAID not in left or session().scalar(
        select(PayoutBatch.created_at < old).where(PayoutBatch.id == batch.id)
    ):
        batch.next_check_at = None
    else:
        batch.next_check_at = now + FIRST_LOOK * 2 ** min(batch.checks, MOST_LOOKS)


def named_in(resource: Any) -> list[str]:
    """The ids of a batch, PayPal's and ours, that an event's resource names."""
    if not isinstance(resource, dict):
        return []
    header = resource.get("batch_header")
    header = header if isinstance(header, dict) else {}
    own = header.get("sender_batch_header")
    own = own if isinstance(own, dict) else {}
    found = (
        resource.get("payout_batch_id"),
        resource.get("sender_batch_id"),
        header.get("payout_batch_id"),
        own.get("sender_batch_id"),
    )
    return [one for one in found if isinstance(one, str) and one]


def begin_reading(batch_id: UUID) -> int:
    """The number of a reading that is about to begin; inside the caller's transaction."""
    batch = lock(PayoutBatch, batch_id)
    assert batch is not None  # a payout points at it
    if batch.state is BatchState.SENT:
        batch.readings += 1
    return batch.readings
