"""The comparison of PayPal's own list of transactions with the ledger, a day at a time.

PayPal's lines are taken in, then everything that they, or the ledger's movements of that time, are
about is compared: what the ledger booked on PayPal's cash for it, and what PayPal lists. What
differs is kept until it agrees, or until a person books the difference.

PayPal may take three hours to list a transaction:
https://developer.paypal.com/docs/api/transaction-search/v1/
"""

import logging
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from flask_babel import gettext as _
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.auth import queries as people
from app.auth.models import Role
from app.kit.db import db_now, end_read, session, transactional
from app.kit.outbox import emit
from app.payments.errors import NoReason, NoSuchDifference
from app.payments.events import DifferencesFound
from app.payments.gateway import PaypalLine, PaypalRefused, PaypalUnknown
from app.payments.models import AccountKind, Movement, Payment, Progress
from app.payments.models.reconciling import Difference, PaypalTransaction
from app.payments.paypal import paypal
from app.payments.policy import REASON_MAX, REASON_MIN
from app.payments.queries.reconciling import PROGRESS, Sides, sides_of, subjects_moved
from app.payments.service.ledger import Leg, book

log = logging.getLogger(__name__)
STEP = timedelta(hours=6)
LISTED_AFTER = timedelta(hours=4)
# What is booked here so close to the end of a time may be of the next one at PayPal.
SLACK = timedelta(minutes=10)
AT_FIRST = timedelta(days=31)
# Where PayPal lists what it was slow with, such as an eCheck: by when it began.
SLOWEST = timedelta(days=30)
SECONDS = 40  # then the next turn goes on where this one stopped
AT_ONCE = 200
LOOKED_AT_AGAIN = 20  # a call each
MOST_TOLD = 100  # administrators


def reconcile() -> int:
    """Compare what is left of the days up to the last midnight, once PayPal lists all of it.

    Returns how many differences are new.
    """
    began, now = time.monotonic(), db_now()
    until = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = _start(until)
    end_read()
    if now < until + LISTED_AFTER or start >= until:
        return 0
    found = 0
    try:
        while start < until and time.monotonic() - began < SECONDS:
            end = min(start + STEP, until)
            found += compare(start=start, end=end, is_last=end == until)
            start = end
    except (PaypalUnknown, PaypalRefused) as error:
        log.warning("PayPal's transactions can't be had", extra={"error": str(error)})
    return found


def compare(*, start: datetime, end: datetime, is_last: bool = True) -> int:
    """Compare a time, and with the last one all that is open; how many differences are new."""
    end_read()
    subjects: set[UUID] = set()
    for lines in paypal().lists.transactions(start, end):
        subjects |= take_in(lines=lines)
    for some in subjects_moved(start - SLACK, end):
        subjects |= some
    if is_last:
        subjects |= _open()
    end_read()
    every = sorted(subjects, reverse=True)  # the newest first: those are listed late
    found, looks = 0, LOOKED_AT_AGAIN
    for at in range(0, len(every), AT_ONCE):
        new, looked = _compare(every[at : at + AT_ONCE], before=end - SLACK, looks=looks)
        found, looks = found + new, looks - looked
    _note(until=end, found=found)
    return found


def _start(until: datetime) -> datetime:
    """Where the last comparison ended, or the first payment began: before it there are no books."""
    known = session().get(Progress, PROGRESS, populate_existing=True)
    if known:
        return known.until
    first = session().scalar(select(Payment.created_at).order_by(Payment.id).limit(1))
    return max(until - AT_FIRST, min(first or until, until))


@transactional
def take_in(*, lines: Sequence[PaypalLine]) -> set[UUID]:
    """Keep PayPal's lines as they stand now; what they are about."""
    if not lines:
        return set()
    subjects = _subjects(lines)
    rows = insert(PaypalTransaction).values(
        [
            {
                "transaction_id": line.transaction_id,
                "code": line.code,
                "currency": line.amount.currency,
                "amount_minor": line.amount.minor,
                "fee_minor": line.fee_minor,
                "initiated_at": line.initiated_at,
                "subject_id": subject,
            }
            for line, subject in zip(lines, subjects, strict=True)
        ]
    )
    kept = ("currency", "amount_minor", "fee_minor", "initiated_at", "subject_id")
    session().execute(
        rows.on_conflict_do_update(
            index_elements=["transaction_id", "code"],
            set_={name: rows.excluded[name] for name in kept},
        )
    )
    return set(subjects)


def _subjects(lines: Sequence[PaypalLine]) -> list[UUID]:
    """What each line is about: a payment by its capture, or by what we told PayPal of it."""
    captures = {line.transaction_id for line in lines}
    captures |= {line.reference_id for line in lines if line.reference_id}
    customs = {line.transaction_id: _uuid(line.custom) for line in lines}
    payments = session().execute(
        select(Payment.id, Payment.reference, Payment.paypal_capture_id).where(
            or_(
                Payment.paypal_capture_id.in_(captures),
                Payment.reference.in_({custom for custom in customs.values() if custom}),
            )
        )
    )
    by_capture: dict[str, UUID] = {}
    by_reference: dict[UUID, UUID] = {}
    for row in payments:
        by_reference[row.reference] = row.id
        if row.paypal_capture_id:
            by_capture[row.paypal_capture_id] = row.id

    def subject(line: PaypalLine) -> UUID:
        for paypal_id in (line.transaction_id, line.reference_id):
            if paypal_id in by_capture:
                return by_capture[paypal_id]
        custom = customs[line.transaction_id]
        if custom is not None:  # a payout's is the payout's own
            return by_reference.get(custom, custom)
        return uuid5(NAMESPACE_OID, line.reference_id or line.transaction_id)

    return [subject(line) for line in lines]


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _open() -> set[UUID]:
    return set(
        session().scalars(select(Difference.subject_id).where(Difference.closed_at.is_(None)))
    )


def _compare(
    subjects: Collection[UUID], *, before: datetime, looks: int = LOOKED_AT_AGAIN
) -> tuple[int, int]:
    """Note where the two sides differ, and where they agree again.

    What the ledger moved after `before` is compared with the time that follows. Returns how many
    differences are new, and how many payments PayPal was asked about, which are `looks` at most.
    """
    sides = sides_of(subjects)
    slow = [subject for subject, both in sides.items() if _differs(both) and not both.theirs]
    end_read()
    looked = _look_again(slow, looks)
    if looked:
        sides |= sides_of(slow)
        end_read()
    settled = {
        subject: both
        for subject, both in sides.items()
        if not any(line.at >= before for line in both.ours)
    }
    return _write_down(sides=settled), looked


def _differs(both: Sides) -> bool:
    return any(both.ours_in(one) != both.theirs_in(one) for one in both.currencies)


def _look_again(subjects: Collection[UUID], most: int) -> int:
    """Ask PayPal for payments that it does not list in time: it lists them by when they began.

    Returns how many it was asked for.
    """
    rows = (
        session()
        .execute(
            select(Payment.paypal_capture_id, Payment.created_at)
            .where(Payment.id.in_(subjects), Payment.paypal_capture_id.is_not(None))
            .order_by(Payment.id.desc())
            .limit(most)
        )
        .all()
    )
    end_read()
    for row in rows:
        start = row.created_at - timedelta(hours=1)
        for lines in paypal().lists.transactions(
            start, start + SLOWEST, transaction_id=row.paypal_capture_id
        ):
            take_in(lines=lines)
    return len(rows)


@transactional
def _write_down(*, sides: dict[UUID, Sides]) -> int:
    known = {
        (row.subject_id, row.currency): row
        for row in session().scalars(
            select(Difference)
            .where(Difference.subject_id.in_(sides), Difference.closed_at.is_(None))
            .with_for_update()
        )
    }
    new = 0
    for subject, both in sides.items():
        for currency in both.currencies:
            ours, theirs = both.ours_in(currency), both.theirs_in(currency)
            row = known.get((subject, currency))
            if row is not None:
                row.ours_minor, row.theirs_minor = ours, theirs
                row.checked_at = func.clock_timestamp()
                row.closed_at = func.clock_timestamp() if ours == theirs else None
            elif ours != theirs:
                session().add(
                    Difference(
                        subject_id=subject, currency=currency, ours_minor=ours, theirs_minor=theirs
                    )
                )
                new += 1
    return new


@transactional
def _note(*, until: datetime, found: int) -> None:
    """Remember how far the comparison came; of what is new each administrator is told, once."""
    row = insert(Progress).values(name=PROGRESS, until=until)
    session().execute(
        row.on_conflict_do_update(
            index_elements=["name"], set_={"until": func.greatest(Progress.until, until)}
        )
    )
    if found:
        log.error("PayPal and the ledger differ", extra={"count": found})
        admins = people.users(role=Role.ADMIN, banned=False, size=MOST_TOLD)
        for admin in admins.items:
            emit(DifferencesFound(admin.id, found))


@transactional
def settle(*, difference_id: UUID, actor_id: UUID, reason: str) -> None:
    """Book an open difference, so that the ledger has what PayPal has; it is closed then.

    What PayPal has more or less becomes the platform's gain or loss. Raises NoSuchDifference,
    NoReason.
    """
    reason = reason.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise NoReason(
            _("Say why, in %(least)s to %(most)s characters.", least=REASON_MIN, most=REASON_MAX)
        )
    row = session().get(Difference, difference_id, with_for_update=True, populate_existing=True)
    if row is None or row.closed_at is not None:
        raise NoSuchDifference
    minor = row.theirs_minor - row.ours_minor
    legs = [Leg(AccountKind.PAYPAL_CASH, minor), Leg(AccountKind.DIFFERENCES, -minor)]
    book(Movement.CORRECTION, row.id, row.currency, legs)
    row.corrected_minor, row.corrected_by, row.reason = minor, actor_id, reason
    row.closed_at = func.clock_timestamp()
