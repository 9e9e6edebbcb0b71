"""What is booked of a sale: PayPal's cash and fee, the commission, the sellers' shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.kit.db import session, transactional
from app.kit.money import Money
from app.payments.models import AccountKind, Movement, PendingShare, SellerEarnings
from app.payments.policy import Release, release_of_line
from app.payments.service.ledger import Leg, book

_SUMS = ("sales", "pieces", "gross_minor", "commission_minor")


@dataclass(frozen=True)
class SaleLine:
    """What one seller sold: `gross_minor` of which `commission_minor` is the platform's."""

    line_id: UUID
    seller_id: UUID
    pieces: int
    gross_minor: int
    commission_minor: int
    # Until when unopened pieces can be returned.
    returnable_until: datetime | None = None

    @property
    def share_minor(self) -> int:
        """What is left to the seller."""
        return self.gross_minor - self.commission_minor


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
        release = release_of_line(releases[line.seller_id], line.returnable_until)
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
            account_id=accounts[AccountKind.SELLER_PENDING, line.seller_id].id,
            share_minor=line.share_minor,
            release_at=release_of_line(releases[line.seller_id], line.returnable_until).at,
            hold_until=releases[line.seller_id].at,
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
            {"seller_id": seller_id, "currency": currency, **sums}
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
    return 1, line.pieces, line.gross_minor, line.commission_minor
