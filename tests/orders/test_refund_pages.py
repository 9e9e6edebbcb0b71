"""Refunds on pages, for programs, in mails and notifications, and of stuck payments."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.notifications.queries import notifications_of
from app.orders.errors import NotStuck
from app.orders.models import OperatorAct, OrderState
from app.orders.queries.stuck import stuck_payment
from app.orders.service import capturing, unsticking
from app.payments.models.refunds import RefundState
from app.products.models import Product
from app.webhooks.service import endpoints
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_stuck import mismatched
from tests.support.bought import soup, words
from tests.support.inbox import Inbox
from tests.support.programs import program_of
from tests.support.refunds import Bought, buy, cash, owed
from tests.support.sale import (
    SandboxControl,
    assert_promises_hold,
    count,
    fill_basket,
    order_of,
    start,
)
from tests.support.servers import Servers
from tests.support.webhook_receiver import Receiver

Drain = Callable[[], None]
Login = Callable[..., FlaskClient]
REASON = "The key is dead"


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


@pytest.fixture
def admin(app: Flask) -> User:
    return make_user(roles=("admin",))


@pytest.fixture
def keys(seller: User) -> Product:
    return make_product(seller, stock=("KEY-A", "KEY-B", "KEY-C"), title="Moonbase")


@pytest.fixture
def bought(paypal: SandboxControl, keys: Product) -> Bought:
    return buy(paypal, make_user(locale="ru"), {keys.id: 2})


@pytest.fixture
def inbox(run_servers: Servers, drain: Drain) -> Inbox:
    return Inbox(run_servers.inbox_url, drain)


@pytest.fixture
def service(app: Flask) -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


class TestPages:
    def test_buyer_returns_a_piece_by_one_click(
        self, bought: Bought, login: Login, drain: Drain
    ) -> None:
        client = login(bought.buyer)
        page = f"/order/purchases/{bought.order_id}"
        client.set_cookie("locale", "en")
        piece = bought.pieces[0].id
        assert f"{page}/pieces/{piece}/refund" in client.get(page).get_data(as_text=True)
        assert client.post(f"{page}/pieces/{piece}/refund").status_code == 303
        assert client.post(f"{page}/pieces/{piece}/refund").status_code == 409
        drain()
        shown = client.get(page).get_data(as_text=True)
        assert f"{page}/pieces/{piece}" not in shown
        assert client.post(f"{page}/refund").status_code == 303
        drain()
        assert 'data-stage="refunded"' in client.get(page).get_data(as_text=True)

    def test_seller_refunds_with_a_reason(
        self, bought: Bought, seller: User, login: Login, drain: Drain
    ) -> None:
        client = login(seller)
        sale = f"/order/sales/{bought.order_id}"
        [line] = bought.order.lines
        for data, problem in (
            ({"what": "all", "reason": ""}, "Say why"),
            ({"what": "nothing", "reason": REASON}, "Choose what"),
            ({"what": f"{line.id}:101", "reason": REASON}, "Choose what"),
            ({"reason": REASON}, "Choose what"),
            ({"what": "all", "amount": "much", "reason": REASON}, "Enter an amount"),
            ({"what": f"{line.id}:1", "amount": "1", "reason": REASON}, "single item"),
        ):
            refused = client.post(f"{sale}/refund", data=data)
            assert refused.status_code == 422
            assert problem in words(refused)
        too_much = client.post(
            f"{sale}/refund", data={"what": "all", "amount": "20.01", "reason": REASON}
        )
        assert too_much.status_code == 409
        for data in (
            {"what": f"{line.id}:2", "reason": REASON},
            {"what": str(line.id), "amount": "2,50", "reason": REASON},
        ):
            assert client.post(f"{sale}/refund", data=data).status_code == 303
        drain()
        assert owed(seller) == 675
        shown = words(client.get(sale))
        assert f"Reason: {REASON}" in shown
        assert "Item 2: refunded" in shown
        assert "€12.50 refunded" in words(client.get("/order/sales"))

    def test_staff_refund_what_anybody_sold(
        self, bought: Bought, admin: User, seller: User, login: Login, drain: Drain
    ) -> None:
        client = login(admin)
        page = f"/order/moderation/{bought.order_id}"
        assert "Moonbase" in words(client.get(page))
        data = {"what": "all", "reason": REASON}
        assert client.post(f"{page}/refund", data=data).status_code == 303
        drain()
        assert owed(seller) == 0
        assert "Refunded by the shop" in words(client.get(page))

    def test_all_is_all_whatever_else_is_ticked(
        self, bought: Bought, seller: User, login: Login, drain: Drain
    ) -> None:
        [line] = bought.order.lines
        data = {"what": [f"{line.id}:1", "all"], "reason": REASON}
        address = f"/order/sales/{bought.order_id}/refund"
        assert login(seller).post(address, data=data).status_code == 303
        drain()
        assert owed(seller) == 0

    def test_terms_are_shown_before_and_kept_after_the_purchase(
        self, paypal: SandboxControl, seller: User, login: Login
    ) -> None:
        product = make_product(seller, stock=("A",))
        buyer = make_user()
        client = login(buyer)
        assert "returned for 14 days" in words(client.get(f"/products/{product.id}"))
        fill_basket(buyer, product.id)
        for path in ("/order/basket", "/order/checkout"):
            assert "returned for 14 days" in words(client.get(path))


class TestPrograms:
    def test_buyer_and_seller_refund(
        self, bought: Bought, seller: User, drain: Drain, app: Flask
    ) -> None:
        buyer, shop = program_of(app, bought.buyer), program_of(app, seller)
        piece = str(bought.pieces[0].id)
        made = buyer.post(f"/order/{bought.order_id}/refund", json={"piece_id": piece})
        assert made.status_code == 201, made.text
        assert made.json["amount"] == {"minor": 1000, "currency": "EUR"}
        line_id = str(bought.order.lines[0].id)
        refund = f"/payments/sales/{bought.order_id}/refund"
        body = {"line_id": line_id, "pieces": [2], "reason": REASON}
        assert shop.post(refund, json=body).status_code == 201
        assert shop.post(refund, json=body).status_code == 409
        assert shop.post(refund, json={"pieces": [2], "reason": REASON}).status_code == 404
        drain()
        order = buyer.get(f"/order/{bought.order_id}").json
        assert order["stage"] == "refunded"
        assert {one["source"] for one in order["refunds"]} == {"buyer", "seller"}
        listed = shop.get(f"/payments/sales/{bought.order_id}/refunds").json
        assert len(listed["items"]) == 2


class TestTelling:
    def test_both_are_told_with_the_reason_and_so_is_the_sellers_service(
        self,
        bought: Bought,
        seller: User,
        login: Login,
        inbox: Inbox,
        service: Receiver,
        drain: Drain,
    ) -> None:
        endpoints.create(
            owner_id=seller.id, url=service.url, events=["order.refunded", "claim.opened"]
        )
        client = login(seller)
        client.post(
            f"/order/sales/{bought.order_id}/refund",
            data={"what": "all", "amount": "2.50", "reason": REASON},
        )
        drain()
        kinds = {
            user.id: [one.kind.value for one in notifications_of(user.id).items]
            for user in (bought.buyer, seller)
        }
        assert "payment" in kinds[bought.buyer.id]
        assert "refund" in kinds[seller.id]
        for person, subject in ((bought.buyer, "Возврат по заказу"), (seller, "is refunded")):
            [told] = [mail for mail in inbox.of(person.email) if subject in mail["subject"]]
            assert REASON in told["text"]
            assert REASON in told["html"]
        [heard] = [one.event for one in service.received]
        assert (heard["type"], heard["data"]["amount"]["minor"]) == ("order.refunded", 250)

    def test_failure_is_told_with_why(
        self, bought: Bought, seller: User, login: Login, paypal: SandboxControl, drain: Drain
    ) -> None:
        paypal.fault("refuse_refund")
        client = login(seller)
        data = {"what": "all", "reason": REASON}
        client.post(f"/order/sales/{bought.order_id}/refund", data=data)
        drain()
        shown = words(client.get("/notifications"))
        assert "does not have enough money" in shown
        assert "does not have enough money" in words(client.get(f"/order/sales/{bought.order_id}"))


class TestStuck:
    def test_money_that_was_not_asked_for_goes_back_whole(
        self, paypal: SandboxControl, seller: User, admin: User, drain: Drain
    ) -> None:
        before = paypal.cash() - cash()
        started = mismatched(paypal, seller)
        unsticking.decide(
            actor_id=admin.id,
            order_id=started.order_id,
            act=OperatorAct.REFUND_WHOLE,
            reason=REASON,
        )
        drain()
        assert order_of(started).state is OrderState.CANCELLED
        assert order_of(started).was_refunded
        assert stuck_payment(started.order_id) is None
        assert cash() == paypal.cash() - before, "PayPal has kept its fee"
        assert_promises_hold()

    def test_money_for_goods_that_are_gone_goes_back_whole(
        self, seller: User, admin: User, paypal: SandboxControl, drain: Drain
    ) -> None:
        product = make_product(seller, stock=("A",))
        bought = buy(paypal, make_user(), {product.id: 1}, deliver=False)
        gone = undelivered_now(bought)
        unsticking.decide(
            actor_id=admin.id, order_id=gone, act=OperatorAct.REFUND_WHOLE, reason=REASON
        )
        assert stuck_payment(gone) is None, "it only waits for PayPal"
        drain()
        assert bought.order.state is OrderState.REFUNDED
        assert bought.refunds[0].state is RefundState.COMPLETED
        with pytest.raises(NotStuck):
            unsticking.decide(
                actor_id=admin.id, order_id=gone, act=OperatorAct.REFUND_WHOLE, reason=REASON
            )
        bought.assert_books_agree()
        assert_promises_hold()

    def test_what_went_back_in_part_before_it_was_booked_is_booked_with_that(
        self, paypal: SandboxControl, seller: User, admin: User, drain: Drain
    ) -> None:
        before = paypal.cash() - cash()
        buyer = make_user()
        fill_basket(buyer, make_product(seller, stock=("A",)).id)
        started = start(buyer)
        paypal.approve(started.paypal_order_id)
        capture_unheard(paypal, started.order_id)
        paypal.refund(str(paypal.captures()[-1]["id"]), "4.00")
        capturing.capture(order_id=started.order_id)
        stuck = stuck_payment(started.order_id)
        assert stuck is not None
        assert stuck.acts == (OperatorAct.BOOK_AND_DELIVER, OperatorAct.REFUND_WHOLE)
        unsticking.decide(
            actor_id=admin.id,
            order_id=started.order_id,
            act=OperatorAct.BOOK_AND_DELIVER,
            reason=REASON,
        )
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        assert order_of(started).given_back_minor == 400
        assert cash() == paypal.cash() - before
        assert count("refund") == 1
        assert_promises_hold()


def undelivered_now(bought: Bought) -> UUID:
    """Let the goods of a paid order be gone, for longer than they may be."""
    session().execute(text("UPDATE orders SET paid_at = now() - interval '11 minutes'"))
    session().execute(text("UPDATE stock_item SET state = 'withdrawn', holder = NULL"))
    session().commit()
    return bought.order_id


def capture_unheard(paypal: SandboxControl, order_id: UUID) -> None:
    """Have PayPal take the money, with its answer lost."""
    paypal.fault("error_after_commit", operation="capture", status=503)
    capturing.capture(order_id=order_id)


class TestTwice:
    def test_two_clicks_on_an_amount_refund_it_once(
        self, bought: Bought, seller: User, login: Login, drain: Drain
    ) -> None:
        browser = login(seller)
        page = f"/order/sales/{bought.order_id}"
        [key] = soup(browser.get(page)).select('input[name="asked_key"]')
        typed = {"what": "all", "amount": "4.00", "reason": REASON, "asked_key": key["value"]}
        for _click in range(2):
            assert browser.post(f"{page}/refund", data=typed).status_code == 303
        [another] = soup(browser.get(page)).select('input[name="asked_key"]')
        assert another["value"] != key["value"]
        drain()
        assert [one.amount_minor for one in bought.refunds] == [400]

    def test_program_whose_answer_was_lost_with_the_process_refunds_once(
        self, app: Flask, bought: Bought, seller: User, drain: Drain
    ) -> None:
        program = program_of(app, seller)
        ids = []
        for _try in range(2):
            answer = program.post(
                f"/payments/sales/{bought.order_id}/refund",
                json={"amount_minor": 400, "reason": REASON},
                headers={"Idempotency-Key": "lost-1"},
            )
            assert answer.status_code == 201
            ids.append(answer.json["id"])
            session().execute(text("DELETE FROM stored_answer"))
            session().commit()
        drain()
        assert len(set(ids)) == 1
        assert [one.amount_minor for one in bought.refunds] == [400]
