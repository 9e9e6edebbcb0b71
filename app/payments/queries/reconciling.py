"""PayPal's list of transactions beside the ledger: what each has about a subject, and where not."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import aliased

from app.auth.models import User
from app.kit.db import session
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.payments.errors import NoSuchDifference
from app.payments.models import (
    AccountKind,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    Payment,
    Progress,
)
from app.payments.models.disputes import Dispute, DisputeFee
from app.payments.models.reconciling import Difference, PaypalTransaction
from app.payments.queries.statements import ENTRY_SLACK, first_entry_from

PROGRESS = "transactions"
_Sale = aliased(LedgerTransaction)
_AT_ONCE = 1000
# Movements of PayPal's cash whose reference is the subject itself: the payment, or the payout.
_DIRECT = (
    Movement.SALE,
    Movement.FEE,
    Movement.PAYOUT_PAID,
    Movement.PAYOUT_RETURNED,
)
# Movements whose reference is a refund or a dispute: they are about lines of a sale, and by them
# about its payment. The fee of a dispute is a row of its own, which knows the dispute.
_BY_LINE = (
    Movement.CHARGEBACK,
    Movement.REFUND,
    Movement.REFUND_FAILED,
    Movement.DISPUTE_HOLD,
    Movement.DISPUTE_WON,
    Movement.DISPUTE_LOST,
    Movement.DISPUTE_FEE,
)


class DifferenceKind(StrEnum):
    """In which way PayPal and the ledger differ about something."""

    ONLY_HERE = "only_here"
    ONLY_THERE = "only_there"
    AMOUNT = "amount"


@dataclass(frozen=True)
class OurLine:
    """A movement of the ledger on PayPal's cash."""

    movement: Movement
    at: datetime
    minor: int
    currency: str


@dataclass(frozen=True)
class TheirLine:
    """A line of PayPal's list; `minor` with its fee."""

    transaction_id: str
    code: str
    at: datetime
    amount_minor: int
    fee_minor: int
    currency: str

    @property
    def minor(self) -> int:
        """What it did to the balance."""
        return self.amount_minor + self.fee_minor


@dataclass(frozen=True)
class Sides:
    """All that the ledger and PayPal have about one subject."""

    ours: list[OurLine]
    theirs: list[TheirLine]

    @property
    def currencies(self) -> set[str]:
        """In which anything moved."""
        return {line.currency for line in self.ours} | {line.currency for line in self.theirs}

    def ours_in(self, currency: str) -> int:
        """What the ledger has, in minor units."""
        return sum(line.minor for line in self.ours if line.currency == currency)

    def theirs_in(self, currency: str) -> int:
        """What PayPal has, in minor units."""
        return sum(line.minor for line in self.theirs if line.currency == currency)


@dataclass(frozen=True)
class Found:
    """A difference, open or closed. `order_id` is the order whose payment it is about."""

    id: UUID
    kind: DifferenceKind
    currency: str
    ours_minor: int
    theirs_minor: int
    found_at: datetime
    checked_at: datetime
    closed_at: datetime | None
    corrected_minor: int | None
    corrected_by_name: str | None
    reason: str | None
    subject_id: UUID
    order_id: UUID | None
    paypal_capture_id: str | None

    @property
    def difference_minor(self) -> int:
        """What PayPal has more than the ledger."""
        return self.theirs_minor - self.ours_minor


def compared_until() -> datetime | None:
    """Up to when PayPal's list was compared with the ledger; None if it never was."""
    return session().scalar(select(Progress.until).where(Progress.name == PROGRESS))


def differences(
    *,
    closed: bool = False,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[Found]:
    """A page of the differences that are open, or closed, the newest first."""
    is_closed = Difference.closed_at.is_not(None)
    every = _every().where(is_closed if closed else ~is_closed)
    query = every
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(Difference.id < last)
    rows = session().execute(query.order_by(Difference.id.desc()).limit(size + 1)).all()
    page = cut([_found(row) for row in rows], size, lambda one: (one.id,))
    return with_total(page, every, after) if counted else page


def difference(difference_id: UUID) -> Found:
    """One of them. Raises NoSuchDifference."""
    row = session().execute(_every().where(Difference.id == difference_id)).one_or_none()
    if row is None:
        raise NoSuchDifference
    return _found(row)


def _every() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Difference,
            Payment.reference,
            Payment.paypal_capture_id,
            User.display_name,
            select(func.count())
            .where(PaypalTransaction.subject_id == Difference.subject_id)
            .scalar_subquery()
            .label("lines"),
        )
        .outerjoin(Payment, Payment.id == Difference.subject_id)
        .outerjoin(User, User.id == Difference.corrected_by)
    )


def _found(row: Any) -> Found:
    one: Difference = row.Difference
    if not row.lines:
        kind = DifferenceKind.ONLY_HERE
    else:
        kind = DifferenceKind.AMOUNT if one.ours_minor else DifferenceKind.ONLY_THERE
    return Found(
        id=one.id,
        kind=kind,
        currency=one.currency,
        ours_minor=one.ours_minor,
        theirs_minor=one.theirs_minor,
        found_at=one.found_at,
        checked_at=one.checked_at,
        closed_at=one.closed_at,
        corrected_minor=one.corrected_minor,
        corrected_by_name=row.display_name,
        reason=one.reason,
        subject_id=one.subject_id,
        order_id=row.reference,
        paypal_capture_id=row.paypal_capture_id,
    )


def sides_of(subjects: Collection[UUID]) -> dict[UUID, Sides]:
    """What the ledger and PayPal have about each of these, in the order of time."""
    found = {subject: Sides([], []) for subject in subjects}
    for subject, own in _ours(subjects):
        found[subject].ours.append(own)
    theirs = select(PaypalTransaction).where(PaypalTransaction.subject_id.in_(subjects))
    for row in session().scalars(theirs.order_by(PaypalTransaction.initiated_at)):
        line = TheirLine(
            row.transaction_id,
            row.code,
            row.initiated_at,
            row.amount_minor,
            row.fee_minor,
            row.currency,
        )
        found[row.subject_id].theirs.append(line)
    return found


def _ours(subjects: Collection[UUID]) -> list[tuple[UUID, OurLine]]:
    subject_of = _references(subjects)
    rows = session().execute(
        select(
            LedgerTransaction.reference,
            LedgerTransaction.kind,
            LedgerTransaction.created_at,
            LedgerEntry.amount_minor,
            LedgerAccount.currency,
        )
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
        .where(
            or_(
                *(
                    LedgerTransaction.kind.in_(kinds) & LedgerTransaction.reference.in_(references)
                    for kinds, references in subject_of
                    if references
                )
            ),
            LedgerAccount.kind == AccountKind.PAYPAL_CASH,
        )
        .order_by(LedgerTransaction.id)
    )
    by_kind = {kind: references for kinds, references in subject_of for kind in kinds}
    return [
        (
            by_kind[Movement(row.kind)][row.reference],
            OurLine(Movement(row.kind), row.created_at, row.amount_minor, row.currency),
        )
        for row in rows
    ]


def _references(subjects: Collection[UUID]) -> list[tuple[Sequence[Movement], dict[UUID, UUID]]]:
    """The references of movements about these subjects by their kinds, each with its subject."""
    corrections = session().execute(
        select(Difference.id, Difference.subject_id).where(Difference.subject_id.in_(subjects))
    )
    return [
        (_DIRECT, {subject: subject for subject in subjects}),
        (
            _BY_LINE,
            _by_line(_Sale.reference.in_(subjects)) | _fees(Dispute.payment_id.in_(subjects)),
        ),
        ((Movement.CORRECTION,), {row.id: row.subject_id for row in corrections}),
    ]


def _by_line(condition: ColumnElement[bool]) -> dict[UUID, UUID]:
    """The payment that each refund or dispute is about, as far as a condition has it."""
    sold, about = aliased(LedgerEntry), aliased(LedgerEntry)
    rows = session().execute(
        select(LedgerTransaction.reference, _Sale.reference.label("payment_id"))
        .join(about, about.transaction_id == LedgerTransaction.id)
        .join(sold, sold.line_id == about.line_id)
        .join(_Sale, _Sale.id == sold.transaction_id)
        .where(
            LedgerTransaction.kind.in_(_BY_LINE),
            about.line_id.is_not(None),
            _Sale.kind == Movement.SALE,
            condition,
        )
        .distinct()
    )
    return {row.reference: row.payment_id for row in rows}


def _fees(condition: ColumnElement[bool]) -> dict[UUID, UUID]:
    """The payment that each fee of a dispute is about, as far as a condition has it."""
    rows = session().execute(
        select(DisputeFee.id, Dispute.payment_id)
        .join(Dispute, Dispute.id == DisputeFee.dispute_id)
        .where(condition)
    )
    return {row.id: row.payment_id for row in rows}


def subjects_moved(start: datetime, end: datetime) -> Iterator[set[UUID]]:
    """What the ledger's movements of PayPal's cash about then are about, some at once.

    A few of a little before and after are among them.
    """
    lowest, highest = first_entry_from(start), first_entry_from(end)
    if lowest is None:
        return
    cash = list(
        session().scalars(
            select(LedgerAccount.id).where(LedgerAccount.kind == AccountKind.PAYPAL_CASH)
        )
    )
    last = max(lowest - ENTRY_SLACK, 0)
    while True:
        query = (
            select(LedgerEntry.id, LedgerTransaction.kind, LedgerTransaction.reference)
            .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
            .where(LedgerEntry.account_id.in_(cash), LedgerEntry.id > last)
            .order_by(LedgerEntry.id)
            .limit(_AT_ONCE)
        )
        if highest is not None:
            query = query.where(LedgerEntry.id < highest + ENTRY_SLACK)
        rows = session().execute(query).all()
        if not rows:
            return
        last = rows[-1].id
        references: dict[Movement, set[UUID]] = {}
        for row in rows:
            references.setdefault(Movement(row.kind), set()).add(row.reference)
        yield _subjects(references)


def _subjects(references: Mapping[Movement, set[UUID]]) -> set[UUID]:
    """What these movements are about."""
    found = set().union(*(references.get(kind, set()) for kind in _DIRECT))
    by_line = set().union(*(references.get(kind, set()) for kind in _BY_LINE))
    if by_line:
        found |= set(_by_line(LedgerTransaction.reference.in_(by_line)).values())
        found |= set(_fees(DisputeFee.id.in_(by_line)).values())
    corrections = references.get(Movement.CORRECTION)
    if corrections:
        found |= set(
            session().scalars(select(Difference.subject_id).where(Difference.id.in_(corrections)))
        )
    return found
