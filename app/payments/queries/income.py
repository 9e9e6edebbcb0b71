"""What came in, day by day, from the turnover that is kept."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, func, select

from app.kit.db import session
from app.payments.models import AccountKind, AccountTurnover, LedgerAccount, Movement
from app.payments.queries.statements import SELLERS

# What makes a seller richer or poorer; all else only goes from one account to the other.
_EARNING = (
    Movement.SALE,
    Movement.REFUND,
    Movement.REFUND_FAILED,
    Movement.CHARGEBACK,
    Movement.DISPUTE_LOST,
)


@dataclass(frozen=True)
class PlatformDay:
    """The platform's commission of a day, and what PayPal took; in minor units."""

    commission_minor: int = 0
    fees_minor: int = 0

    @property
    def left_minor(self) -> int:
        """What was left of it."""
        return self.commission_minor - self.fees_minor


def seller_income(*, seller_id: UUID, currency: str, first: date, last: date) -> dict[date, int]:
    """A seller's shares of what was sold on each day, less what went back on it."""
    rows = session().execute(
        select(
            AccountTurnover.day,
            (-func.sum(AccountTurnover.amount_minor)).cast(BigInteger).label("minor"),
        )
        .join(LedgerAccount, LedgerAccount.id == AccountTurnover.account_id)
        .where(
            LedgerAccount.owner_id == seller_id,
            LedgerAccount.currency == currency,
            LedgerAccount.kind.in_(SELLERS),
            AccountTurnover.day.between(first, last),
            AccountTurnover.kind.in_(_EARNING),
        )
        .group_by(AccountTurnover.day)
    )
    return {row.day: row.minor for row in rows}


def platform_income(*, currency: str, first: date, last: date) -> dict[date, PlatformDay]:
    """The platform's commission and PayPal's fees of each day."""
    rows = session().execute(
        select(
            AccountTurnover.day,
            LedgerAccount.kind,
            func.sum(AccountTurnover.amount_minor).cast(BigInteger).label("minor"),
        )
        .join(LedgerAccount, LedgerAccount.id == AccountTurnover.account_id)
        .where(
            LedgerAccount.owner_id.is_(None),
            LedgerAccount.currency == currency,
            LedgerAccount.kind.in_([AccountKind.PLATFORM_REVENUE, AccountKind.PAYPAL_FEES]),
            AccountTurnover.day.between(first, last),
        )
        .group_by(AccountTurnover.day, LedgerAccount.kind)
    )
    commission: dict[date, int] = {}
    fees: dict[date, int] = {}
    for row in rows:
        is_commission = row.kind is AccountKind.PLATFORM_REVENUE
        (commission if is_commission else fees)[row.day] = (
            -row.minor if is_commission else row.minor
        )
    return {
        day: PlatformDay(commission.get(day, 0), fees.get(day, 0))
        for day in commission.keys() | fees.keys()
    }
