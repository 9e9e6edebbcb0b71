"""A sale, step by step, as a buyer's browser and PayPal bring it about."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import requests
from flask import Flask
from rq import Queue
from sqlalchemy import text

from app.auth.models import User
from app.extensions import db
from app.kit import jobs
from app.kit.db import session
from app.kit.worker import LeanWorker
from app.orders.models import Order, Owner
from app.orders.service import basket, capturing, placing
from app.orders.service.capturing import CaptureResult
from app.orders.service.placing import StartedCheckout
from tests.support.harm import broken

SECONDS = 10


@dataclass(frozen=True)
class SandboxControl:
    """The sandbox's side doors, through which a test plays PayPal's part."""

    url: str

    def approve(self, paypal_order_id: str, payer: str = "") -> None:
        """Say yes as a payer would in PayPal's window."""
        body = {"payer": payer} if payer else {}
        self._post(f"/sandbox/orders/{paypal_order_id}/approve", body)

    def take_back(self, paypal_order_id: str) -> None:
        """Take a payer's yes back."""
        self._post(f"/sandbox/orders/{paypal_order_id}/take-back", {})

    def fault(self, kind: str, **details: Any) -> None:
        """Have the next calls or webhooks go wrong."""
        self._post("/sandbox/faults", {"kind": kind, **details})

    def calm_down(self) -> None:
        """Have everything go right again."""
        requests.delete(f"{self.url}/sandbox/faults", timeout=SECONDS).raise_for_status()

    def reset(self) -> None:
        """Have PayPal begin anew: nothing sold, nothing to send, nothing set to go wrong."""
        self._post("/sandbox/reset", {})

    def deliveries(self) -> list[dict[str, Any]]:
        """Every transmission of a webhook, newest first, with the shop's answer."""
        answer = requests.get(f"{self.url}/sandbox/webhooks", timeout=SECONDS)
        return list(answer.json()["deliveries"])

    def resend(self, event_id: str, forgery: str | None = None) -> int | None:
        """Send an event once more, or as a forger would; the status that the shop answered."""
        path = f"/sandbox/webhooks/{event_id}/resend"
        answer = self._post(path, {"forgery": forgery} if forgery else {})
        status = answer["answer"]
        return None if status is None else int(status)

    def move_clock(self, seconds: int) -> None:
        """Let time pass at PayPal."""
        self._post("/sandbox/clock", {"seconds": seconds})

    def end_pending(self, capture_id: str, end: str) -> None:
        """Have an eCheck clear ("complete") or bounce ("deny")."""
        self._post(f"/sandbox/captures/{capture_id}/{end}", {})

    def refund(self, capture_id: str, value: str = "") -> dict[str, Any]:
        """Refund in PayPal's own pages, all that is left unless a value is named."""
        return self._post(f"/sandbox/captures/{capture_id}/refund", {"value": value or None})

    def end_refund(self, refund_id: str, end: str) -> None:
        """Have a pending refund arrive ("complete") or come back ("fail")."""
        self._post(f"/sandbox/refunds/{refund_id}/{end}", {})

    def dispute(self, capture_id: str, **options: Any) -> dict[str, Any]:
        """Dispute a payment, or an amount of it, as its payer."""
        return self._post(f"/sandbox/captures/{capture_id}/dispute", options)

    def reverse(self, capture_id: str, amount: str = "") -> str:
        """Take a payment back as for a chargeback; PayPal's id of that."""
        path = f"/sandbox/captures/{capture_id}/reverse"
        return str(self._post(path, {"amount": amount or None})["id"])

    def escalate(self, dispute_id: str) -> None:
        """Take a dispute to its next stage."""
        self._post(f"/sandbox/disputes/{dispute_id}/escalate", {})

    def decide(self, dispute_id: str, outcome: str, amount: str = "") -> None:
        """End a dispute for the buyer, the seller, by a payout of PayPal's, or cancel it."""
        self._post(
            f"/sandbox/disputes/{dispute_id}/resolve", {"for": outcome, "amount": amount or None}
        )

    def end_payout(self, item_id: str, end: str) -> None:
        """Have something become of an item of a payout: claim, return, release, block…"""
        self._post(f"/sandbox/payouts/{item_id}/{end}", {})

    def refunds(self, capture_id: str) -> list[dict[str, Any]]:
        """The refunds of a capture."""
        books: dict[str, Any] = requests.get(f"{self.url}/sandbox/books", timeout=SECONDS).json()
        return [one for one in books["refunds"] if one["capture_id"] == capture_id]

    def pass_hours(self, hours: int) -> None:
        """Move PayPal's clock."""
        self._post("/sandbox/clock", {"seconds": hours * 3600})

    def drop(self, paypal_order_id: str) -> None:
        """Forget an order that nobody has paid."""
        path = f"/sandbox/orders/{paypal_order_id}"
        requests.delete(f"{self.url}{path}", timeout=SECONDS).raise_for_status()

    def captures(self) -> list[dict[str, Any]]:
        """Every capture that took money or will."""
        books: dict[str, Any] = requests.get(f"{self.url}/sandbox/books", timeout=SECONDS).json()
        return list(books["captures"])

    def cash(self, currency: str = "EUR") -> int:
        """What the shop has at PayPal, in minor units."""
        books = requests.get(f"{self.url}/sandbox/books", timeout=SECONDS).json()
        return int(books["merchant"].get(currency, 0))

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(f"{self.url}{path}", json=body, timeout=2 * SECONDS)
        assert answer.ok, answer.text
        return dict(answer.json())


def fill_basket(buyer: User, product_id: UUID, quantity: int = 1) -> UUID:
    """Put pieces into the buyer's basket; its checkout key."""
    basket.add(owner=Owner(user_id=buyer.id), product_id=product_id, quantity=quantity)
    return key_of(buyer)


def key_of(buyer: User) -> UUID:
    """The checkout key of the buyer's basket."""
    return (
        session()
        .execute(text("SELECT checkout_key FROM basket WHERE user_id = :user"), {"user": buyer.id})
        .scalar_one()
    )


def start(buyer: User, key: UUID | None = None, locale: str = "en") -> StartedCheckout:
    """Press PayPal's button."""
    return placing.start_checkout(
        buyer_id=buyer.id, checkout_key=key or key_of(buyer), address=None, locale=locale
    )


def capture(buyer: User, started: StartedCheckout) -> CaptureResult:
    """Come back from PayPal's window."""
    return capturing.capture(buyer_id=buyer.id, order_id=started.order_id)


def chase() -> int:
    """Have the sweeper look at due payments, and a worker ask PayPal; how many there were."""
    due = capturing.chase_unfinished().done
    connection = jobs.redis()
    queues = [Queue("paypal", connection=connection)]
    LeanWorker(queues, connection=connection).work(burst=True, logging_level="CRITICAL")
    session().rollback()
    return due


def order_of(started: StartedCheckout) -> Order:
    """The order as it stands now."""
    db.session.rollback()
    return session().get_one(Order, started.order_id, populate_existing=True)


def in_parallel(app: Flask, works: list[Callable[[], Any]]) -> list[Any]:
    """Run them at the same moment, each as a process of its own would; results or errors."""
    results: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(index: int) -> None:
        with app.app_context():
            gate.wait()
            try:
                results[index] = works[index]()
            except Exception as error:  # noqa: BLE001 # the test looks at it
                results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def count(table: str, where: str = "true") -> int:
    """How many rows there are."""
    db.session.rollback()
    return int(session().execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one())


def assert_promises_hold() -> None:
    """Every promise of the shop holds."""
    db.session.rollback()
    assert broken() == {}
