"""What the clock makes up for, and tells of: unfinished messages, and those that wait unread."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.chats import events, queries
from app.chats.models import SystemEvent
from app.chats.service import keeping, reading, saying, settling, sweeping
from app.chats.store import messages
from app.kit.sweeping import Swept
from app.wiring import TIMED_WORK
from tests.support.chats import Talking, age, documents, say, talking

Heard = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events of conversations, in the order in which they were announced."""
    told: list[Any] = []
    monkeypatch.setattr(settling, "emit", told.append)
    monkeypatch.setattr(sweeping, "emit", told.append)
    return told


def left_unsettled(talk: Talking, text: str, patch: pytest.MonkeyPatch) -> None:
    """A message whose sender's process ended as soon as it was stored."""
    with patch.context() as dead:
        dead.setattr(settling, "settle", lambda *_: None)
        say(talk, talk.buyer, text)


def test_both_are_done_by_the_clock() -> None:
    names = {work.name: work.seconds for work in TIMED_WORK if work.name.startswith("chats.")}
    assert names == {"chats.settle_late": 30, "chats.tell_unread": 60}


class TestSettling:
    def test_what_follows_is_done_once(self, app: Flask, emitted: list[Any], heard: Heard) -> None:
        talk = talking()
        heard()
        sent = say(talk, talk.buyer)
        assert emitted == [events.MessageArrived(sent.id, talk.id, talk.buyer.id, talk.seller.id)]
        told = heard(f"chat:{talk.id}", f"inbox:{talk.buyer.id}", f"inbox:{talk.seller.id}")
        assert sorted(told) == sorted(
            [
                (f"chat:{talk.id}", "message:1"),
                (f"inbox:{talk.buyer.id}", f"message:{sent.id}"),
                (f"inbox:{talk.seller.id}", f"message:{sent.id}"),
            ]
        )
        age(timedelta(minutes=1))
        assert sweeping.settle_late() == Swept(0, 0)
        assert len(emitted) == 1

    def test_unfinished_one_is_made_up_for(
        self, app: Flask, emitted: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        talk = talking()
        left_unsettled(talk, "Left", monkeypatch)
        assert queries.unread_count(talk.seller.id) == 0
        assert sweeping.settle_late() == Swept(0, 0)  # it may still be under way
        age(timedelta(minutes=1))
        assert sweeping.settle_late() == Swept(1, 0)
        assert queries.unread_count(talk.seller.id) == 1
        assert [type(event) for event in emitted] == [events.MessageArrived]
        assert sweeping.settle_late() == Swept(0, 0)

    def test_one_that_fails_holds_up_no_other_and_is_no_news_to_the_log(
        self,
        app: Flask,
        emitted: list[Any],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        talks = [talking(), talking()]
        for talk in talks:
            left_unsettled(talk, "CANARYTEXT", monkeypatch)
        age(timedelta(minutes=1))
        note = settling.conversations.note_message

        def fail(message: Any, people: int) -> None:
            if message.conversation_id == talks[0].id:
                raise RuntimeError("as it happens")
            note(message, people)

        monkeypatch.setattr(settling.conversations, "note_message", fail)
        assert sweeping.settle_late() == Swept(1, 1)
        assert "as it happens" in caplog.text
        assert "CANARYTEXT" not in caplog.text


class TestUnread:
    def test_is_told_after_ten_minutes_once_until_it_is_read(
        self, app: Flask, emitted: list[Any]
    ) -> None:
        talk = talking()

        def told() -> list[Any]:
            sweeping.tell_unread()
            found = [one for one in emitted if isinstance(one, events.ConversationUnread)]
            emitted.clear()
            return found

        say(talk, talk.buyer, "One")
        age(timedelta(minutes=9))
        assert told() == []
        say(talk, talk.buyer, "Two")
        age(timedelta(minutes=2))
        assert told() == [
            events.ConversationUnread(talk.id, talk.seller.id, talk.buyer.id, since_seq=0)
        ]
        say(talk, talk.buyer, "Three")
        age(timedelta(minutes=20))
        assert told() == []
        reading.mark_read(user_id=talk.seller.id, conversation_id=talk.id, seq=3)
        assert told() == []
        say(talk, talk.buyer, "Four")
        age(timedelta(minutes=11))
        assert told() == [
            events.ConversationUnread(talk.id, talk.seller.id, talk.buyer.id, since_seq=3)
        ]

    def test_read_and_muted_ones_are_not_told_of(self, app: Flask, emitted: list[Any]) -> None:
        read, muted, quiet = talking(), talking(), talking()
        keeping.mute(user_id=quiet.seller.id, conversation_id=quiet.id, muted=True)
        for talk in (read, muted, quiet):
            say(talk, talk.buyer)
        reading.mark_read(user_id=read.seller.id, conversation_id=read.id, seq=1)
        keeping.mute(user_id=muted.seller.id, conversation_id=muted.id, muted=True)
        age(timedelta(minutes=11))
        assert sweeping.tell_unread() == Swept(0, 0)

    def test_what_the_shop_says_last_hides_nobodys_message(
        self, app: Flask, emitted: list[Any]
    ) -> None:
        talk = talking()
        say(talk, talk.buyer)
        saying.say(talk.id, SystemEvent.PAID)
        age(timedelta(minutes=11))
        sweeping.tell_unread()
        assert emitted[-1] == events.ConversationUnread(
            talk.id, talk.seller.id, talk.buyer.id, since_seq=0
        )


def test_message_that_breaks_the_schema_is_refused_by_the_database(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    talk = talking()
    sent = say(talk, talk.buyer, "CANARYTEXT")
    for change in ({"seq": 0}, {"text": 5}, {"kind": "other"}, {"more": "CANARYTEXT"}):
        with documents() as database, pytest.raises(Exception, match="validation"):
            database.messages.update_one({"_id": sent.id}, {"$set": change})
    assert messages.find(talk.id, 1) == sent
