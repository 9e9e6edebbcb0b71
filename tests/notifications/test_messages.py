"""A message that nobody has read for ten minutes is told once, until the conversation is read."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.models import User
from app.chats.events import ConversationUnread
from app.chats.service import reading
from app.chats.store import conversations
from app.kit.db import transactional
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.notifications.queries import notifications_of
from tests.factories.auth import make_user
from tests.support.chats import say, talking
from tests.support.inbox import Inbox, path_in


@transactional
def waits(event: ConversationUnread) -> None:
    """Announce that a message has waited."""
    emit(event)


@pytest.mark.parametrize("locale", ["en", "ru"])
def test_one_mail_until_it_is_read(
    app: Flask, inbox: Inbox, login: Callable[..., FlaskClient], locale: str
) -> None:
    sender: User = make_user(display_name="Ann")
    reader: User = make_user(locale=locale)
    conversation = new_id()
    for _time in range(2):
        waits(ConversationUnread(conversation, reader.id, sender.id, since_seq=3))
    mail = inbox.only(reader.email)
    subject = {"en": "New message from Ann", "ru": "Новое сообщение от Ann"}[locale]
    assert mail["subject"] == subject
    [told] = notifications_of(reader.id).items
    assert path_in(mail, "/notifications/") == f"/notifications/{told.id}"
    answer = login(reader).get(f"/notifications/{told.id}")
    assert answer.location == f"/chats/{conversation}"
    waits(ConversationUnread(conversation, reader.id, sender.id, since_seq=5))
    assert len(inbox.of(reader.email)) == 2


def test_read_in_the_conversation_is_read_in_the_stream(
    app: Flask, drain: Callable[[], None]
) -> None:
    talk = talking()
    said = say(talk, talk.seller)
    reader = talk.buyer.id
    waits(ConversationUnread(talk.id, reader, talk.seller.id, since_seq=0))
    conversations.note_told(talk.id, reader)
    drain()
    [told] = notifications_of(reader).items
    assert told.read_at is None
    reading.mark_read(user_id=reader, conversation_id=talk.id, seq=said.seq)
    drain()
    [told] = notifications_of(reader).items
    assert told.read_at is not None
