"""What sellers' bots hear of messages, and how they answer."""

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from app.chats import tasks
from app.chats.events import MessageArrived
from app.chats.service import moderating, reporting, sending
from app.extensions import db
from app.kit import outbox
from app.kit.db import session
from app.kit.outbox import OutboxRow
from app.settings import Settings
from app.webhooks.models import EventType
from app.webhooks.service import endpoints
from tests.factories.auth import make_user
from tests.support.apps import another_app
from tests.support.chats import Talking, say, talking
from tests.support.programs import program_of
from tests.support.webhook_receiver import Receiver

MESSAGES = [EventType.MESSAGE_RECEIVED.value]
Drain = Callable[[], None]


@pytest.fixture
def service() -> Iterator[Receiver]:
    """A seller's bot."""
    receiver = Receiver()
    yield receiver
    receiver.stop()


def rows() -> list[str]:
    return list(session().scalars(select(OutboxRow.listener)))


def listening(talk: Talking, service: Receiver, events: list[str]) -> UUID:
    endpoint_id, _secret = endpoints.create(owner_id=talk.seller.id, url=service.url, events=events)
    return endpoint_id


def texts(service: Receiver) -> list[str]:
    return [one.event["data"]["text"] for one in service.received]


def test_bot_hears_of_a_message_and_answers(app: Flask, service: Receiver, drain: Drain) -> None:
    talk = talking()
    listening(talk, service, MESSAGES)
    sent = say(talk, talk.buyer, "Does it work in Peru?")
    drain()
    [heard] = service.received
    assert heard.event["type"] == "message.received"
    data = heard.event["data"]
    assert data == {
        "conversation_id": str(talk.id),
        "message_id": str(sent.id),
        "seq": 1,
        "about": "product",
        "product_id": str(talk.product.id),
        "order_id": None,
        "side": "seller",
        "sender": {"id": str(talk.buyer.id), "name": talk.buyer.display_name},
        "text": "Does it work in Peru?",
        "reply_to": None,
        "flags": [],
        "sent_at": sent.at.isoformat(),
    }
    answer = program_of(app, talk.seller).post(
        f"/chats/{data['conversation_id']}/messages",
        json={"client_id": str(uuid4()), "text": "Yes.", "reply_to": data["seq"]},
    )
    assert answer.status_code == 201
    drain()
    assert len(service.received) == 1  # its own it does not hear


def test_messages_of_a_conversation_go_out_in_order_each_once(
    app: Flask, service: Receiver, drain: Drain, sweep: Drain
) -> None:
    talk = talking()
    listening(talk, service, MESSAGES)
    sent = [say(talk, talk.buyer, str(number)) for number in range(4)]
    drain()
    for message in sent:
        tasks.tell_webhooks(MessageArrived(message.id, talk.id, talk.buyer.id, talk.seller.id))
    sweep()
    drain()
    assert texts(service) == ["0", "1", "2", "3"]


def test_message_costs_no_row_where_nobody_hears_of_it(app: Flask, service: Receiver) -> None:
    talk = talking()
    say(talk, talk.buyer)
    endpoint = listening(talk, service, ["order.paid"])
    say(talk, talk.buyer)
    assert "webhooks.message_received" not in rows()
    endpoints.change(
        owner_id=talk.seller.id, endpoint_id=endpoint, url=service.url, events=MESSAGES
    )
    say(talk, talk.seller)  # the buyer has none
    assert "webhooks.message_received" not in rows()
    say(talk, talk.buyer)
    assert rows().count("webhooks.message_received") == 1
    endpoints.switch(owner_id=talk.seller.id, endpoint_id=endpoint, on=False)
    say(talk, talk.buyer)
    assert rows().count("webhooks.message_received") == 1


def test_deleted_one_is_not_told(app: Flask, service: Receiver, drain: Drain) -> None:
    talk = talking()
    listening(talk, service, MESSAGES)
    say(talk, talk.buyer, "Oops")
    sending.delete(user_id=talk.buyer.id, conversation_id=talk.id, seq=1)
    drain()
    assert service.received == []


def test_moderators_message_reaches_the_bot_too(
    app: Flask, service: Receiver, drain: Drain
) -> None:
    talk = talking()
    listening(talk, service, MESSAGES)
    reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason="x")
    moderator = make_user(roles=("moderator",))
    moderating.join(moderator_id=moderator.id, conversation_id=talk.id)
    sending.send(user_id=moderator.id, conversation_id=talk.id, text="Be kind.", client_id=uuid4())
    drain()
    assert [one.event["data"]["sender"]["id"] for one in service.received] == [str(moderator.id)]


def test_waits_for_mongodb(
    app: Flask,
    service: Receiver,
    drain: Drain,
    sweep: Drain,
    make_settings: Callable[..., Settings],
) -> None:
    talk = talking()
    listening(talk, service, MESSAGES)
    say(talk, talk.buyer, "Late")
    [row_id] = session().scalars(select(OutboxRow.id))
    db.session.rollback()
    away = make_settings(mongo_url="mongodb://127.0.0.1:1/byteshop")
    with another_app(away) as lonely, lonely.app_context():
        outbox.deliver(row_id, "webhooks.message_received")
    row = session().get_one(OutboxRow, row_id, populate_existing=True)
    assert row.done_at is None
    assert row.parked_at is None
    sweep()
    drain()
    assert texts(service) == ["Late"]
