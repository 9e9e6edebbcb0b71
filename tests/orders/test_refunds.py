"""Refunds: whole, by line, by piece and by amount; booked once, with goods that follow."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.orders.errors import (
    NoReason,
    NoSuchOrder,
    NotReturnable,
    OwnMatter,
    PieceRefunded,
    TooMuchBack,
)
from app.orders.models import OrderState
from app.orders.service import delivering, refunding, returning
from app.orders.service.returning import Scope
from app.payments.models.refunds import RefundSource, RefundState
from app.payments.queries import earnings_of
from app.payments.service import releasing
from app.products.models import Product
from app.products.service import stock
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import wait_for
from tests.support.refunds import Bought, buy, free_units, owed
from tests.support.sale import SandboxControl, assert_promises_hold, count, in_parallel

Drain = Callable[[], None]


def give(bought: Bought, seller: User, scope: Scope | None = None) -> None:
    """Have the seller refund."""
    returning.refund(
        actor_id=seller.id,
        by_staff=False,
        order_id=bought.order_id,
        scope=scope or Scope(),
        reason="The key is dead",
    )


def returned(bought: Bought, at: int | None = None) -> None:
    """Have the buyer return a piece, or all that is unopened."""
    returning.return_unopened(
        buyer_id=bought.buyer.id,
        order_id=bought.order_id,
        delivery_id=None if at is None else bought.pieces[at].id,
    )


def ask_again() -> int:
    """Let the time pass after which PayPal is asked again, and have the sweeper ask."""
    session().rollback()
    session().execute(
        text("UPDATE refund SET next_check_at = clock_timestamp() WHERE ended_at IS NULL")
    )
    session().commit()
    return refunding.ask_due().done


class TestReturn:
    def test_unopened_piece_goes_back_into_stock_and_the_other_stays(
        self, bought: Bought, keys: Product, seller: User, drain: Drain
    ) -> None:
        returned(bought, 0)
        with pytest.raises(PieceRefunded):
            bought.reveal(0)
        drain()
        [refund] = bought.refunds
        assert (refund.state, refund.amount_minor) == (RefundState.COMPLETED, 1000)
        assert refund.source is RefundSource.BUYER
        assert free_units(keys.id) == 2
        assert owed(seller) == 900
        bought.assert_books_agree()
        assert bought.reveal(1) == "KEY-B"
        with pytest.raises(PieceRefunded):
            bought.reveal(0)
        assert_promises_hold()

    def test_its_unit_is_sold_to_the_next(
        self, bought: Bought, keys: Product, paypal: SandboxControl, drain: Drain
    ) -> None:
        returned(bought, 0)
        drain()
        other = buy(paypal, make_user(), {keys.id: 2})
        assert {other.reveal(0), other.reveal(1)} == {"KEY-A", "KEY-C"}
        assert_promises_hold()

    def test_opened_piece_is_left_out_and_refused_by_itself(
        self, bought: Bought, drain: Drain
    ) -> None:
        bought.reveal(0)
        with pytest.raises(NotReturnable, match="revealed"):
            returned(bought, 0)
        returned(bought)
        drain()
        assert [refund.amount_minor for refund in bought.refunds] == [1000]
        with pytest.raises(NotReturnable):
            returned(bought)
        assert_promises_hold()

    def test_not_after_the_days_that_the_seller_gives(
        self, bought: Bought, paypal: SandboxControl
    ) -> None:
        session().execute(text("UPDATE order_line SET refund_days = 1"))
        session().execute(text("UPDATE orders SET delivered_at = delivered_at - interval '25 h'"))
        session().commit()
        with pytest.raises(NotReturnable, match="time to return"):
            returned(bought, 0)
        with pytest.raises(NotReturnable):
            returned(bought)

    def test_strangers_return_nothing(self, bought: Bought) -> None:
        with pytest.raises(NoSuchOrder):
            returning.return_unopened(buyer_id=make_user().id, order_id=bought.order_id)

    def test_what_is_not_delivered_yet_can_always_be_returned(
        self, paypal: SandboxControl, keys: Product, drain: Drain
    ) -> None:
        keys_id = keys.id
        waiting = buy(paypal, make_user(), {keys_id: 2}, deliver=False)
        returned(waiting)
        assert free_units(keys_id) == 3
        drain()
        assert waiting.order.state is OrderState.REFUNDED
        assert not delivering.deliver(order_id=waiting.order_id)
        assert count("delivery") == 0
        waiting.assert_books_agree()
        assert_promises_hold()


class TestSellersRefund:
    def test_amount_leaves_the_pieces(self, bought: Bought, seller: User, drain: Drain) -> None:
        give(bought, seller, Scope(amount_minor=333))
        drain()
        assert (owed(seller), bought.refunds[0].amount_minor) == (1800 - 333 + 33, 333)
        assert [bought.reveal(at) for at in (0, 1)] == ["KEY-A", "KEY-B"]
        bought.assert_books_agree()
        assert_promises_hold()

    def test_several_pieces_go_back_as_one(
        self,
        paypal: SandboxControl,
        keys: Product,
        seller: User,
        drain: Drain,
        query_counter: list[str],
    ) -> None:
        other = make_product(seller, stock=[f"RUG-{number}" for number in range(5)])
        bought = buy(paypal, make_user(), {keys.id: 3, other.id: 5})
        lines = {line.product_id: line for line in bought.order.lines}
        costs = []
        for wanted in (
            {lines[keys.id].id: frozenset({1, 3})},
            {lines[keys.id].id: frozenset({2}), lines[other.id].id: frozenset({1, 2, 3, 4})},
        ):
            query_counter.clear()
            give(bought, seller, Scope(wanted))
            costs.append(len(query_counter))
        drain()
        assert [one.amount_minor for one in bought.refunds] == [2000, 5000]
        assert costs[0] + 1 >= costs[1], "what more pieces cost"  # one more line is counted
        assert [piece.refunded for piece in bought.pieces].count(False) == 1
        bought.assert_books_agree()
        assert_promises_hold()

    def test_opened_piece_is_burned(
        self, bought: Bought, keys: Product, seller: User, drain: Drain
    ) -> None:
        bought.reveal(0)
        [line] = bought.order.lines
        give(bought, seller, Scope.within(line.id, frozenset({1})))
        drain()
        assert free_units(keys.id) == 1
        with pytest.raises(PieceRefunded):
            bought.reveal(0)
        with pytest.raises(PieceRefunded):
            give(bought, seller, Scope.within(line.id, frozenset({1})))
        assert_promises_hold()

    def test_parts_of_a_line_add_up_to_its_commission(
        self, bought: Bought, seller: User, drain: Drain
    ) -> None:
        for amount in (1, 7, 333, 999):
            give(bought, seller, Scope(amount_minor=amount))
        give(bought, seller)
        drain()
        assert owed(seller) == 0
        with pytest.raises(TooMuchBack):
            give(bought, seller, Scope(amount_minor=1))
        bought.assert_books_agree()
        assert_promises_hold()

    def test_sellers_refund_their_own_lines_alone(
        self, paypal: SandboxControl, keys: Product, seller: User, drain: Drain
    ) -> None:
        other = make_user(roles=("seller",))
        theirs = make_product(other, stock=("X",), price_minor=505)
        bought = buy(paypal, make_user(), {keys.id: 1, theirs.id: 1})
        give(bought, seller)
        drain()
        assert (owed(seller), owed(other)) == (0, 454)
        with pytest.raises(TooMuchBack):
            give(bought, seller, Scope(amount_minor=1))
        with pytest.raises(NoSuchOrder):
            give(bought, make_user(roles=("seller",)))
        staff = make_user(roles=("moderator",))
        returning.refund(
            actor_id=staff.id,
            by_staff=True,
            order_id=bought.order_id,
            scope=Scope(),
            reason="Both were promised",
        )
        drain()
        assert owed(other) == 0
        bought.assert_books_agree()
        assert_promises_hold()

    @pytest.mark.parametrize("is_buyer", [True, False])
    def test_staff_refund_nothing_that_they_bought_or_sold(
        self, paypal: SandboxControl, keys: Product, seller: User, *, is_buyer: bool
    ) -> None:
        staff = make_user(roles=("moderator", "seller"))
        theirs = make_product(staff, stock=("X",))
        bought = buy(
            paypal, *((staff, {keys.id: 1}) if is_buyer else (make_user(), {theirs.id: 1}))
        )
        bought.reveal(0)
        with pytest.raises(OwnMatter):
            returning.refund(
                actor_id=staff.id,
                by_staff=True,
                order_id=bought.order_id,
                scope=Scope(),
                reason="It is mine",
            )
        assert bought.refunds == []

    def test_a_reason_is_needed(self, bought: Bought, seller: User) -> None:
        with pytest.raises(NoReason):
            returning.refund(
                actor_id=seller.id,
                by_staff=False,
                order_id=bought.order_id,
                scope=Scope(),
                reason=" ",
            )

    def test_share_that_is_available_already_falls_below_zero(
        self, bought: Bought, seller: User, drain: Drain
    ) -> None:
        session().execute(text("UPDATE pending_share SET release_at = clock_timestamp()"))
        session().commit()
        releasing.release_due()
        give(bought, seller)
        drain()
        earnings = earnings_of(seller_id=seller.id, currency="EUR")
        assert (earnings.pending_minor, earnings.available_minor) == (0, 0)
        assert earnings.gross_back_minor == 2000
        assert_promises_hold()


def test_import_with_a_unit_that_came_back_is_withdrawn_when_it_is_undone(
    bought: Bought, keys: Product, seller: User, drain: Drain
) -> None:
    returning.return_unopened(
        buyer_id=bought.buyer.id, order_id=bought.order_id, delivery_id=bought.pieces[0].id
    )
    drain()
    batch = session().scalar(text("SELECT batch_id FROM stock_item LIMIT 1"))
    assert stock.undo_import(seller_id=seller.id, product_id=keys.id, batch_id=batch) == 2
    assert free_units(keys.id) == 0
    assert_promises_hold()


class TestLostAnswers:
    @pytest.mark.parametrize("fault", ["error_after_commit", "reset_after_commit"])
    def test_lost_answer_is_adopted(
        self, bought: Bought, paypal: SandboxControl, drain: Drain, fault: str
    ) -> None:
        options = {"status": 503} if fault == "error_after_commit" else {}
        paypal.fault(fault, operation="refund", times=2, **options)
        returned(bought, 0)
        drain()
        assert bought.refunds[0].state is RefundState.CREATED
        assert ask_again() == 1
        drain()
        assert bought.refunds[0].state is RefundState.COMPLETED
        assert len(paypal.refunds(bought.capture_id)) == 1
        assert_promises_hold()

    def test_after_the_request_id_is_forgotten_the_order_tells(
        self, bought: Bought, paypal: SandboxControl, drain: Drain
    ) -> None:
        paypal.fault("error_after_commit", operation="refund", status=503)
        returned(bought, 0)
        drain()
        paypal.pass_hours(46 * 24)
        assert ask_again() == 1
        drain()
        assert bought.refunds[0].state is RefundState.COMPLETED
        assert len(paypal.refunds(bought.capture_id)) == 1

    def test_refusal_gives_all_back_to_the_buyer(
        self, bought: Bought, paypal: SandboxControl, seller: User, drain: Drain
    ) -> None:
        paypal.fault("refuse_refund")
        returned(bought, 0)
        drain()
        [refund] = bought.refunds
        assert (refund.state, refund.issue) == (
            RefundState.FAILED,
            "REFUND_FAILED_INSUFFICIENT_FUNDS",
        )
        assert bought.reveal(0) == "KEY-A"
        assert owed(seller) == 1800
        assert_promises_hold()


class TestPending:
    def test_booked_when_taken_on_and_booked_back_when_it_fails(
        self, bought: Bought, paypal: SandboxControl, seller: User, serving: str, drain: Drain
    ) -> None:
        paypal.fault("pending_refund")
        returned(bought, 0)
        drain()
        assert bought.refunds[0].state is RefundState.PENDING
        assert owed(seller) == 900
        bought.assert_books_agree()
        assert_promises_hold()
        with pytest.raises(PieceRefunded):
            bought.reveal(0)
        paypal.end_refund(bought.refunds[0].paypal_refund_id or "", "fail")
        wait_for(lambda: count("inbound_event", "event_type = 'PAYMENT.REFUND.FAILED'") == 1)
        drain()
        assert bought.refunds[0].state is RefundState.FAILED
        assert owed(seller) == 1800
        assert bought.reveal(0) == "KEY-A"
        bought.assert_books_agree()
        assert_promises_hold()

    def test_unit_is_for_sale_once_the_money_is_there(
        self, bought: Bought, paypal: SandboxControl, keys: Product, serving: str, drain: Drain
    ) -> None:
        paypal.fault("pending_refund")
        returned(bought, 0)
        drain()
        assert free_units(keys.id) == 1
        paypal.end_refund(bought.refunds[0].paypal_refund_id or "", "complete")
        wait_for(lambda: count("inbound_event", "event_type = 'PAYMENT.CAPTURE.REFUNDED'") == 1)
        drain()
        assert bought.refunds[0].state is RefundState.COMPLETED
        assert free_units(keys.id) == 2
        assert_promises_hold()


class TestPaypalsOwnPages:
    def test_part_is_spread_over_the_lines_and_takes_no_piece(
        self, paypal: SandboxControl, keys: Product, seller: User, serving: str, drain: Drain
    ) -> None:
        theirs = make_product(make_user(roles=("seller",)), stock=("X",), price_minor=500)
        bought = buy(paypal, make_user(), {keys.id: 1, theirs.id: 1})
        paypal.refund(bought.capture_id, "1.00")
        wait_for(lambda: count("inbound_event", "event_type = 'PAYMENT.CAPTURE.REFUNDED'") == 1)
        drain()
        back = {line.total_minor: line.given_back_minor for line in bought.order.lines}
        assert back == {1000: 67, 500: 33}
        [refund] = bought.refunds
        assert refund.source is RefundSource.PAYPAL
        assert {bought.reveal(at) for at in (0, 1)} == {"KEY-A", "X"}
        bought.assert_books_agree()
        assert_promises_hold()

    def test_all_that_was_left_takes_the_pieces(
        self, bought: Bought, paypal: SandboxControl, keys: Product, serving: str, drain: Drain
    ) -> None:
        bought.reveal(0)
        paypal.refund(bought.capture_id)
        wait_for(lambda: count("inbound_event", "event_type = 'PAYMENT.CAPTURE.REFUNDED'") == 1)
        drain()
        assert free_units(keys.id) == 2
        for at in (0, 1):
            with pytest.raises(PieceRefunded):
                bought.reveal(at)
        bought.assert_books_agree()
        assert_promises_hold()

    def test_ours_is_not_booked_again_by_its_webhook_however_often(
        self, bought: Bought, paypal: SandboxControl, serving: str, drain: Drain
    ) -> None:
        paypal.fault("webhook_duplicate", event_type="PAYMENT.CAPTURE.REFUNDED", copies=3)
        returned(bought, 0)
        drain()
        [event] = {
            one["event_id"]
            for one in paypal.deliveries()
            if one["resource_id"] == bought.refunds[0].paypal_refund_id
        }
        assert paypal.resend(event) == 200
        drain()
        assert len(bought.refunds) == 1
        assert count("ledger_transaction", "kind = 'refund'") == 1
        assert_promises_hold()

    def test_ours_that_comes_too_late_makes_room_for_theirs(
        self, bought: Bought, paypal: SandboxControl, seller: User, drain: Drain
    ) -> None:
        give(bought, seller)
        paypal.refund(bought.capture_id, "5.00")
        drain()
        assert sorted((one.source.value, one.state.value) for one in bought.refunds) == [
            ("paypal", "completed"),
            ("seller", "failed"),
        ]
        assert bought.order.given_back_minor == 500
        bought.assert_books_agree()
        assert_promises_hold()


class TestRaces:
    def test_webhook_ahead_of_the_answer(
        self, bought: Bought, paypal: SandboxControl, serving: str, drain: Drain
    ) -> None:
        paypal.fault("webhook_before_answer", operation="refund")
        returned(bought, 0)
        drain()
        assert [one.state for one in bought.refunds] == [RefundState.COMPLETED]
        assert_promises_hold()

    def test_two_clicks_return_a_piece_once(self, app: Flask, bought: Bought, drain: Drain) -> None:
        piece = bought.pieces[0].id
        results = in_parallel(
            app,
            [
                lambda: returning.return_unopened(
                    buyer_id=bought.buyer.id, order_id=bought.order_id, delivery_id=piece
                )
            ]
            * 4,
        )
        refused = [one for one in results if isinstance(one, PieceRefunded)]
        assert len(refused) == 3
        drain()
        assert [one.amount_minor for one in bought.refunds] == [1000]
        assert_promises_hold()

    def test_reveal_or_refund_never_both(
        self, app: Flask, paypal: SandboxControl, seller: User, drain: Drain
    ) -> None:
        for key in ("ONLY-1", "ONLY-2", "ONLY-3", "ONLY-4"):
            product = make_product(seller, stock=(key,))
            bought = buy(paypal, make_user(), {product.id: 1})
            piece = bought.pieces[0].id
            results = in_parallel(
                app,
                [
                    lambda: bought.reveal(0),  # noqa: B023  # called within the loop
                    lambda: returning.return_unopened(
                        buyer_id=bought.buyer.id,  # noqa: B023
                        order_id=bought.order_id,  # noqa: B023
                        delivery_id=piece,  # noqa: B023
                    ),
                ],
            )
            assert sum(isinstance(one, Exception) for one in results) == 1, results
            drain()
            assert (results[0] == key) is (free_units(product.id) == 0)
        assert_promises_hold()
