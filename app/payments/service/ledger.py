"""The double-entry ledger. Debits are positive, credits negative; each movement sums to zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.models import (
    AccountKind,
    HoldReason,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    PendingShare,
    SellerEarnings,
)
from app.payments.policy import Release

_SUMS = ("sales", "pieces", "gross_minor", "commission_minor", "pending_minor")
Holder = tuple[AccountKind, UUID | None]  # an account but for its currency


@dataclass(frozen=True)
class SaleLine:
    """What one seller sold: `gross_minor` of which `commission_minor` is the platform's."""

    line_id: UUID
    seller_id: UUID
    pieces: int
    gross_minor: int
    commission_minor: int

    @property
    def share_minor(self) -> int:
        """What is left to the seller."""
        return self.gross_minor - self.commission_minor


@dataclass(frozen=True)
class Leg:
    """One side of a movement: a debit if positive, a credit if negative, in minor units."""

    account: AccountKind
    amount_minor: int
    owner_id: UUID | None = None
    line_id: UUID | None = None
    release_at: datetime | None = None
    hold_reason: HoldReason | None = None


@transactional
def book_sale(
    *,
    payment_id: UUID,
    gross: Money,
    fee_minor: int,
    lines: Sequence[SaleLine],
    releases: Mapping[UUID, Release],
    difference_minor: int = 0,
) -> None:
    """Book a sale, once per payment.

    PayPal's cash grows by what PayPal pays out, its fee is the platform's cost, the commission
    the platform's revenue, and the rest of each line the seller's, pending until their release.
    A fee that PayPal has not told yet is 0 here, and booked by `book_fee` once it has. What PayPal
    took more than `gross`, less if negative, is the platform's gain or loss.
    """
    if sum(line.gross_minor for line in lines) != gross.minor:
        raise RuntimeError(f"payment {payment_id}: the lines are not the sum that was paid")
    legs = [
        Leg(AccountKind.PAYPAL_CASH, gross.minor + difference_minor - fee_minor),
        Leg(AccountKind.PAYPAL_FEES, fee_minor),
        Leg(AccountKind.DIFFERENCES, -difference_minor),
    ]
    for line in lines:
        release = releases[line.seller_id]
        legs.append(Leg(AccountKind.PLATFORM_REVENUE, -line.commission_minor, line_id=line.line_id))
        legs.append(
            Leg(
                AccountKind.SELLER_PENDING,
                -line.share_minor,
                line.seller_id,
                line.line_id,
                release.at,
                release.reason,
            )
        )
    accounts = book(Movement.SALE, payment_id, gross.currency, legs)
    session().add_all(
        PendingShare(
            line_id=line.line_id,
            account_id=accounts[AccountKind.SELLER_PENDING, line.seller_id],
            share_minor=line.share_minor,
            release_at=releases[line.seller_id].at,
        )
        for line in lines
        if line.share_minor
    )
    _add_to_earnings(gross.currency, lines)


@transactional
def book_fee(*, payment_id: UUID, fee: Money) -> None:
    """Book PayPal's fee of a sale that was booked without, once per payment."""
    if fee.minor:
        legs = [
            Leg(AccountKind.PAYPAL_FEES, fee.minor),
            Leg(AccountKind.PAYPAL_CASH, -fee.minor),
        ]
        book(Movement.FEE, payment_id, fee.currency, legs)


def _add_to_earnings(currency: str, lines: Sequence[SaleLine]) -> None:
    """Add a sale to what its sellers have earned.

    A seller's row stays locked up to the commit: their sales are booked one after the other.
    """
    sold: dict[UUID, dict[str, int]] = {}
    for line in lines:
        sums = sold.setdefault(line.seller_id, dict.fromkeys(_SUMS, 0))
        for name, more in zip(_SUMS, _parts(line), strict=True):
            sums[name] += more
    rows = insert(SellerEarnings).values(
        [
            {"seller_id": seller_id, "currency": currency, "available_minor": 0, **sums}
            # In one order everywhere: two sales of the same sellers must not wait for each other.
            for seller_id, sums in sorted(sold.items())
        ]
    )
    session().execute(
        rows.on_conflict_do_update(
            index_elements=[SellerEarnings.seller_id, SellerEarnings.currency],
            set_={name: getattr(SellerEarnings, name) + rows.excluded[name] for name in _SUMS},
        )
    )


def _parts(line: SaleLine) -> tuple[int, ...]:
    """What a line adds to each of `_SUMS`."""
    return 1, line.pieces, line.gross_minor, line.commission_minor, line.share_minor


def book(kind: Movement, reference: UUID, currency: str, legs: Sequence[Leg]) -> dict[Holder, UUID]:
    """Book a movement, once for its kind and reference; inside the caller's transaction.

    Returns the accounts that moved.
    """
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
            hold_reason=leg.hold_reason,
        )
        for leg in moving
    )
    return accounts


def _accounts(wanted: set[Holder], currency: str) -> dict[Holder, UUID]:
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


def _known_accounts(wanted: set[Holder], currency: str) -> dict[Holder, UUID]:
    owners = {owner_id for _kind, owner_id in wanted if owner_id is not None}
    rows = session().execute(
        select(LedgerAccount.kind, LedgerAccount.owner_id, LedgerAccount.id).where(
            LedgerAccount.kind.in_({kind for kind, _owner_id in wanted}),
            or_(LedgerAccount.owner_id.is_(None), LedgerAccount.owner_id.in_(owners)),
            LedgerAccount.currency == currency,
        )
    )
    return {(row.kind, row.owner_id): row.id for row in rows}
