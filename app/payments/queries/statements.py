"""The entries of an owner's accounts, and months of them that add up.

All amounts are minor units, positive where they are owed to the seller. The sums of a month are
kept ones: they cost the same however much was booked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, func, select, union_all
from sqlalchemy.sql.selectable import Subquery

from app.kit.db import session
from app.kit.ids import ids_from
from app.kit.months import Month, months_between
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.payments.models import (
    AccountBalance,
    AccountKind,
    AccountTurnover,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Movement,
    SellerEarnings,
)

SELLERS = (
    AccountKind.SELLER_AVAILABLE,
    AccountKind.SELLER_PENDING,
    AccountKind.SELLER_IN_PAYOUT,
    AccountKind.SELLER_DISPUTED,
)
MOST_MONTHS = 120
# Numbers of entries are given out a little apart from the time of their movements.
ENTRY_SLACK = 10_000
_FIRST_ONES = 100


@dataclass(frozen=True)
class Entry:
    """One entry of a seller's account, and what the account holds with it."""

    id: int
    at: datetime
    movement: Movement
    reference: UUID
    account: AccountKind
    amount_minor: int
    balance_minor: int
    line_id: UUID | None


@dataclass(frozen=True)
class AccountMonth:
    """A month of one account: what it held at its beginning, what moved, what it held after."""

    account: AccountKind
    opening_minor: int
    moved: dict[Movement, int]
    closing_minor: int


@dataclass(frozen=True)
class Statement:
    """A month of all accounts of an owner."""

    month: Month
    currency: str
    accounts: list[AccountMonth]

    @property
    def opening_minor(self) -> int:
        """What they held together at its beginning."""
        return sum(one.opening_minor for one in self.accounts)

    @property
    def closing_minor(self) -> int:
        """What they held together at its end."""
        return sum(one.closing_minor for one in self.accounts)

    @property
    def moved(self) -> dict[Movement, int]:
        """What moved on them together; what went from one to the other is nothing."""
        sums: dict[Movement, int] = {}
        for one in self.accounts:
            for movement, minor in one.moved.items():
                sums[movement] = sums.get(movement, 0) + minor
        return {movement: minor for movement, minor in sums.items() if minor}


def entries_of(
    *,
    seller_id: UUID,
    currency: str,
    account: AccountKind | None = None,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[Entry]:
    """A page of a seller's entries, the newest first; Invalid for a broken cursor."""
    ids = _accounts(seller_id, currency, account)
    last = decode_cursor(after, tuple[int])[0] if after else None
    before = [LedgerEntry.id < last] if last is not None else []
    page = cut(_entries(ids, before, size + 1, newest_first=True), size, lambda one: (one.id,))
    if not counted:
        return page
    every = select(LedgerEntry.id).where(LedgerEntry.account_id.in_(ids))
    return with_total(page, every, after)


def statement_of(*, seller_id: UUID | None, currency: str, month: Month) -> Statement:
    """A month of a seller's accounts, or of the platform's own for None.

    The platform's are told as they are booked: what it has is positive.
    """
    mine = LedgerAccount.owner_id == seller_id  # IS NULL for None
    owed = -1 if seller_id else 1
    later = AccountTurnover.day >= month.next.first_day
    turned = (
        session()
        .execute(
            select(
                LedgerAccount.kind,
                AccountTurnover.kind.label("movement"),
                _sum(AccountTurnover.amount_minor, ~later).label("within"),
                _sum(AccountTurnover.amount_minor, later).label("later"),
            )
            .join(LedgerAccount, LedgerAccount.id == AccountTurnover.account_id)
            .where(mine, LedgerAccount.currency == currency, AccountTurnover.day >= month.first_day)
            .group_by(LedgerAccount.kind, AccountTurnover.kind)
        )
        .all()
    )
    balances = session().execute(
        select(
            LedgerAccount.kind,
            func.sum(AccountBalance.balance_minor).cast(BigInteger).label("minor"),
        )
        .join(LedgerAccount, LedgerAccount.id == AccountBalance.account_id)
        .where(mine, LedgerAccount.currency == currency)
        .group_by(LedgerAccount.kind)
    )
    now: dict[AccountKind, int] = {row.kind: row.minor for row in balances}
    accounts = []
    for kind in AccountKind:
        if kind not in now:
            continue
        own = [row for row in turned if row.kind is kind]
        closing = now[kind] - sum(row.later for row in own)
        moved = {Movement(row.movement): owed * row.within for row in own if row.within}
        accounts.append(
            AccountMonth(
                kind,
                owed * (closing - sum(row.within for row in own)),
                {movement: moved[movement] for movement in Movement if movement in moved},
                owed * closing,
            )
        )
    return Statement(month, currency, accounts)


def _sum(column: Any, condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column).filter(condition), 0).cast(BigInteger)


def months_of(*, seller_id: UUID, currency: str, now: datetime) -> list[Month]:
    """The months of which a seller has statements, the latest first."""
    first = session().scalar(
        select(SellerEarnings.first_sale_at).where(
            SellerEarnings.seller_id == seller_id, SellerEarnings.currency == currency
        )
    )
    return months_between(Month.of(first or now), Month.of(now), MOST_MONTHS)


def entries_in(
    *, seller_id: UUID, currency: str, month: Month, after_id: int = 0, size: int
) -> list[Entry]:
    """The next entries of a month, the oldest first."""
    lowest, highest = first_entry_from(month.start), first_entry_from(month.next.start)
    if lowest is None:
        return []
    conditions = [
        LedgerEntry.id > max(after_id, lowest - ENTRY_SLACK),
        LedgerEntry.transaction_id >= ids_from(month.start),
        LedgerEntry.transaction_id < ids_from(month.next.start),
    ]
    if highest is not None:
        conditions.append(LedgerEntry.id < highest + ENTRY_SLACK)
    ids = _accounts(seller_id, currency, None)
    return list(_entries(ids, conditions, size, newest_first=False))


def every_entry_in(
    *, seller_id: UUID, currency: str, month: Month, at_once: int
) -> Iterator[Sequence[Entry]]:
    """All entries of a month, so many at once."""
    last = 0
    while found := entries_in(
        seller_id=seller_id, currency=currency, month=month, after_id=last, size=at_once
    ):
        last = found[-1].id
        yield found


def first_entry_from(moment: datetime) -> int | None:
    """About the number of the first entry from then on; None if there is none yet."""
    first_ones = (
        select(LedgerTransaction.id)
        .where(LedgerTransaction.id >= ids_from(moment))
        .order_by(LedgerTransaction.id)
        .limit(_FIRST_ONES)
    )
    return session().scalar(
        select(func.min(LedgerEntry.id)).where(LedgerEntry.transaction_id.in_(first_ones))
    )


def _accounts(seller_id: UUID, currency: str, account: AccountKind | None) -> list[UUID]:
    kinds = SELLERS if account is None else (account,)
    return list(
        session().scalars(
            select(LedgerAccount.id).where(
                LedgerAccount.owner_id == seller_id,
                LedgerAccount.currency == currency,
                LedgerAccount.kind.in_(kinds),
            )
        )
    )


def _entries(
    account_ids: Sequence[UUID],
    conditions: Sequence[ColumnElement[bool]],
    size: int,
    *,
    newest_first: bool,
) -> Sequence[Entry]:
    """So many entries of these accounts: the first ones of each by its index, then of all."""
    if not account_ids:
        return []
    order = LedgerEntry.id.desc() if newest_first else LedgerEntry.id
    parts = [
        select(LedgerEntry)
        .where(LedgerEntry.account_id == one, *conditions)
        .order_by(order)
        .limit(size)
        .subquery()
        for one in account_ids
    ]
    found: Subquery = union_all(*(select(part) for part in parts)).subquery("found")
    query: Select[*tuple[Any, ...]] = (
        select(
            found,
            LedgerAccount.kind,
            LedgerTransaction.kind.label("movement"),
            LedgerTransaction.reference,
            LedgerTransaction.created_at,
        )
        .join(LedgerAccount, LedgerAccount.id == found.c.account_id)
        .join(LedgerTransaction, LedgerTransaction.id == found.c.transaction_id)
        .order_by(found.c.id.desc() if newest_first else found.c.id)
        .limit(size)
    )
    return [
        Entry(
            row.id,
            row.created_at,
            Movement(row.movement),
            row.reference,
            row.kind,
            -row.amount_minor,
            -row.balance_minor,
            row.line_id,
        )
        for row in session().execute(query)
    ]
