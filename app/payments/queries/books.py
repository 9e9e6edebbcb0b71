"""The platform's books as they stand now, from kept sums."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, func, select

from app.kit.db import session
from app.kit.months import Month, months_between
from app.payments.models import AccountBalance, AccountKind, AccountTurnover, LedgerAccount
from app.payments.queries.statements import MOST_MONTHS


@dataclass(frozen=True)
class Standing:
    """What the platform has, earned and owes, in minor units of one currency.

    What sellers owe, because more went back than they had, is not taken off what is owed to others.
    """

    cash_minor: int
    held_minor: int
    fees_minor: int
    commission_minor: int
    differences_minor: int
    pending_minor: int
    available_minor: int
    in_payout_minor: int
    disputed_minor: int
    receivable_minor: int
    debtors: int

    @property
    def has_minor(self) -> int:
        """All that is the platform's or will be: at PayPal, and what sellers owe."""
        return self.cash_minor + self.held_minor + self.receivable_minor

    @property
    def owed_minor(self) -> int:
        """All that sellers are owed."""
        return (
            self.pending_minor + self.available_minor + self.in_payout_minor + self.disputed_minor
        )

    @property
    def left_minor(self) -> int:
        """What was earned, less what PayPal took."""
        return self.commission_minor + self.differences_minor - self.fees_minor

    @property
    def adds_up(self) -> bool:
        """Whether what there is, is what is owed and what was earned."""
        return self.has_minor == self.owed_minor + self.left_minor


def standing(*, currency: str) -> Standing:
    """The books of a currency now."""
    balance = (
        select(
            LedgerAccount.kind,
            func.sum(AccountBalance.balance_minor).cast(BigInteger).label("minor"),
        )
        .join(AccountBalance, AccountBalance.account_id == LedgerAccount.id)
        .where(LedgerAccount.currency == currency)
        .group_by(LedgerAccount.id)
        .subquery()
    )
    rows = session().execute(
        select(
            balance.c.kind,
            func.sum(balance.c.minor).cast(BigInteger).label("minor"),
            func.coalesce(func.sum(balance.c.minor).filter(balance.c.minor > 0), 0)
            .cast(BigInteger)
            .label("debit"),
            func.count().filter(balance.c.minor > 0).label("debtors"),
        ).group_by(balance.c.kind)
    )
    found = {row.kind: row for row in rows}
    minor = {kind: found[kind].minor if kind in found else 0 for kind in AccountKind}
    available = found.get(AccountKind.SELLER_AVAILABLE)
    receivable = available.debit if available else 0
    return Standing(
        cash_minor=minor[AccountKind.PAYPAL_CASH],
        held_minor=minor[AccountKind.PAYPAL_HELD],
        fees_minor=minor[AccountKind.PAYPAL_FEES],
        commission_minor=-minor[AccountKind.PLATFORM_REVENUE],
        differences_minor=-minor[AccountKind.DIFFERENCES],
        pending_minor=-minor[AccountKind.SELLER_PENDING],
        available_minor=receivable - minor[AccountKind.SELLER_AVAILABLE],
        in_payout_minor=-minor[AccountKind.SELLER_IN_PAYOUT],
        disputed_minor=-minor[AccountKind.SELLER_DISPUTED],
        receivable_minor=receivable,
        debtors=available.debtors if available else 0,
    )


def months_booked(*, currency: str, now: datetime) -> list[Month]:
    """The months in which the platform's accounts moved, the latest first."""
    cash = select(LedgerAccount.id).where(
        LedgerAccount.kind == AccountKind.PAYPAL_CASH, LedgerAccount.currency == currency
    )
    day = session().scalar(
        select(func.min(AccountTurnover.day)).where(AccountTurnover.account_id.in_(cash))
    )
    first = Month(day.year, day.month) if day else Month.of(now)
    return months_between(first, Month.of(now), MOST_MONTHS)
