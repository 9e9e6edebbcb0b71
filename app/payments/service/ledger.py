"""The double-entry ledger. Debits are positive, credits negative; each movement sums to zero."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import Insert, insert

from app.kit.db import session
from app.kit.ids import moment_of, new_id
from app.payments.models import (
    AccountBalance,
    AccountKind,
    AccountTurnover,
    HoldReason,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
    Movement,
)

# The parts in which the balance of an account of the platform is kept.
SLOTS = 16
Holder = tuple[AccountKind, UUID | None]  # an account but for its currency


@dataclass(frozen=True)
class Account:
    """An account that a movement booked on; `balance_minor` after it, for a seller's alone."""

    id: UUID
    balance_minor: int | None


@dataclass(frozen=True)
class Leg:
    """One side of a movement: a debit if positive, a credit if negative, in minor units."""

    account: AccountKind
    amount_minor: int
    owner_id: UUID | None = None
    line_id: UUID | None = None
    release_at: datetime | None = None
    hold_reason: HoldReason | None = None


def book(
    kind: Movement, reference: UUID, currency: str, legs: Sequence[Leg]
) -> dict[Holder, Account]:
    """Book a movement, once for its kind and reference; inside the caller's transaction.

    Returns the accounts that moved. Those of sellers stay locked up to the commit: what moves them
    is booked one after the other.
    """
    return book_all(kind, currency, {reference: legs})


def book_all(
    kind: Movement, currency: str, movements: Mapping[UUID, Sequence[Leg]]
) -> dict[Holder, Account]:
    """Book movements of one kind, by their references, in as many statements as a single one.

    RuntimeError if two of them move the same seller's account: each entry tells what it left.
    """
    # Nothing moves in some, such as the commission of a shop that takes none.
    moving = {
        reference: [leg for leg in legs if leg.amount_minor != 0]
        for reference, legs in movements.items()
    }
    owned = [
        holder
        for legs in moving.values()
        for holder in {(leg.account, leg.owner_id) for leg in legs if leg.owner_id}
    ]
    if len(set(owned)) < len(owned):
        raise RuntimeError(f"{kind}: two movements of one seller at once")
    every = [leg for legs in moving.values() for leg in legs]
    ids = _accounts({(leg.account, leg.owner_id) for leg in every}, currency)
    transactions = [
        LedgerTransaction(id=new_id(), kind=kind, reference=reference) for reference in moving
    ]
    session().add_all(transactions)
    session().flush()  # the entries point at it by a plain foreign key
    accounts = _add_to_balances(transactions[0], ids, every)
    for transaction in transactions:
        session().add_all(_entries(transaction, accounts, moving[transaction.reference]))
    return accounts


def _add_to_balances(
    transaction: LedgerTransaction, ids: dict[Holder, UUID], legs: Sequence[Leg]
) -> dict[Holder, Account]:
    """Add what moves to the balances of its accounts, and to their turnover of the day.

    Before the entries are written: their order is that of the locks that this takes.
    """
    sums: dict[Holder, int] = defaultdict(int)
    for leg in legs:
        sums[leg.account, leg.owner_id] += leg.amount_minor
    slot = transaction.id.int % SLOTS
    parts: list[dict[str, Any]] = [
        {
            "account_id": account_id,
            "slot": slot if holder[1] is None else 0,
            "balance_minor": sums[holder],
        }
        # In one order everywhere: two movements of the same accounts must not deadlock.
        for holder, account_id in sorted(ids.items(), key=lambda item: item[1])
    ]
    rows = insert(AccountBalance).values(parts)
    kept = (
        rows.on_conflict_do_update(
            index_elements=[AccountBalance.account_id, AccountBalance.slot],
            set_={"balance_minor": AccountBalance.balance_minor + rows.excluded.balance_minor},
        )
        .returning(AccountBalance.account_id, AccountBalance.balance_minor)
        .cte("kept")
    )
    turned = _turnover(transaction, parts).cte("turned")
    found = session().execute(select(kept.c.account_id, kept.c.balance_minor).add_cte(turned))
    balances = {row.account_id: row.balance_minor for row in found}
    return {
        holder: Account(account_id, None if holder[1] is None else balances[account_id])
        for holder, account_id in ids.items()
    }


def _turnover(transaction: LedgerTransaction, parts: Sequence[dict[str, Any]]) -> Insert:
    """The statement that adds what moves to its day; run after the balances, in their order."""
    day = moment_of(transaction.id).date()
    rows = insert(AccountTurnover).values(
        [
            {
                "account_id": part["account_id"],
                "day": day,
                "kind": transaction.kind,
                "slot": part["slot"],
                "amount_minor": part["balance_minor"],
            }
            for part in parts
        ]
    )
    return rows.on_conflict_do_update(
        index_elements=[
            AccountTurnover.account_id,
            AccountTurnover.day,
            AccountTurnover.kind,
            AccountTurnover.slot,
        ],
        set_={"amount_minor": AccountTurnover.amount_minor + rows.excluded.amount_minor},
    )


def _entries(
    transaction: LedgerTransaction, accounts: dict[Holder, Account], legs: Sequence[Leg]
) -> list[LedgerEntry]:
    """The entries of a movement, each of a seller's with the balance that it leaves."""
    entries = []
    left = {holder: account.balance_minor for holder, account in accounts.items()}
    for leg in reversed(legs):
        holder = leg.account, leg.owner_id
        after = left[holder]
        left[holder] = None if after is None else after - leg.amount_minor
        entries.append(
            LedgerEntry(
                transaction_id=transaction.id,
                account_id=accounts[holder].id,
                amount_minor=leg.amount_minor,
                balance_minor=after,
                line_id=leg.line_id,
                release_at=leg.release_at,
                hold_reason=leg.hold_reason,
            )
        )
    return entries[::-1]


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
