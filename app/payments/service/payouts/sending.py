"""Batches and PayPal: each is asked for once, whatever becomes of the answer, and then followed.

An answer that is lost is found again: the same `sender_batch_id` is refused with a link to the
batch that has it, or an event names it. PayPal remembers it for 30 days, so an older batch is never
asked for again.

A batch is unsure from the moment that PayPal is asked until it is known to have refused: whatever a
later refusal says, PayPal may have it. Such a batch is neither halved nor given back by itself.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from app.kit import jobs, states
from app.kit.db import end_read, lock, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.kit.sweeping import Swept, for_each
from app.payments.gateway import PaypalPayout, PaypalPayoutItem, PaypalRefused, PaypalUnknown
from app.payments.models.payouts import (
    BATCH_TRANSITIONS,
    TOO_OLD,
    BatchState,
    Payout,
    PayoutBatch,
    PayoutState,
)
from app.payments.paypal import paypal
from app.payments.paypal.payouts import linked_batch
from app.payments.service.payouts import following, giving_up, payees

log = logging.getLogger(__name__)
LIMIT = 100
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(hours=1)
# PayPal keeps a `sender_batch_id` for 30 days; a day less, so that no clock has to be right.
REPOSTED_FOR = timedelta(days=29)
# For so long it is tried again what is the shop's to mend at PayPal, such as an empty account.
TRIED_FOR = timedelta(days=3)
# PayPal's words for a request that is wrong in itself: one of its items may be why.
WRONG_REQUEST = frozenset({"VALIDATION_ERROR", "DUPLICATE_ITEM"})
# What PayPal also says of a batch that it has.
SAYS_NOTHING = frozenset({"USER_BUSINESS_ERROR"})
NOT_FOUND = 404
SUBJECT = "Your earnings"  # of PayPal's own mail to all receivers of a batch
NO_ANSWER = "NO_ANSWER"


@dataclass(frozen=True)
class _Turn:
    """A batch whose turn it is. `reading` is the number of what PayPal is about to be asked.

    `told_id` is what an event calls it at PayPal. With neither id, PayPal is asked for it.
    """

    batch_id: UUID
    paypal_batch_id: str | None
    told_id: str | None
    reading: int


def number_of(batch_id: UUID) -> str:
    """The `sender_batch_id` of a batch."""
    return f"payouts-{batch_id}"


def attend_due() -> Swept:
    """Have each batch attended to whose time has come, by a job of its own, or here."""
    due = list(
        session().scalars(
            select(PayoutBatch.id).where(_is_due()).order_by(PayoutBatch.next_check_at).limit(LIMIT)
        )
    )
    end_read()
    waiting = jobs.waiting([_job_id(one) for one in due]) or set()
    return for_each([one for one in due if _job_id(one) not in waiting], _attend_somewhere)


def have_attended(batch_id: UUID) -> bool:
    """Put a batch's turn into the queue; False where there is none, and the sweep sees to it."""
    return jobs.enqueue(attend, batch_id, queue="paypal", job_id=_job_id(batch_id))


def _attend_somewhere(batch_id: UUID) -> bool:
    return have_attended(batch_id) or attend(batch_id)


def _job_id(batch_id: UUID) -> str:
    return f"payouts-{batch_id}"


@transactional
def ask_now(*, batch_id: UUID) -> None:
    """Have PayPal asked about a batch at its next turn, whatever was planned."""
    _locked(batch_id).next_check_at = func.statement_timestamp()


def attend(batch_id: UUID) -> bool:
    """Ask PayPal for a batch that is due, or what became of it; RQ's entry point.

    False if it is not due any more, or PayPal does not answer.
    """
    turn = _take_turn(batch_id=batch_id)
    if turn is None:
        return False
    try:
        find = _adopt if turn.told_id else _post
        paypal_batch_id = turn.paypal_batch_id or find(turn)
        if paypal_batch_id is None:
            return True
        items = _items(paypal_batch_id)
    except PaypalUnknown:
        _note_silence(batch_id=batch_id)
        return False  # asked again later
    except PaypalRefused as refusal:
        # Of a batch that it gave us the number of.
        log.exception("PayPal knows nothing of a batch", extra={"batch": str(batch_id)})
        _note_issue(batch_id=batch_id, issue=refusal.name)
        return False
    following.apply(batch_id=batch_id, reading=turn.reading, items=items)
    return True


@transactional
def _take_turn(*, batch_id: UUID) -> _Turn | None:
    """Say that PayPal is about to be asked; None if somebody else was first, or it is not to be.

    The next time is set at once, ever later, for a process that dies over it.
    """
    payees.lock(batch_id)
    due = select(PayoutBatch).where(PayoutBatch.id == batch_id, _is_due())
    batch = session().scalars(due.with_for_update(skip_locked=True)).one_or_none()
    if batch is None:
        return None
    if batch.paypal_batch_id is None and batch.told_id is None and not _is_asked_for(batch):
        return None
    batch.readings += 1
    batch.checks += 1
    wait = min(FIRST_WAIT * 2 ** min(batch.checks - 1, 12), LONGEST_WAIT)
    batch.next_check_at = func.clock_timestamp() + wait
    return _Turn(batch_id, batch.paypal_batch_id, batch.told_id, batch.readings)


def _is_asked_for(batch: PayoutBatch) -> bool:
    """Note that PayPal is about to be asked for a batch, for those who are still to be paid."""
    if _is_older(batch, REPOSTED_FOR):
        log.error("a batch of payouts is too old to be asked for", extra={"batch": str(batch.id)})
        batch.issue, batch.next_check_at = TOO_OLD, None
        return False
    if not batch.is_unsure and not payees.keep(batch):
        return False
    batch.asked_count += 1
    batch.asked_at = func.clock_timestamp()
    return True


def _is_older(batch: PayoutBatch, age: timedelta) -> bool:
    moment = func.statement_timestamp() - age
    older = select(PayoutBatch.created_at < moment).where(PayoutBatch.id == batch.id)
    return bool(session().scalar(older))


def _is_due() -> ColumnElement[bool]:
    return PayoutBatch.next_check_at <= func.statement_timestamp()


def _post(turn: _Turn) -> str | None:
    """Ask PayPal for a batch; its id there, None if PayPal will not have it now."""
    wanted = _wanted(turn.batch_id)
    end_read()
    number = number_of(turn.batch_id)
    try:
        paypal_batch_id = paypal().payouts.send(number, wanted, subject=SUBJECT)
    except PaypalRefused as refusal:
        known = linked_batch(refusal.links)
        if known is None:
            if _note_refusal(batch_id=turn.batch_id, refusal=refusal):
                giving_up.give_up(turn.batch_id)
            return None
        if paypal().payouts.batch(known).number != number:
            raise PaypalUnknown("another batch") from refusal
        paypal_batch_id = known
    _note_sent(batch_id=turn.batch_id, paypal_batch_id=paypal_batch_id)
    return paypal_batch_id


def _adopt(turn: _Turn) -> str | None:
    """What an event calls a batch at PayPal, if PayPal says that it is this one."""
    assert turn.told_id is not None
    try:
        number = paypal().payouts.batch(turn.told_id).number
    except PaypalRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise PaypalUnknown(refusal.issue) from refusal
        number = ""
    if number != number_of(turn.batch_id):
        _forget(batch_id=turn.batch_id)
        return None
    _note_sent(batch_id=turn.batch_id, paypal_batch_id=turn.told_id)
    return turn.told_id


@transactional
def _forget(*, batch_id: UUID) -> None:
    """What an event called a batch at PayPal is something else there."""
    _locked(batch_id).told_id = None


def _wanted(batch_id: UUID) -> list[PaypalPayout]:
    rows = session().execute(
        select(Payout.id, Payout.receiver, Payout.amount_minor, Payout.currency)
        .where(Payout.batch_id == batch_id, Payout.state == PayoutState.STARTED)
        .order_by(Payout.id)
    )
    return [
        PaypalPayout(str(payout_id), receiver, Money(minor, currency))
        for payout_id, receiver, minor, currency in rows
    ]


def _items(paypal_batch_id: str) -> list[PaypalPayoutItem]:
    """All items of a batch as they stand."""
    batch = paypal().payouts.batch(paypal_batch_id)
    items = list(batch.items)
    for page in range(2, batch.pages + 1):
        items += paypal().payouts.batch(paypal_batch_id, page=page).items
    return following.of_batch(batch.status, items)


@transactional
def _note_sent(*, batch_id: UUID, paypal_batch_id: str) -> None:
    batch = _locked(batch_id)
    if batch.state is BatchState.STARTED:
        states.move(batch, BatchState.SENT, BATCH_TRANSITIONS)
        batch.paypal_batch_id, batch.issue = paypal_batch_id, None
        batch.checks = 0
        batch.next_check_at = func.clock_timestamp() + FIRST_WAIT
        following.tell_sent(batch_id)


@transactional
def _note_silence(*, batch_id: UUID) -> None:
    """Remember why it takes so long, for whoever asks."""
    batch = _locked(batch_id)
    if batch.state is BatchState.STARTED and batch.issue is None:
        batch.issue = NO_ANSWER


@transactional
def _note_issue(*, batch_id: UUID, issue: str) -> None:
    _locked(batch_id).issue = issue


@transactional
def _note_refusal(*, batch_id: UUID, refusal: PaypalRefused) -> bool:
    """What PayPal refuses is halved until the item is found that is why, or tried again later.

    True if it was tried for long enough, and PayPal has refused each time. What PayPal may have
    all the same waits for a person then.
    """
    batch = _locked(batch_id)
    if batch.state is not BatchState.STARTED:
        return False
    if batch.issue != refusal.name:
        log.error("PayPal does not pay out", extra={"batch": str(batch_id), "issue": refusal.name})
    batch.issue = refusal.name
    if refusal.name not in SAYS_NOTHING:
        batch.refused_count += 1
    is_over = _is_older(batch, TRIED_FOR)
    if batch.is_unsure:
        if is_over:
            log.error("PayPal may have a batch that it refuses", extra={"batch": str(batch_id)})
            batch.next_check_at = None
        return False
    if refusal.name in WRONG_REQUEST:
        _find_wrong(batch)
        return False
    return is_over


def _find_wrong(batch: PayoutBatch) -> None:
    """Two batches instead of one, which PayPal has refused; a single payout fails."""
    payouts = following.locked_payouts(batch.id, state=PayoutState.STARTED)
    following.close(batch)
    if len(payouts) == 1:
        following.give_back(payouts, PayoutState.FAILED, issue=batch.issue or "")
        return
    middle = len(payouts) // 2
    for part in (payouts[:middle], payouts[middle:]):
        half = PayoutBatch(id=new_id(), currency=batch.currency)
        session().add(half)
        session().flush()  # the payouts point at it by a plain foreign key
        for payout in part:
            payout.batch_id = half.id


def _locked(batch_id: UUID) -> PayoutBatch:
    batch = lock(PayoutBatch, batch_id)
    assert batch is not None  # none is ever deleted
    return batch


def heard_of(resource: object) -> bool:
    """Have PayPal asked soon about the batch that an event tells of; whether it is one of ours.

    Many events of one batch come at once: it is asked about all of them together.
    """
    found = following.named_in(resource)
    if not found:
        return False
    ours = [UUID(one.removeprefix("payouts-")) for one in found if _is_number(one)]
    batch_ids = session().scalars(
        select(PayoutBatch.id).where(
            or_(PayoutBatch.paypal_batch_id.in_(found), PayoutBatch.id.in_(ours))
        )
    )
    known = list(batch_ids)
    soon = func.clock_timestamp() + following.SOON
    _remember([one for one in found if not _is_number(one)], ours)
    session().execute(
        update(PayoutBatch)
        .where(
            PayoutBatch.id.in_(known),
            or_(
                PayoutBatch.next_check_at > soon,
                # All of it was over, or a person had to look.
                and_(
                    PayoutBatch.next_check_at.is_(None),
                    or_(PayoutBatch.state == BatchState.SENT, PayoutBatch.told_id.is_not(None)),
                ),
            ),
        )
        .values(next_check_at=soon, checks=0)
        .execution_options(synchronize_session=False)
    )
    return bool(known)


def _remember(theirs: Sequence[str], ours: Sequence[UUID]) -> None:
    """Note what an event calls a batch at PayPal that PayPal was not known to have.

    One that was given up may be there as well: that has to be told to a person.
    """
    if theirs and ours:
        session().execute(
            update(PayoutBatch)
            .where(PayoutBatch.id.in_(ours), PayoutBatch.state != BatchState.SENT)
            .values(told_id=theirs[0])
            .execution_options(synchronize_session=False)
        )


def _is_number(text: str) -> bool:
    try:
        return number_of(UUID(text.removeprefix("payouts-"))) == text
    except ValueError:
        return False
