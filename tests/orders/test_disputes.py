"""Disputes: money held and pieces locked at once, followed once by what PayPal decides."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from app.auth.models import User
from app.extensions import db
from app.kit.db import session
from app.kit.errors import AppError
from app.kit.ids import new_id
from app.kit.money import Money
from app.orders.errors import Disputed, PieceRefunded
from app.orders.service import disputing, refunding, returning
from app.orders.service.returning import Scope
from app.payments.gateway import PaypalRefund
from app.payments.models import Payment
from app.payments.models.disputes import Dispute, DisputeSource, DisputeState
from app.payments.queries import earnings_of
from app.payments.service import payout_entries, releasing
from app.payments.service.disputes import recording
from app.products.models import Product
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import wait_for
from tests.support.refunds import Bought, buy, free_units
from tests.support.sale import SandboxControl, assert_promises_hold, count, in_parallel

Drain = Callable[[], None]


def open_dispute(bought: Bought, **options: Any) -> str:
    """Dispute a payment at PayPal as its payer, and have the shop look."""
    dispute_id = bought.paypal.dispute(bought.capture_id, **options)["dispute_id"]
    disputing.look(paypal_id=dispute_id)
    return str(dispute_id)


def decide(bought: Bought, dispute_id: str, outcome: str, amount: str = "") -> None:
    """Have PayPal decide, and the shop look."""
    bought.paypal.decide(dispute_id, outcome, amount)
    disputing.look(paypal_id=dispute_id)


def the_dispute(bought: Bought) -> Dispute:
    """The only dispute of an order, as it stands now."""
    db.session.rollback()
    query = select(Dispute).join(Payment).where(Payment.reference == bought.order_id)
    return session().scalars(query.execution_options(populate_existing=True)).one()


def owed(seller: User) -> tuple[int, int, int]:
    """What the seller has pending, available and disputed."""
    db.session.rollback()
    found = earnings_of(seller_id=seller.id, currency="EUR")
    return found.pending_minor, found.available_minor, found.disputed_minor


def release(app: Flask) -> None:
    """Let the hold pass."""
    session().rollback()
    session().execute(text("UPDATE pending_share SET release_at = clock_timestamp()"))
    session().commit()
    releasing.release_due()


def take_out(seller: User, minor: int) -> None:
    """Have PayPal pay available money out."""
    outgoing = [payout_entries.Outgoing(new_id(), seller.id, minor)]
    payout_entries.start_payouts("EUR", outgoing)
    payout_entries.pay_out("EUR", outgoing)


class TestOpening:
    def test_money_is_held_at_once(self, bought: Bought, seller: User) -> None:
        open_dispute(bought, reason="UNAUTHORISED", note="It wasn't me")
        dispute = the_dispute(bought)
        assert (dispute.state, dispute.held_minor) == (DisputeState.OPEN, 2000)
        assert (dispute.reason, dispute.note) == ("UNAUTHORISED", "It wasn't me")
        assert owed(seller) == (0, 0, 1800)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_also_what_is_available_already(self, app: Flask, bought: Bought, seller: User) -> None:
        release(app)
        open_dispute(bought, amount="5.00")
        assert owed(seller) == (0, 1350, 450)
        assert_promises_hold()

    def test_unopened_pieces_are_locked_and_opened_ones_stay(self, bought: Bought) -> None:
        assert bought.reveal(0) == "KEY-A"
        open_dispute(bought, amount="1.00")
        assert bought.reveal(0) == "KEY-A"
        with pytest.raises(Disputed, match="disputed at PayPal"):
            bought.reveal(1)

    def test_nothing_is_refunded_meanwhile(self, bought: Bought, seller: User) -> None:
        open_dispute(bought)
        with pytest.raises(Disputed):
            returning.refund(
                actor_id=seller.id,
                by_staff=False,
                order_id=bought.order_id,
                scope=Scope(),
                reason="Sorry",
            )

    def test_only_what_is_left_after_a_refund_is_held(
        self, bought: Bought, seller: User, drain: Drain
    ) -> None:
        returning.return_unopened(
            buyer_id=bought.buyer.id, order_id=bought.order_id, delivery_id=bought.pieces[0].id
        )
        drain()
        open_dispute(bought)
        assert the_dispute(bought).held_minor == 1000
        assert owed(seller) == (0, 0, 900)
        assert_promises_hold()

    def test_claim_costs_a_fee_that_a_won_one_brings_back(
        self, bought: Bought, seller: User
    ) -> None:
        dispute_id = open_dispute(bought, stage="CHARGEBACK")
        assert the_dispute(bought).fee_minor == 1470
        bought.assert_books_agree()
        assert_promises_hold()
        decide(bought, dispute_id, "seller")
        assert the_dispute(bought).fee_minor == 0
        bought.assert_books_agree()
        assert_promises_hold()


class TestOutcomes:
    @pytest.mark.parametrize("outcome", ["seller", "cancel", "payout"])
    def test_won_frees_money_and_pieces(self, bought: Bought, seller: User, outcome: str) -> None:
        dispute_id = open_dispute(bought)
        decide(bought, dispute_id, outcome)
        assert the_dispute(bought).state is DisputeState.WON
        assert owed(seller) == (1800, 0, 0)
        assert bought.reveal(1) == "KEY-B"
        bought.assert_books_agree()
        assert_promises_hold()

    def test_lost_gives_the_money_and_the_unopened_unit_back(
        self, bought: Bought, seller: User, keys: Product
    ) -> None:
        bought.reveal(0)
        dispute_id = open_dispute(bought, stage="CHARGEBACK")
        decide(bought, dispute_id, "buyer")
        dispute = the_dispute(bought)
        assert (dispute.state, dispute.lost_minor) == (DisputeState.LOST, 2000)
        assert owed(seller) == (0, 0, 0)
        assert free_units(keys.id) == 2  # the third one, and the one that nobody has seen
        for at in (0, 1):
            with pytest.raises(PieceRefunded):
                bought.reveal(at)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_paid_out_seller_owes_it(self, app: Flask, bought: Bought, seller: User) -> None:
        release(app)
        take_out(seller, 1800)
        dispute_id = open_dispute(bought)
        assert owed(seller) == (0, -1800, 1800)
        decide(bought, dispute_id, "buyer")
        assert owed(seller) == (0, -1800, 0)

    def test_part_of_it_is_lost(self, bought: Bought, seller: User, keys: Product) -> None:
        dispute_id = open_dispute(bought)
        decide(bought, dispute_id, "buyer", "12.00")
        dispute = the_dispute(bought)
        assert (dispute.state, dispute.lost_minor) == (DisputeState.LOST, 1200)
        assert owed(seller) == (720, 0, 0)
        assert free_units(keys.id) == 2  # twelve euros pay for one
        assert bought.reveal(0) == "KEY-A"
        with pytest.raises(PieceRefunded):
            bought.reveal(1)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_what_is_left_can_be_refunded_after_it(
        self, bought: Bought, seller: User, drain: Drain
    ) -> None:
        dispute_id = open_dispute(bought, amount="3.33")
        decide(bought, dispute_id, "buyer")
        returning.refund(
            actor_id=seller.id,
            by_staff=False,
            order_id=bought.order_id,
            scope=Scope(),
            reason="The rest",
        )
        drain()
        assert [refund.amount_minor for refund in bought.refunds] == [1667]
        assert owed(seller) == (0, 0, 0)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_known_only_once_it_is_decided(self, bought: Bought, seller: User) -> None:
        dispute_id = bought.paypal.dispute(bought.capture_id, amount="4.00")["dispute_id"]
        decide(bought, dispute_id, "buyer")
        assert owed(seller) == (1440, 0, 0)
        bought.assert_books_agree()
        assert_promises_hold()


class TestManyTimes:
    def test_old_news_changes_nothing(self, bought: Bought, seller: User) -> None:
        dispute_id = open_dispute(bought, stage="CHARGEBACK")
        first = recording.ask(dispute_id)
        first = replace(first, updated_at=first.updated_at - timedelta(seconds=10))
        decide(bought, dispute_id, "seller")
        for _again in range(2):
            disputing.apply(order_id=bought.order_id, seen=first)
            disputing.look(paypal_id=dispute_id)
        assert the_dispute(bought).state is DisputeState.WON
        assert owed(seller) == (1800, 0, 0)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_twenty_at_once_hold_once(self, app: Flask, bought: Bought, seller: User) -> None:
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        seen = recording.ask(dispute_id)
        order_id = bought.order_id
        results = in_parallel(app, [lambda: disputing.apply(order_id=order_id, seen=seen)] * 10)
        assert results == [None] * 10
        assert owed(seller) == (0, 0, 1800)
        assert_promises_hold()

    def test_fee_is_booked_once_however_often_it_is_told(self, bought: Bought) -> None:
        dispute_id = open_dispute(bought)
        bought.paypal.escalate(dispute_id)
        for _again in range(3):
            disputing.look(paypal_id=dispute_id)
        assert count("dispute_fee") == 1
        bought.assert_books_agree()
        assert_promises_hold()


class TestReversal:
    def test_money_and_unopened_pieces_are_gone(
        self, bought: Bought, seller: User, keys: Product
    ) -> None:
        reversal = bought.paypal.reverse(bought.capture_id)
        for _again in range(2):
            disputing.look_at_reversal(order_id=bought.order_id, reversal_id=reversal)
        dispute = the_dispute(bought)
        assert (dispute.source, dispute.state) == (DisputeSource.REVERSAL, DisputeState.LOST)
        assert owed(seller) == (0, 0, 0)
        assert free_units(keys.id) == 3
        bought.assert_books_agree()
        assert_promises_hold()

    def test_of_what_a_dispute_lost_is_no_second_loss(self, bought: Bought, seller: User) -> None:
        dispute_id = open_dispute(bought, amount="5.00")
        decide(bought, dispute_id, "buyer")
        seen = PaypalRefund("R", "COMPLETED", Money(500, "EUR"), "", "", None)
        disputing.apply_reversal(order_id=bought.order_id, seen=seen)
        assert count("dispute", "lost_minor > 0") == 1
        assert owed(seller) == (1350, 0, 0)
        assert_promises_hold()

    def test_then_disputed_is_held_no_second_time(self, bought: Bought, seller: User) -> None:
        order_id = bought.order_id
        reversal = bought.paypal.reverse(bought.capture_id, "8.00")
        disputing.look_at_reversal(order_id=order_id, reversal_id=reversal)
        dispute_id = bought.paypal.dispute(bought.capture_id, amount="8.00")["dispute_id"]
        seen = recording.ask(dispute_id)
        disputing.apply(order_id=order_id, seen=seen)
        assert owed(seller) == (1080, 0, 720)
        assert_promises_hold()


class TestWebhooks:
    def test_dispute_and_its_end_arrive_in_any_order(
        self, bought: Bought, serving: str, seller: User, drain: Drain
    ) -> None:
        bought.paypal.fault("webhook_shuffle", times=3)
        bought.paypal.fault("webhook_duplicate", times=3)
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        bought.paypal.escalate(dispute_id)
        bought.paypal.decide(dispute_id, "buyer")
        wait_for(lambda: count("inbound_event", "event_type LIKE 'CUSTOMER.DISPUTE.%'") == 3)
        drain()
        assert the_dispute(bought).state is DisputeState.LOST
        assert owed(seller) == (0, 0, 0)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_reversal_arrives(
        self, bought: Bought, serving: str, seller: User, drain: Drain
    ) -> None:
        bought.paypal.reverse(bought.capture_id)
        wait_for(lambda: count("inbound_event", "event_type = 'PAYMENT.CAPTURE.REVERSED'") == 1)
        drain()
        assert owed(seller) == (0, 0, 0)
        bought.assert_books_agree()

    def test_missed_ones_are_found_by_the_clock(self, bought: Bought, seller: User) -> None:
        dispute_id = open_dispute(bought)
        bought.paypal.decide(dispute_id, "seller")
        assert disputing.ask_due().done == 0
        session().rollback()
        session().execute(text("UPDATE dispute SET next_check_at = clock_timestamp()"))
        session().commit()
        disputing.ask_due()
        disputing.ask(dispute_id)  # as the job does
        assert the_dispute(bought).state is DisputeState.WON

    def test_of_a_stranger_payment_has_no_effect(self, bought: Bought) -> None:
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        session().rollback()
        seen = replace(recording.ask(dispute_id), capture_ids=("X",), custom_ids=("no uuid",))
        assert recording.reference_of(seen) is None


ACTS = ("dispute", "refund", "ask", "answer", "reverse", "escalate", "buyer", "seller", "part")


@given(
    steps=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 1500)), min_size=3, max_size=9)
)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
# Two takers of the same money under way, of which the first lets go.
@example(steps=[("ask", 700), ("dispute", 1367), ("answer", 1), ("buyer", 1)])
@example(steps=[("ask", 1000), ("reverse", 1367), ("answer", 1)])
@example(steps=[("dispute", 1367), ("reverse", 1367), ("ask", 300), ("seller", 1), ("answer", 1)])
def test_books_agree_with_paypals_whatever_happens(
    app: Flask, paypal: SandboxControl, drain: Drain, steps: list[tuple[str, int]]
) -> None:
    seller, other = make_user(roles=("seller",)), make_user(roles=("seller",))
    units = [str(new_id()) for _ in range(4)]
    goods = make_product(seller, price_minor=333, stock=units[:3])
    more = make_product(other, price_minor=701, stock=units[3:])
    walk = Walk(buy(paypal, make_user(), {goods.id: 2, more.id: 1}), seller)
    for act, minor in steps:
        if act == "answer":
            drain()
        elif act == "ask":
            walk.ask(minor)
        else:
            walk.at_paypal(act, minor)
            walk.hear()
    drain()
    walk.hear()
    walk.bought.assert_books_agree()
    assert_promises_hold()


class Walk:
    """A purchase, and what happens to it here and at PayPal."""

    def __init__(self, bought: Bought, seller: User) -> None:
        self.bought, self.seller = bought, seller
        self.disputes: list[tuple[str, int]] = []
        self.reversals = 0

    def ask(self, minor: int) -> None:
        """The seller gives money back; PayPal is not asked yet."""
        with contextlib.suppress(AppError):  # disputed, or less is left
            returning.refund(
                actor_id=self.seller.id,
                by_staff=False,
                order_id=self.bought.order_id,
                scope=Scope(amount_minor=minor),
                reason="It was broken",
            )

    def at_paypal(self, act: str, minor: int) -> None:
        """Something happens at PayPal, which refuses what is not possible now."""
        bought, amount = self.bought, Money(minor, "EUR").to_decimal_string()
        paypal = bought.paypal
        if act == "reverse" and self.disputes:  # the disputed money, told once more
            told = PaypalRefund(
                str(new_id()), "COMPLETED", Money(self.disputes[-1][1], "EUR"), "", "", None
            )
            if not self.reversals:
                disputing.apply_reversal(order_id=bought.order_id, seen=told)
            self.reversals += 1
            return
        with contextlib.suppress(AssertionError):
            if act == "dispute" and not self.reversals:
                found = paypal.dispute(bought.capture_id, amount=amount)
                self.disputes.append((str(found["dispute_id"]), minor))
            elif act == "refund":
                paypal.refund(bought.capture_id, amount)
            elif act == "reverse":
                reversal = paypal.reverse(bought.capture_id, amount)
                self.reversals += 1
                disputing.look_at_reversal(order_id=bought.order_id, reversal_id=reversal)
            elif self.disputes and act == "escalate":
                paypal.escalate(self.disputes[-1][0])
            elif self.disputes and act in {"buyer", "seller"}:
                paypal.decide(self.disputes[-1][0], act)
            elif self.disputes and act == "part":
                paypal.decide(self.disputes[-1][0], "buyer", amount)

    def hear(self) -> None:
        """The shop reads all that PayPal has to tell."""
        refunding.look(order_id=self.bought.order_id)
        for dispute_id, _minor in self.disputes:
            disputing.look(paypal_id=dispute_id)
