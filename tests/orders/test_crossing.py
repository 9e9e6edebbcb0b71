"""Refunds asked for here, and disputes and reversals at PayPal, that cross on their way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from app.auth.models import User
from app.kit.db import session
from app.kit.money import Money
from app.orders.errors import Disputed, PieceRefunded
from app.orders.models import OrderState
from app.orders.service import capturing, delivering, disputing, refunding, returning
from app.orders.service.returning import Scope
from app.orders.tasks import look_at_reversal
from app.payments.events import CaptureReversed
from app.payments.gateway import PaypalDispute, PaypalRefund, PaypalRefused, PaypalUnknown
from app.payments.models.disputes import Dispute
from app.payments.models.refunds import RefundState
from app.payments.paypal import disputes as paypal_disputes
from app.payments.paypal import paypal as paypal_client
from app.payments.service import asking_for_refunds, refunds
from app.products.models import Product
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_disputes import owed
from tests.support.disputes import decided, told
from tests.support.refunds import Bought, buy, cash, free_units
from tests.support.sale import (
    SandboxControl,
    assert_promises_hold,
    fill_basket,
    order_of,
    start,
)

TEN = Money(1000, "EUR")
Drain = Callable[[], None]


def ask_for(bought: Bought, seller: User, minor: int) -> None:
    """The seller gives money back; PayPal is not asked yet."""
    returning.refund(
        actor_id=seller.id,
        by_staff=False,
        order_id=bought.order_id,
        scope=Scope(amount_minor=minor),
        reason="It was broken",
    )


def give_back_first(bought: Bought) -> None:
    """The buyer returns one of two pieces; PayPal is not asked yet."""
    returning.return_unopened(
        buyer_id=bought.buyer.id, order_id=bought.order_id, delivery_id=bought.pieces[0].id
    )


def disputes(bought: Bought) -> list[tuple[str, int, int]]:
    """The state of each dispute, what it held and what was lost."""
    session().rollback()
    rows = session().scalars(select(Dispute).order_by(Dispute.id))
    return [(row.state.value, row.held_minor, row.lost_minor) for row in rows]


class TestDispute:
    @pytest.mark.parametrize("minor", [2000, 700])
    def test_of_money_that_a_refund_was_asked_of_is_held_once_paypal_refuses_that(
        self, bought: Bought, seller: User, drain: Drain, minor: int
    ) -> None:
        """PayPal refunds nothing of what is disputed."""
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        ask_for(bought, seller, minor)
        disputing.look(paypal_id=dispute_id)
        drain()
        assert [refund.state.value for refund in bought.refunds] == ["failed"]
        assert disputes(bought) == [("open", 2000, 0)]
        bought.assert_books_agree()
        assert_promises_hold()

    @pytest.mark.parametrize("minor", [2000, 700])
    def test_that_is_lost_before_paypal_is_asked_for_a_refund_is_booked(
        self, bought: Bought, seller: User, drain: Drain, minor: int
    ) -> None:
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        ask_for(bought, seller, minor)
        disputing.look(paypal_id=dispute_id)
        bought.paypal.decide(dispute_id, "buyer")
        disputing.look(paypal_id=dispute_id)
        drain()
        assert disputes(bought) == [("lost", 2000, 2000)]
        bought.assert_books_agree()
        assert_promises_hold()

    def test_of_what_is_left_after_a_refund_that_paypal_has_made_is_held_soon(
        self, bought: Bought, seller: User, drain: Drain
    ) -> None:
        ask_for(bought, seller, 700)
        bought.paypal.fault("reset_after_commit", operation="refund")
        drain()
        dispute_id = bought.paypal.dispute(bought.capture_id)["dispute_id"]
        disputing.look(paypal_id=dispute_id)
        assert disputes(bought) == [("open", 1300, 0)]

    def test_holds_what_a_refund_had_once_that_fails_and_is_lost_whole(
        self, bought: Bought, drain: Drain
    ) -> None:
        give_back_first(bought)
        dispute_id = str(bought.paypal.dispute(bought.capture_id)["dispute_id"])
        disputing.look(paypal_id=dispute_id)
        assert disputes(bought) == [("open", 1000, 0)]
        assert_promises_hold()
        drain()
        assert disputes(bought) == [("open", 2000, 0)]
        bought.paypal.decide(dispute_id, "buyer")
        disputing.look(paypal_id=dispute_id)
        assert disputes(bought) == [("lost", 2000, 2000)]
        with pytest.raises(PieceRefunded):
            bought.reveal(0)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_locks_all_while_it_is_open_also_if_a_refund_has_the_money(
        self, bought: Bought, drain: Drain
    ) -> None:
        """PayPal's word on it is still on its way when PayPal refuses the refund."""
        bought.paypal.dispute(bought.capture_id)
        returning.return_unopened(buyer_id=bought.buyer.id, order_id=bought.order_id)
        drain()
        assert disputes(bought) == [("open", 2000, 0)]
        for at in (0, 1):
            with pytest.raises(Disputed):
                bought.reveal(at)
        assert_promises_hold()

    def test_that_ended_makes_way_for_a_refund_heard_of_before(
        self, bought: Bought, seller: User
    ) -> None:
        dispute_id = str(bought.paypal.dispute(bought.capture_id)["dispute_id"])
        disputing.look(paypal_id=dispute_id)
        bought.paypal.decide(dispute_id, "seller")
        bought.paypal.refund(bought.capture_id)
        refunding.look(order_id=bought.order_id)
        assert owed(seller) == (0, 0, 1800)
        disputing.look(paypal_id=dispute_id)
        assert owed(seller) == (0, 0, 0)
        with pytest.raises(PieceRefunded):
            bought.reveal(0)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_that_is_lost_while_another_holds_all_is_booked_once_that_lets_go(
        self, bought: Bought, seller: User
    ) -> None:
        first, second = told(2000), told(700)
        for seen in (first, second, decided(second, "RESOLVED_BUYER_FAVOUR")):
            disputing.apply(order_id=bought.order_id, seen=seen)
        assert disputes(bought) == [("open", 2000, 0), ("lost", 0, 0)]
        assert_promises_hold()
        disputing.apply(order_id=bought.order_id, seen=decided(first, "CANCELED_BY_BUYER"))
        assert disputes(bought) == [("won", 2000, 0), ("lost", 700, 700)]
        assert owed(seller) == (1170, 0, 0)
        assert_promises_hold()

    def test_of_more_than_at_first_holds_more(self, bought: Bought, seller: User) -> None:
        claim = told(500)
        more = replace(claim, amount=TEN, updated_at=claim.updated_at + timedelta(seconds=1))
        less = replace(claim, updated_at=claim.updated_at + timedelta(seconds=2))
        for seen, held in ((claim, 450), (more, 900), (less, 450)):
            disputing.apply(order_id=bought.order_id, seen=seen)
            assert owed(seller) == (1800 - held, 0, held)
            assert_promises_hold()

    def test_that_is_decided_anew_moves_the_money_and_the_goods_again(
        self, bought: Bought, seller: User, keys: Product
    ) -> None:
        bought.reveal(0)
        claim = told(2000)
        for at, (outcome, share) in enumerate(
            (
                ("RESOLVED_SELLER_FAVOUR", 1800),
                ("RESOLVED_BUYER_FAVOUR", 0),
                ("RESOLVED_SELLER_FAVOUR", 1800),
            )
        ):
            later = replace(claim, updated_at=claim.updated_at + timedelta(minutes=at))
            disputing.apply(order_id=bought.order_id, seen=decided(later, outcome))
            delivering.deliver_late()
            assert owed(seller) == (share, 0, 0)
            assert free_units(keys.id) == (1 if share else 2)
            assert_promises_hold()
        assert [bought.reveal(0), bought.reveal(1)] == ["KEY-A", "KEY-B"]
        assert_promises_hold()

    def test_that_is_resolved_without_a_word_on_how_is_not_won(self, bought: Bought) -> None:
        seen = replace(told(2000), status="RESOLVED")
        disputing.apply(order_id=bought.order_id, seen=seen)
        assert disputes(bought) == [("open", 2000, 0)]


class TestReversal:
    @pytest.mark.parametrize("minor", [2000, 700])
    def test_of_money_that_a_refund_was_asked_of_is_booked_once_paypal_refuses_that(
        self, bought: Bought, seller: User, drain: Drain, minor: int
    ) -> None:
        reversal = bought.paypal.reverse(bought.capture_id)
        ask_for(bought, seller, minor)
        for _again in range(2):
            look_at_reversal(CaptureReversed(bought.order_id, reversal))
        drain()
        assert [refund.state.value for refund in bought.refunds] == ["failed"]
        assert disputes(bought) == [("lost", 2000, 2000)]
        bought.assert_books_agree()
        assert_promises_hold()

    def test_each_of_two_parts_is_booked(self, bought: Bought) -> None:
        for _part in range(2):
            reversal = bought.paypal.reverse(bought.capture_id, "8.00")
            disputing.look_at_reversal(order_id=bought.order_id, reversal_id=reversal)
        assert disputes(bought) == [("lost", 800, 800), ("lost", 800, 800)]
        bought.assert_books_agree()
        assert_promises_hold()

    def test_that_is_disputed_and_won_is_given_back_in_whatever_order_that_is_told(
        self, paypal: SandboxControl, seller: User
    ) -> None:
        """And nobody buys a unit of it while the dispute is open."""
        found = []
        for is_reversal_first in (False, True):
            goods = make_product(seller, stock=(f"ONE-{is_reversal_first}",))
            bought = buy(paypal, make_user(), {goods.id: 1})
            before = sum(owed(seller))
            dispute_id = str(paypal.dispute(bought.capture_id)["dispute_id"])
            back = PaypalRefund(f"R{is_reversal_first}", "COMPLETED", TEN, "", "", None)
            if is_reversal_first:
                disputing.apply_reversal(order_id=bought.order_id, seen=back)
                assert free_units(goods.id) == 1
            disputing.look(paypal_id=dispute_id)
            if not is_reversal_first:
                disputing.apply_reversal(order_id=bought.order_id, seen=back)
            delivering.deliver_late()
            assert free_units(goods.id) == 0
            paypal.decide(dispute_id, "seller")
            disputing.look(paypal_id=dispute_id)
            assert bought.reveal(0) == f"ONE-{is_reversal_first}"
            found.append(sum(owed(seller)) - before)
        assert found == [0, 0]
        assert_promises_hold()

    def test_heard_of_before_the_payment_is_booked_waits_for_that(
        self, paypal: SandboxControl, keys: Product
    ) -> None:
        """The shop has no answer from PayPal yet, which has the money, and no longer."""
        buyer, before = make_user(), paypal.cash() - cash()
        fill_basket(buyer, keys.id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        paypal.fault("error_after_commit", operation="capture")
        capturing.capture(order_id=started.order_id, buyer_id=buyer.id)
        [capture] = paypal.captures()
        look_at_reversal(CaptureReversed(started.order_id, paypal.reverse(capture["id"])))
        capturing.capture(order_id=started.order_id, buyer_id=buyer.id)
        assert order_of(started).state is OrderState.REFUNDED
        assert not delivering.deliver(order_id=started.order_id)
        assert cash() == paypal.cash() - before
        assert_promises_hold()


class TestRefund:
    def test_called_failed_that_went_through_is_booked(self, bought: Bought, seller: User) -> None:
        """PayPal's answer is lost, and a later try refused, while its order lags behind."""
        ask_for(bought, seller, 500)
        [refund] = bought.refunds
        wanted = asking_for_refunds.take_up(refund_id=refund.id)
        assert wanted is not None
        asking_for_refunds.ask(wanted)
        refunding.follow(
            order_id=bought.order_id, refund_id=wanted.refund_id, told=refunds.Told(None, "GONE")
        )
        assert bought.refunds[0].state is RefundState.FAILED
        for _again in range(2):
            refunding.look(order_id=bought.order_id)
        assert bought.refunds[0].state is RefundState.COMPLETED
        bought.assert_books_agree()
        assert_promises_hold()

    @pytest.mark.parametrize(
        ("issue", "is_over"), [("PERMISSION_DENIED", False), ("TRANSACTION_DISPUTED", True)]
    )
    def test_in_doubt_ends_by_a_refusal_that_is_about_it_alone(
        self,
        bought: Bought,
        seller: User,
        monkeypatch: pytest.MonkeyPatch,
        issue: str,
        is_over: bool,
    ) -> None:
        ask_for(bought, seller, 500)
        wanted = asking_for_refunds.take_up(refund_id=bought.refunds[0].id)
        assert wanted is not None
        session().rollback()

        def refuse(*_args: object, **_asked: object) -> None:
            raise PaypalRefused(issue, 422)

        monkeypatch.setattr(type(paypal_client()), "refund", refuse)
        if is_over:
            assert asking_for_refunds.ask(replace(wanted, is_first=False)).refusal == issue
        else:
            with pytest.raises(PaypalUnknown):
                asking_for_refunds.ask(replace(wanted, is_first=False))

    def test_of_a_waiting_piece_that_fails_after_the_delivery_of_others_has_it_delivered(
        self, paypal: SandboxControl, seller: User, drain: Drain
    ) -> None:
        goods = make_product(seller, stock=("ONE", "TWO"))
        bought = buy(paypal, make_user(), {goods.id: 2}, deliver=False)
        [line] = bought.order.lines
        paypal.fault("refuse_refund", refusal="REFUND_FAILED_INSUFFICIENT_FUNDS")
        returning.refund(
            actor_id=seller.id,
            by_staff=False,
            order_id=bought.order_id,
            scope=Scope({line.id: frozenset({2})}),
            reason="One is broken",
        )
        delivering.deliver(order_id=bought.order_id)
        assert len(bought.pieces) == 1
        drain()
        delivering.deliver_late()
        assert sorted([bought.reveal(0), bought.reveal(1)]) == ["ONE", "TWO"]
        assert_promises_hold()


class TestUnreadable:
    def test_fee_in_another_currency_does_not_hide_the_dispute(
        self, bought: Bought, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dispute_id = str(bought.paypal.dispute(bought.capture_id, stage="CHARGEBACK")["dispute_id"])

        def in_dollars(body: dict[str, Any]) -> PaypalDispute:
            for movement in body["money_movements"]:
                movement["amount"] = {"currency_code": "USD", "value": "15.00"}
            body["messages"] = [{"posted_by": "BUYER", "content": "Not\x00 mine\ud800"}]
            return read(body)

        read = paypal_disputes._read
        monkeypatch.setattr(paypal_disputes, "_read", in_dollars)
        disputing.look(paypal_id=dispute_id)
        assert disputes(bought) == [("open", 2000, 0)]
        with pytest.raises(Disputed):
            bought.reveal(0)

    def test_dispute_that_paypal_does_not_show_any_more_fails_no_job(
        self, bought: Bought, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dispute_id = str(bought.paypal.dispute(bought.capture_id)["dispute_id"])
        disputing.look(paypal_id=dispute_id)

        def refuse(*_args: object) -> None:
            raise PaypalRefused("RESOURCE_NOT_FOUND", 404)

        session().rollback()
        session().execute(text("UPDATE dispute SET next_check_at = clock_timestamp()"))
        session().commit()
        monkeypatch.setattr(paypal_disputes.Disputes, "get", refuse)
        assert not disputing.ask(dispute_id)
