"""The double-entry ledger. Debits are positive, credits negative; each movement sums to zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.auth import queries as users
from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.models import AccountKind, LedgerAccount, LedgerEntry, LedgerTransaction

SALE, RELEASE = "sale", "release"
RELEASE_LIMIT = 500

_Holder = tuple[AccountKind, UUID | None]  # an account but for its currency


@dataclass(frozen=True)
class SaleLine:
    """What one seller sold: `gross_minor` of which `commission_minor` is the platform's."""

    line_id: UUID
    seller_id: UUID
    gross_minor: int
    commission_minor: int


@dataclass(frozen=True)
class _Leg:
    account: AccountKind
    amount_minor: int
    owner_id: UUID | None = None
    line_id: UUID | None = None
    release_at: datetime | None = None


@transactional
def book_sale(
    *,
    payment_id: UUID,
    gross: Money,
    fee_minor: int,
    lines: Sequence[SaleLine],
    release_at: datetime,
) -> None:
    """Book a sale, once per payment.

    PayPal's cash grows by what PayPal pays out, its fee is the platform's cost, the commission
    the platform's revenue, and the rest of each line the seller's, pending until `release_at`.
    """
    if sum(line.gross_minor for line in lines) != gross.minor:
        raise RuntimeError(f"payment {payment_id}: the lines are not the sum that was paid")
    legs = [
        _Leg(AccountKind.PAYPAL_CASH, gross.minor - fee_minor),
        _Leg(AccountKind.PAYPAL_FEES, fee_minor),
    ]
    for line in lines:
        share = line.gross_minor - line.commission_minor
        legs.append(
            _Leg(AccountKind.PLATFORM_REVENUE, -line.commission_minor, line_id=line.line_id)
        )
        legs.append(
            _Leg(AccountKind.SELLER_PENDING, -share, line.seller_id, line.line_id, release_at)
        )
    _book(SALE, payment_id, gross.currency, legs)


@transactional
def release_due() -> int:
    """Make every pending share whose hold is over available; returns how many.

    The money of a seller who is banned stays pending for as long as that lasts.
    """
    owners = select(LedgerAccount.owner_id).join(
        LedgerEntry, LedgerEntry.account_id == LedgerAccount.id
    )
    sellers = session().scalars(owners.where(*_is_due()).distinct()).all()
    people = users.users_by_id([seller for seller in sellers if seller is not None])
    banned = [person.id for person in people.values() if person.banned_at is not None]
    due = (
        session()
        .execute(
            select(
                LedgerEntry.line_id,
                LedgerEntry.amount_minor,
                LedgerAccount.owner_id,
                LedgerAccount.currency,
            )
            .join(LedgerAccount, LedgerAccount.id == LedgerEntry.account_id)
            .where(*_is_due(), LedgerAccount.owner_id.not_in(banned))
            .order_by(LedgerEntry.id)
            .limit(RELEASE_LIMIT)
        )
        .all()
    )
    for line_id, amount_minor, owner_id, currency in due:
        assert line_id is not None  # asked for below
        legs = [
            _Leg(AccountKind.SELLER_PENDING, -amount_minor, owner_id, line_id),
            _Leg(AccountKind.SELLER_AVAILABLE, amount_minor, owner_id, line_id),
        ]
        _book(RELEASE, line_id, currency, legs)
    return len(due)


def _is_due() -> tuple[ColumnElement[bool], ...]:
    """The conditions of shares whose hold is over and that are still pending."""
    return (
        LedgerAccount.kind == AccountKind.SELLER_PENDING,
        LedgerEntry.release_at <= func.clock_timestamp(),
        LedgerEntry.line_id.is_not(None),
        ~exists().where(
            LedgerTransaction.kind == RELEASE,
            LedgerTransaction.reference == LedgerEntry.line_id,
        ),
    )


def _book(kind: str, reference: UUID, currency: str, legs: Sequence[_Leg]) -> None:
    # Nothing moves in some, such as the commission of a shop that takes none.
    moving = [leg for leg in legs if leg.amount_minor != 0]
    accounts = _accounts({(leg.account, leg.owner_id) for leg in moving}, currency)
    transaction = LedgerTransaction(id=new_id(), kind=kind, reference=reference)
    session().add(transaction)
    session().flush()  # the entries point at it by a plain foreign key
    session().add_all(
        LedgerEntry(
            transaction_id=transaction.id,
            account_id=accounts[leg.account, leg.owner_id],
            amount_minor=leg.amount_minor,
            line_id=leg.line_id,
            release_at=leg.release_at,
        )
        for leg in moving
    )


def _accounts(wanted: set[_Holder], currency: str) -> dict[_Holder, UUID]:
    """The accounts of these kinds and owners; those that nobody has booked on yet are opened."""
    known = _known_accounts(wanted, currency)
    missing = wanted - known.keys()
    if not missing:
        return known
    session().execute(
        insert(LedgerAccount)
        .values(
            [
                {"id": new_id(), "kind": kind, "owner_id": owner_id, "currency": currency}
                # In one order everywhere: two first sales must not wait for each other.
                for kind, owner_id in sorted(missing, key=str)
            ]
        )
        .on_conflict_do_nothing()
    )
    return _known_accounts(wanted, currency)


def _known_accounts(wanted: set[_Holder], currency: str) -> dict[_Holder, UUID]:
    owners = {owner_id for _kind, owner_id in wanted if owner_id is not None}
    rows = session().execute(
        select(LedgerAccount.kind, LedgerAccount.owner_id, LedgerAccount.id).where(
            LedgerAccount.kind.in_({kind for kind, _owner_id in wanted}),
            or_(LedgerAccount.owner_id.is_(None), LedgerAccount.owner_id.in_(owners)),
            LedgerAccount.currency == currency,
        )
    )
    return {(row.kind, row.owner_id): row.id for row in rows}
