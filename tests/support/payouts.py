"""Payouts in tests: sellers with earnings, and PayPal's part in the test's hands."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import requests
from rq import Queue
from sqlalchemy import text

from app.auth.models import User
from app.extensions import db
from app.kit import jobs
from app.kit.db import end_read, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.kit.worker import LeanWorker
from app.payments.gateway import PaypalItem
from app.payments.models import HoldReason
from app.payments.models.payouts import Payout, PayoutBatch
from app.payments.paypal import paypal
from app.payments.policy import Release
from app.payments.promises import PROMISES
from app.payments.queries import Earnings, earnings_of
from app.payments.service import releasing, sales
from app.payments.service.payouts import sending
from tests.factories.auth import make_user
from tests.support.sale import SandboxControl

SECONDS = 10
FUNDS_MINOR = 99_000_00


class Bank:
    """The sandbox, seen from the side of payouts; it begins with money for the shop."""

    def __init__(self, control: SandboxControl) -> None:
        self.control = control
        end_read()
        order = paypal().create_order(
            request_id=str(new_id()),
            reference=str(new_id()),
            total=Money(FUNDS_MINOR, "EUR"),
            items=[PaypalItem("Funds", 1, FUNDS_MINOR)],
            locale="en",
            return_url="http://127.0.0.1/",
            cancel_url="http://127.0.0.1/",
        )
        control.approve(order.id)
        paypal().capture(order.id, request_id=str(new_id()), patient=True)
        self._cash = control.cash()

    def spent(self) -> int:
        """What payouts and their fees have taken from the shop's account until now."""
        return self._cash - self.control.cash()

    def items(self) -> dict[str, dict[str, Any]]:
        """What the sandbox knows of the items of this test, by our ids."""
        books = requests.get(f"{self.control.url}/sandbox/books", timeout=SECONDS).json()
        return {one["sender_item_id"]: one for one in books["payouts"]}

    def end(self, payout_id: UUID, how: str) -> None:
        """Have something become of an item: claim, return, release, block, refund, reverse."""
        item_id = self.items()[str(payout_id)]["id"]
        self.control.end_payout(item_id, how)


def seller(address: str = "anna@example.com", earned: int = 5000, **more: Any) -> User:
    """A seller who is paid at this address, with so much available."""
    made = make_user(roles=("seller",), **more)
    run("UPDATE users SET paypal_email = :address WHERE id = :id", address=address, id=made.id)
    if earned:
        earn(made.id, earned)
    return made


def earn(seller_id: UUID, minor: int, *, in_days: float = -1) -> None:
    """Sell something; what is left to the seller is available in so many days."""
    release = Release(datetime.now(UTC) + timedelta(days=in_days), HoldReason.STANDARD)
    sales.book_sale(
        payment_id=new_id(),
        gross=Money(minor, "EUR"),
        fee_minor=0,
        lines=[sales.SaleLine(new_id(), seller_id, 1, minor, 0)],
        releases=defaultdict(lambda: release),
    )
    releasing.release_due()


@transactional
def run(statement: str, **values: object) -> None:
    """Change rows past the services."""
    session().execute(text(statement), values)


def make_due() -> None:
    """Let the time come at which PayPal is asked."""
    run("UPDATE payout_batch SET next_check_at = now() WHERE next_check_at IS NOT NULL")


def work() -> None:
    """Have workers do what waits in the queue of PayPal's work."""
    connection = jobs.redis()
    queues = [Queue("paypal", connection=connection)]
    LeanWorker(queues, connection=connection).work(burst=True, logging_level="CRITICAL")
    session().rollback()


def attend() -> None:
    """Ask PayPal about every batch that it is still asked about."""
    make_due()
    sending.attend_due()
    work()


def state_of(payout_id: UUID) -> str:
    """The state of a payout as it is now."""
    return str(row_of(payout_id).state)


def row_of(payout_id: UUID) -> Payout:
    """A payout as it is now."""
    db.session.rollback()
    return session().get_one(Payout, payout_id, populate_existing=True)


def batch_of(payout_id: UUID) -> PayoutBatch:
    """The batch of a payout as it is now."""
    return session().get_one(PayoutBatch, row_of(payout_id).batch_id, populate_existing=True)


def owed(seller_id: UUID) -> tuple[int, int]:
    """What a seller has available, and in payout."""
    db.session.rollback()
    found: Earnings = earnings_of(seller_id=seller_id, currency="EUR")
    return found.available_minor, found.in_payout_minor


def cash_out() -> int:
    """What payouts and their fees have taken from PayPal's cash, as the ledger has it."""
    db.session.rollback()
    return -int(
        session().scalar(
            text(
                "SELECT coalesce(sum(e.amount_minor), 0) FROM ledger_entry e"
                " JOIN ledger_account a ON a.id = e.account_id"
                " JOIN ledger_transaction t ON t.id = e.transaction_id"
                " WHERE a.kind = 'paypal_cash' AND t.kind LIKE 'payout%'"
            )
        )
        or 0
    )


def broken_promises() -> list[str]:
    """What breaks the promises of payments, but for the one that needs real sales."""
    db.session.rollback()
    return [
        f"{one.name}: {breach}"
        for one in PROMISES
        if "sandbox" not in one.name
        for breach in one.breaches()
    ]
