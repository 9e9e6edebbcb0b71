"""What sellers' services hear, from servers that really listen."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from app.auth.models import User
from app.extensions import db
from app.kit.db import session
from app.webhooks import posting, queries
from app.webhooks.models import EventType, Failure, MessageState, OffReason
from app.webhooks.posting import Posted
from app.webhooks.service import endpoints, messages, sending
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import delivered
from tests.support.sale import in_parallel
from tests.support.webhook_receiver import Receiver

ALL = [kind.value for kind in EventType if kind is not EventType.TEST]
Drain = Callable[[], None]


@pytest.fixture
def service() -> Iterator[Receiver]:
    """A seller's service."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


@pytest.fixture
def endpoint(seller: User, service: Receiver) -> tuple[UUID, str]:
    """The id and the secret of a webhook that hears everything."""
    return endpoints.create(owner_id=seller.id, url=service.url, events=ALL)


def kinds(service: Receiver) -> list[str]:
    return [one.event["type"] for one in service.received]


def states(endpoint_id: UUID) -> list[MessageState]:
    db.session.rollback()
    return [one.state for one in reversed(queries.messages_of(endpoint_id).items)]


def die(*_args: Any, **_more: Any) -> Posted:
    """End the process over it, as a kill does."""
    raise SystemExit


def pass_time(pause: timedelta) -> None:
    """Have all that waits for its next try come due."""
    session().execute(
        text("UPDATE webhook_message SET next_at = next_at - :pause WHERE state = 'pending'"),
        {"pause": pause},
    )
    session().execute(
        text(
            "UPDATE webhook_endpoint SET rests_until = rests_until - :pause,"
            " failing_since = failing_since - :pause"
        ),
        {"pause": pause},
    )
    db.session.commit()


class TestSale:
    def test_paid_then_delivered_each_once(self, seller, service, endpoint, drain) -> None:  # type: ignore[no-untyped-def]
        product = make_product(seller, stock=tuple(f"SECRET-{n}" for n in range(20)))
        buyer = make_user()
        order_id = delivered(buyer, {product.id: 2})
        drain()
        drain()
        assert kinds(service) == ["order.paid", "order.delivered"]
        data = service.received[0].event["data"]
        assert data["order_id"] == str(order_id)
        [line] = data["lines"]
        assert (line["title"], line["quantity"]) == ("A thing", 2)
        assert line["price"] == {"minor": 1000, "currency": "EUR"}
        assert line["share"] == {"minor": 1800, "currency": "EUR"}
        for received in service.received:
            assert b"SECRET" not in received.body
            assert buyer.email.encode() not in received.body

    def test_each_seller_hears_of_their_own(self, seller, service, endpoint, drain) -> None:  # type: ignore[no-untyped-def]
        mine = make_product(seller, stock=tuple(f"A-{n}" for n in range(9)), title="Mine")
        theirs = make_product(make_user(roles=("seller",)), stock=("B-1",), title="Theirs")
        delivered(make_user(), {mine.id: 1, theirs.id: 1})
        drain()
        for received in service.received:
            assert "Theirs" not in received.body.decode()

    def test_a_delivery_heard_first_tells_of_the_payment_before(
        self, seller, service, endpoint, drain
    ) -> None:  # type: ignore[no-untyped-def]
        product = make_product(seller, stock=tuple(f"A-{n}" for n in range(9)))
        order_id = delivered(make_user(), {product.id: 1})
        messages.tell_of_order(
            order_id=order_id, kinds=[EventType.ORDER_PAID, EventType.ORDER_DELIVERED]
        )
        drain()
        assert kinds(service) == ["order.paid", "order.delivered"]

    def test_signatures_are_the_standards(self, service, endpoint, seller, drain) -> None:  # type: ignore[no-untyped-def]
        endpoint_id, secret = endpoint
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint_id)
        drain()
        [received] = service.received
        assert Webhook(secret).verify(received.body, received.headers)["type"] == "webhook.test"
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(received.body + b" ", received.headers)
        newer = endpoints.rotate_secret(owner_id=seller.id, endpoint_id=endpoint_id)
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint_id)
        drain()
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(service.received[1].body, service.received[1].headers)
        assert Webhook(newer).verify(service.received[1].body, service.received[1].headers)

    def test_secret_is_sealed(self, endpoint) -> None:  # type: ignore[no-untyped-def]
        rows = str(session().execute(text("SELECT * FROM webhook_endpoint")).all())
        assert endpoint[1].removeprefix("whsec_") not in rows


class TestWhoListens:
    """What nobody is to be told of costs neither a row of the outbox nor a job."""

    @staticmethod
    def rows_of_a_sale(seller: User, drain: Drain) -> set[str]:
        product = make_product(seller, stock=("A-1", "A-2"))
        delivered(make_user(), {product.id: 1})
        drain()
        rows = text("SELECT listener FROM outbox WHERE listener LIKE 'webhooks.%'")
        return set(session().scalars(rows))

    def test_no_webhook(self, seller, drain) -> None:  # type: ignore[no-untyped-def]
        assert self.rows_of_a_sale(seller, drain) == set()

    def test_webhook_of_another_seller(self, endpoint, drain) -> None:  # type: ignore[no-untyped-def]
        assert self.rows_of_a_sale(make_user(roles=("seller",)), drain) == set()

    def test_webhook_that_is_off(self, seller, endpoint, drain) -> None:  # type: ignore[no-untyped-def]
        endpoints.switch(owner_id=seller.id, endpoint_id=endpoint[0], on=False)
        assert self.rows_of_a_sale(seller, drain) == set()

    @pytest.mark.parametrize(
        ("events", "listeners"),
        [
            (["order.paid"], {"webhooks.order_paid"}),
            (["order.delivered"], {"webhooks.order_delivered"}),
            (["stock.low"], {"webhooks.stock_changed"}),
            (["stock.out"], {"webhooks.stock_changed"}),
            (ALL, {"webhooks.order_paid", "webhooks.order_delivered", "webhooks.stock_changed"}),
        ],
    )
    def test_only_what_it_hears(self, seller, service, events, listeners, drain) -> None:  # type: ignore[no-untyped-def]
        endpoints.create(owner_id=seller.id, url=service.url, events=events)
        assert self.rows_of_a_sale(seller, drain) == listeners


class TestStock:
    def test_each_fall_is_told_once(self, seller, service, endpoint, drain) -> None:  # type: ignore[no-untyped-def]
        product = make_product(seller, stock=tuple(f"A-{n}" for n in range(7)))
        for pieces in (1, 1, 1, 4):
            delivered(make_user(), {product.id: pieces})
            drain()
        assert [kind for kind in kinds(service) if kind.startswith("stock")] == [
            "stock.low", "stock.out",
        ]  # fmt: skip
        low, out = (one.event["data"] for one in service.received if "stock" in one.event["type"])
        assert (low["free"], out["free"]) == (5, 0)

    def test_what_was_not_asked_for_is_not_told(self, seller, service, drain) -> None:  # type: ignore[no-untyped-def]
        endpoints.create(owner_id=seller.id, url=service.url, events=["stock.out"])
        product = make_product(seller, stock=("A-1", "A-2"))
        delivered(make_user(), {product.id: 1})
        delivered(make_user(), {product.id: 1})
        drain()
        assert kinds(service) == ["stock.out"]


class TestTrouble:
    def test_failures_are_tried_again_with_the_same_id(
        self, seller, service, endpoint, drain
    ) -> None:  # type: ignore[no-untyped-def]
        service.answers = [500, 302, 200]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        drain()
        assert len(service.received) == 1
        for _try in range(2):
            assert states(endpoint[0]) == [MessageState.PENDING]
            sending.send_due()
            drain()
            pass_time(timedelta(minutes=3))
            sending.send_due()
            drain()
        assert states(endpoint[0]) == [MessageState.SENT]
        assert len(service.received) == 3
        assert len({one.headers["WEBHOOK-ID"] for one in service.received}) == 1
        [message] = queries.messages_of(endpoint[0]).items
        assert [attempt.status for attempt in message.attempts] == [200, 302, 500]
        assert queries.endpoint_of(seller.id, endpoint[0]).failing_since is None

    def test_message_that_can_not_be_sent_holds_up_no_other_seller(
        self, seller, service, endpoint, monkeypatch
    ) -> None:  # type: ignore[no-untyped-def]
        other = make_user(roles=("seller",))
        there, _secret = endpoints.create(owner_id=other.id, url=service.url, events=ALL)
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        messages.send_test(owner_id=other.id, endpoint_id=there)
        session().execute(
            text("UPDATE webhook_endpoint SET sealed = '\\x00' WHERE id = :id"),
            {"id": endpoint[0]},
        )
        db.session.commit()
        pass_time(timedelta(minutes=1))
        monkeypatch.setattr(sending.jobs, "waiting", lambda _ids: None)  # the queue is down
        sending.send_due()
        assert states(endpoint[0]) == [MessageState.PENDING]
        assert states(there) == [MessageState.SENT]

    def test_of_one_order_nothing_overtakes(self, seller, service, endpoint, drain) -> None:  # type: ignore[no-untyped-def]
        service.answers = [500]
        product = make_product(seller, stock=tuple(f"A-{n}" for n in range(20)))
        delivered(make_user(), {product.id: 1})
        drain()
        assert kinds(service) == ["order.paid"]  # the delivery waits for it
        delivered(make_user(), {product.id: 1})  # another order does not
        drain()
        assert kinds(service)[1:] == ["order.paid", "order.delivered"]
        pass_time(timedelta(minutes=3))
        sending.send_due()
        drain()
        assert kinds(service)[3:] == ["order.paid", "order.delivered"]

    def test_after_the_last_try_the_next_has_its_turn(
        self, seller, service, endpoint, drain
    ) -> None:  # type: ignore[no-untyped-def]
        service.answers = [500]
        product = make_product(seller, stock=tuple(f"A-{n}" for n in range(20)))
        delivered(make_user(), {product.id: 1})
        session().execute(text("UPDATE webhook_message SET tries = 99"))
        db.session.commit()
        drain()
        session().execute(text("UPDATE webhook_message SET tries = 99 WHERE type = 'order.paid'"))
        db.session.commit()
        service.answers = [500]
        pass_time(timedelta(days=2))
        sending.send_due()
        drain()
        assert MessageState.FAILED in states(endpoint[0])
        assert kinds(service)[-1] == "order.delivered"

    def test_nobody_there(self, seller, drain) -> None:  # type: ignore[no-untyped-def]
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        endpoint_id, _secret = endpoints.create(owner_id=seller.id, url=url, events=ALL)
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint_id)
        drain()
        [message] = queries.messages_of(endpoint_id).items
        assert (message.attempts[0].status, message.attempts[0].error) == (
            None,
            "no_connection",
        )

    @pytest.mark.parametrize(("status", "days", "reason"), [
        (410, 0, OffReason.GONE), (500, 4, OffReason.FAILING), (500, 2, None),
    ])  # fmt: skip
    def test_switched_off_with_a_notification(
        self, seller, service, endpoint, drain, status, days, reason
    ) -> None:  # type: ignore[no-untyped-def]
        if days:
            session().execute(
                text("UPDATE webhook_endpoint SET failing_since = now() - :ago"),
                {"ago": timedelta(days=days)},
            )
            db.session.commit()
        service.answers = [status]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        drain()
        db.session.rollback()
        assert queries.endpoint_of(seller.id, endpoint[0]).off_reason is reason
        told = session().scalars(text("SELECT key FROM notification WHERE kind = 'webhook'")).all()
        assert len(told) == (1 if reason else 0)

    def test_what_waited_is_sent_once_it_is_on_again(
        self, seller, service, endpoint, drain
    ) -> None:  # type: ignore[no-untyped-def]
        service.answers = [500]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        drain()
        endpoints.switch(owner_id=seller.id, endpoint_id=endpoint[0], on=False)
        pass_time(timedelta(minutes=3))
        sending.send_due()
        drain()
        assert len(service.received) == 1
        endpoints.switch(owner_id=seller.id, endpoint_id=endpoint[0], on=True)
        sending.send_due()
        drain()
        assert len(service.received) == 2

    def test_many_workers_send_once(self, app, seller, service, endpoint) -> None:  # type: ignore[no-untyped-def]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        [message] = queries.messages_of(endpoint[0]).items
        db.session.rollback()
        in_parallel(app, [lambda: sending.send(message.id)] * 8)
        assert len(service.received) == 1

    def test_send_again(self, seller, service, endpoint, drain) -> None:  # type: ignore[no-untyped-def]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        drain()
        [message] = queries.messages_of(endpoint[0]).items
        messages.send_again(owner_id=seller.id, endpoint_id=endpoint[0], message_id=message.id)
        drain()
        assert len({one.headers["WEBHOOK-ID"] for one in service.received}) == 1
        assert len(service.received) == 2


class TestTurns:
    def test_each_attempt_is_there_before_it_is_sent(
        self, seller, service, endpoint, monkeypatch
    ) -> None:  # type: ignore[no-untyped-def]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        message_id = queries.messages_of(endpoint[0]).items[0].id
        monkeypatch.setattr(sending, "post", die)
        with pytest.raises(SystemExit):
            sending.send(message_id)
        db.session.rollback()
        [message] = queries.messages_of(endpoint[0]).items
        [attempt] = message.attempts
        assert (attempt.duration_ms, attempt.status, attempt.error) == (None, None, None)
        monkeypatch.undo()
        sending.send(message_id)
        assert service.received == []  # it may still be under way
        for _ in range(2):  # one finds what was cut off, the next has the pause behind it
            pass_time(timedelta(minutes=1))
            sending.send(message_id)
        db.session.rollback()
        [message] = queries.messages_of(endpoint[0]).items
        assert message.state is MessageState.SENT
        assert [one.error for one in message.attempts] == [None, Failure.CUT_OFF]

    def test_attempts_cut_off_for_days_switch_it_off(
        self, seller, service, endpoint, monkeypatch
    ) -> None:  # type: ignore[no-untyped-def]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        message_id = queries.messages_of(endpoint[0]).items[0].id
        monkeypatch.setattr(sending, "post", die)
        for _ in range(7):
            with contextlib.suppress(SystemExit):
                sending.send(message_id)
            pass_time(timedelta(days=1))
        assert queries.endpoint_of(seller.id, endpoint[0]).off_reason is OffReason.FAILING

    def test_slow_service_of_one_does_not_hold_up_the_others(
        self, seller, service, drain, monkeypatch
    ) -> None:  # type: ignore[no-untyped-def]
        slow_seller = make_user(roles=("seller",))
        slow = [
            endpoints.create(owner_id=slow_seller.id, url="https://slow.example/", events=ALL)[0]
            for _ in range(2)
        ]
        quick, _secret = endpoints.create(owner_id=seller.id, url=service.url, events=ALL)
        asked = []

        def post_slowly(url: str, *args: Any, **more: Any) -> Posted:
            asked.append(url)
            if url == service.url:
                return posting.post(url, *args, **more)
            return Posted(None, Failure.TOO_SLOW, "", 10_000)

        monkeypatch.setattr(sending, "post", post_slowly)
        for _ in range(5):
            for endpoint_id in slow:
                messages.send_test(owner_id=slow_seller.id, endpoint_id=endpoint_id)
            messages.send_test(owner_id=seller.id, endpoint_id=quick)
        drain()
        sending.send_due()
        drain()
        assert len(service.received) == 5
        assert asked.count("https://slow.example/") == 1  # and then it rests
        pass_time(timedelta(minutes=1))
        sending.send_due()
        drain()
        assert asked.count("https://slow.example/") == 2

    def test_sellers_take_turns(self, seller, service, drain) -> None:  # type: ignore[no-untyped-def]
        other = make_user(roles=("seller",))
        ids = []
        for person in (seller, other):
            endpoint_id, _ = endpoints.create(owner_id=person.id, url=service.url, events=ALL)
            ids.append(str(endpoint_id))
            for _ in range(5):
                messages.send_test(owner_id=person.id, endpoint_id=endpoint_id)
        drain()
        owners = {
            str(one.id): endpoint_id
            for endpoint_id in ids
            for one in queries.messages_of(UUID(endpoint_id)).items
        }
        turns = [ids.index(owners[one.headers["WEBHOOK-ID"]]) for one in service.received]
        assert turns == [0, 1] * 5

    def test_one_attempt_of_a_seller_at_a_time(self, app, seller, service, monkeypatch) -> None:  # type: ignore[no-untyped-def]
        under_way, most = [0], [0]

        def watch(*args: Any, **more: Any) -> Posted:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            time.sleep(0.2)
            under_way[0] -= 1
            return posting.post(*args, **more)

        monkeypatch.setattr(sending, "post", watch)
        for _ in range(4):
            endpoint_id, _ = endpoints.create(owner_id=seller.id, url=service.url, events=ALL)
            messages.send_test(owner_id=seller.id, endpoint_id=endpoint_id)
        due = session().scalars(text("SELECT id FROM webhook_message")).all()
        db.session.rollback()
        in_parallel(app, [partial(sending.send, message_id) for message_id in due])
        assert most == [1]


class TestMended:
    def test_what_waited_for_days_is_sent_as_soon_as_it_is_on_again(
        self, seller, service, endpoint, drain
    ) -> None:  # type: ignore[no-untyped-def]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        session().execute(
            text("UPDATE webhook_endpoint SET failing_since = now() - interval '4 days'")
        )
        session().execute(text("UPDATE webhook_message SET tries = 8"))
        db.session.commit()
        service.answers = [500]
        drain()
        assert queries.endpoint_of(seller.id, endpoint[0]).off_reason is OffReason.FAILING
        endpoints.switch(owner_id=seller.id, endpoint_id=endpoint[0], on=True)
        pass_time(timedelta(seconds=5))
        sending.send_due()
        drain()
        assert states(endpoint[0]) == [MessageState.SENT]

    def test_new_address_does_not_answer_for_the_old_one(
        self, seller, service, endpoint, drain
    ) -> None:  # type: ignore[no-untyped-def]
        service.answers = [500, 500]
        messages.send_test(owner_id=seller.id, endpoint_id=endpoint[0])
        drain()
        pass_time(timedelta(days=4))
        endpoints.change(
            owner_id=seller.id, endpoint_id=endpoint[0], url=f"{service.url}?new", events=ALL
        )
        sending.send_due()
        drain()
        assert len(service.received) == 2
        assert queries.endpoint_of(seller.id, endpoint[0]).off_reason is None
