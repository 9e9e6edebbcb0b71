"""Any sequence of what buyers, PayPal and the clock do keeps the books right, in one process.

The same walk as that of `make faults`, but that nothing is killed: what is lost here is answers.
The suite makes the same few walks each time; EXAMPLES=200 makes so many that nobody has made.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import requests
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from app.auth.models import User
from app.auth.service import moderation
from app.extensions import db
from app.kit.db import session
from app.kit.errors import AppError
from app.orders.service import capturing, disputing, ending, placing, refunding, returning
from app.orders.service import reveal as reveals
from app.orders.service.returning import Scope
from app.orders.service.reveal import Viewer
from app.payments.service import fees, releasing
from app.payments.service.payouts import deciding, sending, starting
from app.sandbox import forgeries
from app.sandbox.signing import Certificates
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.faults.payees import Payees, disputes_ended_otherwise
from tests.orders.conftest import CREDENTIALS
from tests.orders.test_sale import make_due
from tests.products.stocking import stock_up
from tests.support.refunds import buy
from tests.support.sale import (
    SandboxControl,
    StartedCheckout,
    assert_promises_hold,
    chase,
    count,
    fill_basket,
    order_of,
    start,
)
from tests.support.sandbox import SandboxHandle

KEYS = 4  # fewer than are wanted
LOST = ("error_before_commit", "error_after_commit", "reset_after_commit", "webhook_before_answer")
EVENTS = 100
SECONDS = 10
PAYERS = ("balance", "balance", "empty", "echeck")
EXAMPLES = os.environ.get("EXAMPLES")
STEPS = 30
REVERSAL, ESCALATES, TAKE_BACK = "REVERSAL", "escalates", "take back"
STAGES = ("INQUIRY", "CHARGEBACK", REVERSAL)
OUTCOMES = ("buyer", "seller", "payout", "cancel", ESCALATES)
PAYOUT_ENDS = ("claim", "release", "block", "return", "refund", "reverse", TAKE_BACK)
FUNDS_MINOR = 10_000_00
RESOLVED = "RESOLVED"
ACCOUNTS = {"merchant": "paypal_cash", "held": "paypal_held", "fees": "paypal_fees"}
BALANCES = """SELECT a.kind, sum(e.amount_minor)::bigint AS minor FROM ledger_entry e
    JOIN ledger_account a ON a.id = e.account_id WHERE a.owner_id IS NULL GROUP BY a.kind"""


class Shop:
    """What the machine runs against."""

    def __init__(
        self,
        app: Flask,
        paypal: SandboxControl,
        handle: SandboxHandle,
        drain: Callable[[], None],
    ) -> None:
        self.paypal, self.drain = paypal, drain
        # For PayPal's fees, and for what is paid out before it goes back.
        dear = make_product(make_user(roles=("seller",)), kind="text", price_minor=FUNDS_MINOR)
        buy(paypal, make_user(), {dear.id: 1})
        self._handle, self._browser = handle, app.test_client()
        self._certificates = Certificates(handle.data_dir)
        answer = requests.post(
            f"{paypal.url}/v1/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=CREDENTIALS[:2],
            timeout=SECONDS,
        )
        self._token = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def events(self, order_ids: list[str]) -> list[dict[str, Any]]:
        """What PayPal has to tell of these orders, the oldest first."""
        found = requests.get(
            f"{self.paypal.url}/v1/notifications/webhooks-events",
            params={"page_size": EVENTS},
            headers=self._token,
            timeout=SECONDS,
        ).json()["events"]
        return [
            event for event in reversed(found) if any(one in json.dumps(event) for one in order_ids)
        ]

    def tell(self, event: dict[str, Any]) -> int:
        """Send an event as PayPal does; the shop's answer."""
        body = json.dumps(event).encode()
        headers = forgeries.headers(
            self._certificates,
            self._handle.url,
            transmission_id="T-1",
            time="2026-11-25T08:00:00Z",
            webhook_id=self._handle.webhook_id,
            body=body,
        )
        return self._browser.post(
            "/payments/paypal/webhook", data=body, headers=headers
        ).status_code

    def say_yes(self, paypal_order_id: str, payer: str) -> None:
        """Agree at PayPal, if it can be agreed to."""
        path = f"/sandbox/orders/{paypal_order_id}/approve"
        answer = requests.post(f"{self.paypal.url}{path}", json={"payer": payer}, timeout=SECONDS)
        assert answer.status_code in {200, 409}

    def books(self) -> dict[str, Any]:
        """The sandbox's own books."""
        return dict(requests.get(f"{self.paypal.url}/sandbox/books", timeout=SECONDS).json())


@dataclass(frozen=True)
class Sale:
    """A purchase under way."""

    buyer: User
    started: StartedCheckout


def machine(shop: Shop) -> type[RuleBasedStateMachine]:  # noqa: C901  # one method a rule
    """The machine that walks through this shop."""

    class Sales(RuleBasedStateMachine):
        sales = Bundle("sales")

        def __init__(self) -> None:
            super().__init__()
            self.seller = make_user(roles=("seller",))
            self.made = 0
            self.product = make_product(self.seller, stock=self._keys())
            self.text = make_product(self.seller, kind="text")
            self.all: list[Sale] = []
            self.seen: dict[Sale, list[str]] = {}
            self.taken_back: set[Sale] = set()

        def _keys(self) -> tuple[str, ...]:
            self.made += 1
            return tuple(f"KEY-{self.seller.id}-{self.made}-{n}" for n in range(KEYS))

        @rule(target=sales, keys=st.integers(1, 3), texts=st.integers(0, 1))
        def place(self, keys: int, texts: int) -> Any:
            buyer = make_user()
            try:
                for product, quantity in ((self.product, keys), (self.text, texts)):
                    if quantity:
                        fill_basket(buyer, product.id, quantity)
                sale = Sale(buyer, start(buyer))
            except AppError:  # sold out
                return multiple()
            self.all.append(sale)
            return sale

        @rule(sale=sales, payer=st.sampled_from(PAYERS))
        def approve(self, sale: Sale, payer: str) -> None:
            shop.say_yes(sale.started.paypal_order_id, payer)

        @rule(sale=sales)
        def come_back(self, sale: Sale) -> None:
            result = capturing.capture(buyer_id=sale.buyer.id, order_id=sale.started.order_id)
            is_paid = order_of(sale.started).is_paid
            assert (result.state is capturing.CaptureState.PAID) == is_paid

        @rule(sale=sales, lost=st.sampled_from(LOST), at=st.sampled_from(("get", "capture")))
        def come_back_and_hear_nothing(self, sale: Sale, lost: str, at: str) -> None:
            shop.paypal.fault(lost, operation=at, times=2)
            capturing.capture(buyer_id=sale.buyer.id, order_id=sale.started.order_id)
            shop.paypal.calm_down()

        @rule(sale=sales)
        def press_again(self, sale: Sale) -> None:
            key = session().scalar(
                text("SELECT checkout_key FROM orders WHERE id = :id"),
                {"id": sale.started.order_id},
            )
            with suppress(AppError):
                placing.start_checkout(
                    buyer_id=sale.buyer.id, checkout_key=key, address=None, locale="ru"
                )

        @rule(sale=sales)
        def cancel(self, sale: Sale) -> None:
            ending.cancel(buyer_id=sale.buyer.id, order_id=sale.started.order_id)

        @rule(sale=sales)
        def open(self, sale: Sale) -> None:
            viewer = Viewer(sale.buyer.id, None, "")
            try:
                shown = reveals.reveal_all(viewer=viewer, order_id=sale.started.order_id)
            except AppError:  # nothing is delivered yet
                return
            values = sorted(shown.values())
            assert self.seen.setdefault(sale, values) == values

        @rule(sale=sales)
        def give_back(self, sale: Sale) -> None:
            with suppress(AppError):
                returning.return_unopened(buyer_id=sale.buyer.id, order_id=sale.started.order_id)

        @rule(sale=sales, minor=st.integers(1, 1500))
        def seller_gives_back(self, sale: Sale, minor: int) -> None:
            with suppress(AppError):
                returning.refund(
                    actor_id=self.seller.id,
                    by_staff=False,
                    order_id=sale.started.order_id,
                    scope=Scope(amount_minor=minor),
                    reason="It was broken",
                )

        @rule(sale=sales, minor=st.integers(1, 1500))
        def operator_gives_back_at_paypal(self, sale: Sale, minor: int) -> None:
            for capture in self.captures():
                if capture["custom_id"] == str(sale.started.order_id):
                    with suppress(AssertionError):  # no money of it, or not so much
                        shop.paypal.refund(capture["id"], f"{minor / 100:.2f}")

        @rule(sale=sales, stage=st.sampled_from(STAGES), minor=st.integers(1, 1500))
        def bank_or_buyer_complains(self, sale: Sale, stage: str, minor: int) -> None:
            amount = f"{minor / 100:.2f}"
            for capture in self.captures():
                if capture["custom_id"] != str(sale.started.order_id) or sale in self.taken_back:
                    continue  # by both ways it would be the same money, told twice
                with suppress(AssertionError):  # no money of it, or not so much
                    if stage == REVERSAL:
                        shop.paypal.reverse(capture["id"], amount)
                    else:
                        shop.paypal.dispute(capture["id"], stage=stage, amount=amount)
                    self.taken_back.add(sale)

        @rule(number=st.integers(0, 100), outcome=st.sampled_from(OUTCOMES))
        def dispute_goes_on(self, number: int, outcome: str) -> None:
            undecided = self.disputes()
            if undecided:
                with suppress(AssertionError):  # it is at its last stage
                    if outcome == ESCALATES:
                        shop.paypal.escalate(undecided[number % len(undecided)])
                    else:
                        shop.paypal.decide(undecided[number % len(undecided)], outcome)

        @rule(item=st.sampled_from(("SUCCESS", "UNCLAIMED", "ONHOLD", "FAILED", "RETURNED")))
        def seller_asks_for_payout(self, item: str) -> None:
            shop.paypal.fault("payout_item", state=item)
            with suppress(AppError):
                starting.request(seller_id=self.seller.id)

        @rule()
        def payday_comes(self) -> None:
            session().execute(text("DELETE FROM payout_run"))
            session().commit()
            starting.run_due()

        @rule(lost=st.sampled_from(("reset_after_commit", "error_before_commit")))
        def payouts_are_attended_to(self, lost: str) -> None:
            shop.paypal.fault(lost, operation="payout")
            self.attend()

        def attend(self) -> None:
            session().execute(text("UPDATE payout_batch SET next_check_at = clock_timestamp()"))
            session().commit()
            sending.attend_due()
            shop.drain()

        @rule(number=st.integers(0, 100), end=st.sampled_from(PAYOUT_ENDS))
        def payout_ends(self, number: int, end: str) -> None:
            items = shop.books()["payouts"]
            if items:
                item = items[number % len(items)]
                with suppress(AssertionError, AppError):  # it is not in a state for that
                    if end == TAKE_BACK:
                        payout_id = UUID(item["sender_item_id"])
                        deciding.take_back(seller_id=self.seller.id, payout_id=payout_id)
                    else:
                        shop.paypal.end_payout(item["id"], end)

        @rule(is_banned=st.booleans())
        def seller_is_banned_or_not(self, is_banned: bool) -> None:
            ban = moderation.ban_user if is_banned else moderation.unban_user
            ban(user_id=self.seller.id)

        @rule(number=st.integers(0, 1000), times=st.integers(1, 2))
        def hear(self, number: int, times: int) -> None:
            events = shop.events([str(sale.started.order_id) for sale in self.all])
            for _time in range(times if events else 0):
                assert shop.tell(events[number % len(events)]) == 200

        @rule(number=st.integers(0, 100), clears=st.booleans())
        def echeck_ends(self, number: int, clears: bool) -> None:
            waiting = [one["id"] for one in self.captures() if one["status"] == "PENDING"]
            if waiting:
                end = "complete" if clears else "deny"
                shop.paypal.end_pending(waiting[number % len(waiting)], end)

        def captures(self) -> list[dict[str, Any]]:
            ours = {str(sale.started.order_id) for sale in self.all}
            return [one for one in shop.paypal.captures() if one["custom_id"] in ours]

        def disputes(self) -> list[str]:
            found = shop.books()["disputes"]
            return [one["id"] for one in found if one["status"] != RESOLVED]

        @rule()
        def work(self) -> None:
            shop.drain()

        @rule()
        def chase(self) -> None:
            make_due()
            for table in ("refund", "dispute"):
                session().execute(text(f"UPDATE {table} SET next_check_at = clock_timestamp()"))
            session().commit()
            fees.ask_due()
            refunding.ask_due()
            disputing.ask_due()
            chase()

        @rule()
        def deadlines_pass(self) -> None:
            session().execute(
                text("UPDATE orders SET expires_at = clock_timestamp() WHERE state = 'open'")
            )
            session().commit()
            ending.expire_overdue()

        @rule()
        def holds_end(self) -> None:
            session().execute(text("UPDATE pending_share SET release_at = clock_timestamp()"))
            session().commit()
            releasing.release_due()

        @rule()
        def more_stock(self) -> None:
            stock_up(self.product, list(self._keys()))

        def teardown(self) -> None:
            """Nothing more is done by anybody: all comes to its end."""
            shop.paypal.calm_down()
            for _round in range(4):
                self.end_what_waits()
                self.chase()
                self.deadlines_pass()
                self.attend()
            for event in shop.events([str(sale.started.order_id) for sale in self.all]):
                assert shop.tell(event) == 200
            self.attend()
            assert count("orders", "state IN ('open', 'approved', 'paid')") == 0
            assert count("outbox", "done_at IS NULL") == 0
            assert count("refund", "state IN ('created', 'pending')") == 0
            assert count("dispute", "state = 'open'") == 0
            assert count("payout", "state IN ('started', 'sent', 'on_hold', 'unclaimed')") == 0
            assert_promises_hold()
            self.assert_books_agree()
            taken = {one["custom_id"] for one in self.captures() if one["status"] != "DENIED"}
            paid = {
                str(sale.started.order_id) for sale in self.all if order_of(sale.started).is_paid
            }
            assert taken == paid
            db.session.rollback()

        def end_what_waits(self) -> None:
            for capture in self.captures():
                if capture["status"] == "PENDING":
                    shop.paypal.end_pending(capture["id"], "complete")
            for dispute_id in self.disputes():
                shop.paypal.decide(dispute_id, "buyer")
            for item in shop.books()["payouts"]:
                if item["status"] in {"UNCLAIMED", "ONHOLD"}:
                    shop.paypal.end_payout(item["id"], "return")

        def assert_books_agree(self) -> None:
            books = shop.books()
            ours = {row.kind: row.minor for row in session().execute(text(BALANCES))}
            for theirs, kind in ACCOUNTS.items():
                assert ours.get(kind, 0) == books[theirs].get("EUR", 0), kind
            payees = Payees(books["payouts"], [self.seller.id])
            assert not [*payees.booked_otherwise(), *payees.owed_otherwise()]
            assert not [*disputes_ended_otherwise(books["disputes"])]

    return Sales


def test_any_sequence_keeps_the_books(
    app: Flask, paypal: SandboxControl, sandbox_handle: SandboxHandle, drain: Callable[[], None]
) -> None:
    run_state_machine_as_test(
        machine(Shop(app, paypal, sandbox_handle, drain)),
        settings=settings(
            max_examples=int(EXAMPLES or 8),
            stateful_step_count=STEPS,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            phases=(Phase.generate,),  # to make a failure smaller would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
