"""What is said and what becomes of it: words, changes, quiet, an order's news, moderators."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.auth.models import Role
from app.auth.service import moderation
from app.chats import errors, queries
from app.chats.models import Flag, Message, MessageKind, Side, SystemEvent
from app.chats.queries import reports
from app.chats.service import keeping, moderating, opening, order_news, presence, reporting, sending
from app.chats.store import conversations
from app.kit.errors import AppError, TooMany
from app.orders.errors import OwnMatter
from app.orders.models import OrderState
from app.orders.service import ending
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import delivered, paid, placed
from tests.support.chats import age, all_that_is_kept, listed, say, shown_to, talking, thread_of
from tests.support.disputes import decided, disputed, told

Login = Callable[..., FlaskClient]
Heard = Callable[..., list[tuple[str, str]]]


class TestChanging:
    def test_own_message_changes_for_a_quarter_of_an_hour_with_a_trace(
        self, app: Flask, heard: Heard
    ) -> None:
        talk = talking()
        say(talk, talk.buyer, "Frist")
        own = {"user_id": talk.buyer.id, "conversation_id": talk.id, "seq": 1}
        heard()
        sending.edit(**own, text="First")
        [message] = shown_to(talk, talk.seller)
        assert (message.text, message.edited_at is not None) == ("First", True)
        assert [text for text, _at in message.history] == ["Frist"]
        assert listed(talk.seller).part.preview == "First"
        [(_topic, event)] = heard(f"chat:{talk.id}")
        assert event.startswith("changed:1:")
        sending.delete(**own)
        [gone] = shown_to(talk, talk.seller)
        assert (gone.text, gone.deleted_at is not None) == ("", True)
        assert [text for text, _at in gone.history] == ["Frist", "First"]
        assert listed(talk.seller).part.preview == ""
        assert queries.search(talk.seller.id, "first") == []
        assert sending.delete(**own).deleted_at == gone.deleted_at  # a second click
        with pytest.raises(errors.TooLateToChange):
            sending.edit(**own, text="Back")

    def test_later_nothing_changes(self, app: Flask) -> None:
        talk = talking()
        say(talk, talk.buyer, "Said")
        age(timedelta(minutes=15))
        own = {"user_id": talk.buyer.id, "conversation_id": talk.id, "seq": 1}
        with pytest.raises(errors.TooLateToChange):
            sending.edit(**own, text="Unsaid")
        with pytest.raises(errors.TooLateToChange):
            sending.delete(**own)
        assert shown_to(talk, talk.seller)[0].text == "Said"

    def test_what_is_taken_back_is_gone_whoever_changes_it_at_once(self, app: Flask) -> None:
        talk = talking()
        own = {"user_id": talk.buyer.id, "conversation_id": talk.id, "seq": 1}
        say(talk, talk.buyer, "CANARYTEXT")
        refused = []

        def work(text: str) -> None:
            with app.app_context():
                try:
                    sending.edit(**own, text=text) if text else sending.delete(**own)
                except (errors.TooLateToChange, errors.ChangedMeanwhile):
                    refused.append(text)

        texts = ["One", "Two", "Three", "", "Four", "Five", "Six"]
        threads = [threading.Thread(target=work, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert "" not in refused
        [gone] = shown_to(talk, talk.seller)
        assert (gone.text, gone.deleted_at is not None) == ("", True)

    def test_others_and_the_shops_are_not_ones_own(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        order_id = paid(buyer, {make_product(seller, stock=("KEY-NR-1",)).id: 1})
        opened = opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        sending.send(user_id=seller.id, conversation_id=opened, text="Hi", client_id=uuid4())
        for seq in (1, 2, 3):
            with pytest.raises(errors.NoSuchMessage):
                sending.delete(user_id=buyer.id, conversation_id=opened, seq=seq)

    def test_answer_shows_what_it_answers(self, app: Flask) -> None:
        talk = talking()
        say(talk, talk.buyer, "Question?" + "x" * 300)
        answer = say(talk, talk.seller, "Answer.", reply_to=1)
        kept = shown_to(talk, talk.buyer)[-1]
        assert kept.reply == answer.reply
        assert kept.reply is not None
        assert (kept.reply.seq, kept.reply.sender_id) == (1, talk.buyer.id)
        assert kept.reply.text.startswith("Question?")
        assert len(kept.reply.text) == 200
        with pytest.raises(errors.NoSuchMessage):
            say(talk, talk.seller, "To nothing", reply_to=99)

    def test_answer_shows_no_longer_what_was_changed_or_taken_back(
        self, app: Flask, login: Login
    ) -> None:
        talk = talking()
        say(talk, talk.buyer, "CANARYTEXT")
        say(talk, talk.seller, "Answer.", reply_to=1)
        say(talk, talk.seller, "Later.")
        reader, page = login(talk.seller), f"/chats/{talk.id}"
        own = {"user_id": talk.buyer.id, "conversation_id": talk.id, "seq": 1}
        open_page = {"after": 3, "first": 1, "since": datetime.now(UTC).isoformat()}
        assert "CANARYTEXT" in reader.get(page).text
        sending.edit(**own, text="Changed")
        assert reader.get(page).text.count("Changed") == 2
        sending.delete(**own)
        for path, query in ((page, {}), (f"{page}/news", open_page)):
            shown = reader.get(path, query_string=query).text
            assert shown.count("Message deleted") == 2
            assert "CANARYTEXT" not in shown
            assert "Changed" not in shown


class TestWords:
    @pytest.mark.parametrize("text", ["", "  \n ", "\x00", "\ud800", "x" * 4001])
    def test_what_cannot_be_taken_is_refused_in_words(self, app: Flask, text: str) -> None:
        talk = talking()
        with pytest.raises(errors.BadMessage) as refused:
            say(talk, talk.buyer, text)
        assert refused.value.errors["text"]
        assert shown_to(talk, talk.buyer) == []

    def test_what_nobody_can_read_is_left_out(self, app: Flask) -> None:
        talk = talking()
        say(talk, talk.buyer, " a\x00b\ud83dc\u202ed\r\ne\tf <b>&\U0001f600 ")
        assert shown_to(talk, talk.seller)[0].text == "abcd\ne\tf <b>&\U0001f600"

    @pytest.mark.parametrize(
        ("text", "flags"),
        [
            ("Pay me at paypal.me/somebody", {Flag.PAYMENT}),
            ("4111 1111 1111 1111", {Flag.PAYMENT}),
            ("мой пароль: hunter22", {Flag.PASSWORD}),
            ("password is hunter2! at https://revolut.me/x", {Flag.PAYMENT, Flag.PASSWORD}),
            ("I forgot my password, what now?", set()),
            ("Order 4111 1111 1111 1112, paid with PayPal", set()),
        ],
    )
    def test_doubtful_words_have_to_be_meant(self, app: Flask, text: str, flags: set[Flag]) -> None:
        talk = talking()
        if flags:
            with pytest.raises(errors.Doubtful) as asked:
                say(talk, talk.buyer, text)
            assert set(asked.value.flags) == flags
            assert shown_to(talk, talk.buyer) == []
        sent = say(talk, talk.buyer, text, is_sure=True)
        assert set(shown_to(talk, talk.seller)[0].flags) == flags == set(sent.flags)

    def test_words_that_somebody_stocks_are_masked_for_nobody(self, app: Flask) -> None:
        talk = talking(stock=("thanks", "THANKS-4711"))
        assert say(talk, talk.buyer, "thanks, it is THANKS-4711").text.startswith("thanks, it is T")
        assert "4711" not in shown_to(talk, talk.seller)[-1].text

    def test_no_unit_of_stock_gets_into_mongodb(self, app: Flask) -> None:
        canary, sold = "CANARY-7F3A-99QX-STOCK", "login:canary-password-8"
        talk = talking(stock=(canary, sold, "CANARY-2222-OTHER"))
        delivered(talk.buyer, {talk.product.id: 1})
        junk = " ".join(f"w{number:04}" for number in range(600))
        for text in (
            canary,
            f"My key «{canary}» doesn't work.",
            f"key:{canary}\nand\n{sold}\n",
            f"{junk} {canary}",
            f"({sold})",
        ):
            say(talk, talk.buyer, text)
        say(talk, talk.buyer, "Mended below", reply_to=1)
        sending.edit(user_id=talk.buyer.id, conversation_id=talk.id, seq=6, text=f"It is {canary}.")
        kept = all_that_is_kept()
        for secret in (canary, sold, canary.casefold(), "7f3a", "canary-password-8"):
            assert secret not in kept
        assert shown_to(talk, talk.seller)[0].text == "CANA••••"

    def test_nothing_of_a_text_stands_in_a_repr(self, app: Flask) -> None:
        talk = talking()
        say(talk, talk.buyer, "CANARYTEXT")
        say(talk, talk.seller, "And CANARYTEXT", reply_to=1)
        whole = repr(thread_of(talk.buyer.id, talk.id)) + repr(listed(talk.buyer))
        assert "CANARYTEXT" not in whole

    def test_one_person_writes_so_much(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sending, "SENT", "2/minute")
        talk = talking()
        say(talk, talk.buyer, "1")
        say(talk, talk.buyer, "2")
        with pytest.raises(TooMany):
            say(talk, talk.buyer, "3")
        say(talk, talk.seller, "4")


class TestQuiet:
    def test_muted_one_is_not_counted(self, app: Flask) -> None:
        talk = talking()
        keeping.mute(user_id=talk.seller.id, conversation_id=talk.id, muted=True)
        say(talk, talk.buyer)
        assert queries.unread_count(talk.seller.id) == 0
        assert listed(talk.seller).part.unread
        keeping.mute(user_id=talk.seller.id, conversation_id=talk.id, muted=False)
        assert queries.unread_count(talk.seller.id) == 1

    def test_blocked_person_writes_nowhere_to_who_blocked_them(self, app: Flask) -> None:
        talk = talking()
        say(talk, talk.buyer)
        keeping.block(user_id=talk.seller.id, conversation_id=talk.id, blocked=True)
        other = talking(talk.buyer, talk.seller)  # opened afterwards
        for one in (talk, other):
            with pytest.raises(errors.Shut):
                say(one, talk.buyer)
            with pytest.raises(errors.Blocked):
                say(one, talk.seller)
        assert thread_of(talk.seller.id, talk.id).blocked
        assert not thread_of(talk.buyer.id, talk.id).blocked
        keeping.block(user_id=talk.seller.id, conversation_id=talk.id, blocked=False)
        for one in (talk, other):
            say(one, talk.buyer)

    def test_block_and_opening_at_once_leave_no_way_around(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        talk = talking()
        made = conversations.make

        def make(*args: Any, **options: Any) -> None:
            keeping.block(user_id=talk.seller.id, conversation_id=talk.id, blocked=True)
            made(*args, **options)

        monkeypatch.setattr(conversations, "make", make)
        other = talking(talk.buyer, talk.seller)
        with pytest.raises(errors.Shut):
            say(other, talk.buyer)

    def test_nobody_hears_that_a_blocked_person_types(self, app: Flask, heard: Heard) -> None:
        talk = talking()
        keeping.block(user_id=talk.seller.id, conversation_id=talk.id, blocked=True)
        heard()
        for act in (presence.here, presence.typing):
            act(user_id=talk.buyer.id, conversation_id=talk.id)
        assert heard(f"chat:{talk.id}") == []


class TestOrderNews:
    def test_what_happens_to_the_order_is_said_once(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        order_id = delivered(buyer, {make_product(seller, stock=("KEY-NR-1",)).id: 1})
        opened = opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        for who in (buyer, seller):
            order_news.look(queries.taken_part(who.id, opened).conversation)
        thread = thread_of(seller.id, opened)
        assert [one.event for one in thread.messages] == [SystemEvent.PAID, SystemEvent.DELIVERED]
        assert {one.kind for one in thread.messages} == {MessageKind.SYSTEM}
        assert queries.unread_count(seller.id) == 0
        assert thread.order is not None
        assert (thread.order.pieces, thread.order.state) == (1, OrderState.DELIVERED)

    def test_cancelled_order_is_said(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        order_id = placed(buyer, {make_product(seller, stock=("KEY-NR-1",)).id: 1})
        opened = opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        assert thread_of(buyer.id, opened).messages == []
        assert ending.cancel(buyer_id=buyer.id, order_id=order_id)
        order_news.look(queries.taken_part(buyer.id, opened).conversation)
        thread = thread_of(buyer.id, opened)
        assert [one.event for one in thread.messages] == [SystemEvent.CANCELLED]

    def test_what_the_shop_says_of_long_ago_moves_nothing_down(self, app: Flask) -> None:
        talk = talking()
        buyer, seller = talk.buyer, talk.seller
        order_id = paid(buyer, {talk.product.id: 1})
        say(talk, buyer)
        opened = opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        sending.send(user_id=buyer.id, conversation_id=opened, text="Hi", client_id=uuid4())
        at = queries.inbox(buyer.id).items[0].part.last_at
        conversations.note_message(
            Message(
                id=uuid4(),
                conversation_id=opened,
                seq=3,
                client_id="delivered",
                kind=MessageKind.SYSTEM,
                sender_id=None,
                text="",
                at=at - timedelta(days=3),
            )
        )
        assert queries.inbox(buyer.id).items[0].part.last_at == at


class TestModerators:
    def test_joins_where_the_order_is_disputed_and_all_of_it_is_said(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        order_id = delivered(buyer, {make_product(seller, stock=("KEY-NR-1",)).id: 1})
        opened = opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        moderator = make_user(roles=("moderator",))
        with pytest.raises(errors.NoSuchConversation):
            moderating.join(moderator_id=moderator.id, conversation_id=opened)
        claim = told(1000)
        disputed(order_id, claim)
        moderating.join(moderator_id=moderator.id, conversation_id=opened)
        disputed(order_id, decided(claim, "RESOLVED_BUYER_FAVOUR"))
        opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        thread = queries.thread(queries.taken_part(moderator.id, opened))
        said = [message.event for message in thread.messages]
        for event in (SystemEvent.DISPUTED, SystemEvent.DISPUTE_LOST):
            assert said.count(event) == 1

    def test_joins_what_was_reported_visibly_and_logged(
        self, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        talk = talking()
        say(talk, talk.buyer, "CANARYTEXT")
        moderator = make_user(roles=("moderator",))
        join = {"moderator_id": moderator.id, "conversation_id": talk.id}
        with pytest.raises(errors.NoSuchConversation):
            moderating.join(**join)
        reporting.report(user_id=talk.seller.id, conversation_id=talk.id, reason="Rude")
        reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason="Ruder")
        [waiting] = reports.reported().items
        assert waiting.conversation.id == talk.id
        assert [one.reason for one in waiting.conversation.reports] == ["Rude", "Ruder"]
        reporting.report(user_id=talk.seller.id, conversation_id=talk.id, reason="Very rude")
        [waiting] = reports.reported().items
        assert [one.reason for one in waiting.conversation.reports] == ["Very rude", "Ruder"]
        with pytest.raises(errors.NoSuchConversation):
            thread_of(moderator.id, talk.id)
        with caplog.at_level("INFO"):
            moderating.join(**join)
            moderating.join(**join)
        joined = [r for r in caplog.records if r.message == "moderator joins a conversation"]
        assert len(joined) == 1
        assert "CANARYTEXT" not in caplog.text
        seen = thread_of(moderator.id, talk.id)
        assert seen.talk.part.side is Side.MODERATOR
        events = [one.event for one in shown_to(talk, talk.buyer)]
        assert events.count(SystemEvent.MODERATOR_JOINED) == 1
        sent = sending.send(
            user_id=moderator.id, conversation_id=talk.id, text="Be kind.", client_id=uuid4()
        )
        assert shown_to(talk, talk.buyer)[-1].id == sent.id
        assert queries.unread_count(talk.buyer.id) == 1
        assert queries.unread_count(talk.seller.id) == 1

    def test_closing_a_report_ends_their_reading(self, app: Flask) -> None:
        talk, moderator = talking(), make_user(roles=("moderator",))
        place = {"moderator_id": moderator.id, "conversation_id": talk.id}
        with pytest.raises(errors.NoSuchConversation):
            moderating.close(**place, reason="Nothing to see")
        for closed in (1, 2):  # it may be reported again
            reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason="Rude")
            moderating.join(**place)
            with pytest.raises(errors.BadMessage):
                moderating.close(**place, reason=" ")
            moderating.close(**place, reason="No insult in it")
            with pytest.raises(errors.NoSuchConversation):
                thread_of(moderator.id, talk.id)
            with pytest.raises(errors.NoSuchConversation):
                moderating.join(**place)
            assert reports.reported().items == []
            events = [one.event for one in shown_to(talk, talk.seller)]
            assert events.count(SystemEvent.REPORT_CLOSED) == closed
        reporting.report(user_id=talk.seller.id, conversation_id=talk.id, reason="Ruder")
        [again] = reports.reported().items
        assert [one.reason for one in again.conversation.reports] == ["Ruder"]
        assert [one.reason for one in again.conversation.closings] == ["No insult in it"] * 2

    def test_nobody_closes_what_was_reported_of_themselves(self, app: Flask) -> None:
        own = talking(make_user(roles=("moderator",)))
        reporting.report(user_id=own.seller.id, conversation_id=own.id, reason="Rude")
        with pytest.raises(OwnMatter):
            moderating.close(moderator_id=own.buyer.id, conversation_id=own.id, reason="Not so")
        assert len(reports.reported().items) == 1

    def test_disputed_stays_open_to_them_once_its_report_is_closed(self, app: Flask) -> None:
        seller, buyer = make_user(roles=("seller",)), make_user()
        moderator = make_user(roles=("moderator",))
        order_id = delivered(buyer, {make_product(seller, stock=("KEY-A",)).id: 1})
        opened = opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        disputed(order_id, told(1000))
        reporting.report(user_id=buyer.id, conversation_id=opened, reason="Rude")
        moderating.join(moderator_id=moderator.id, conversation_id=opened)
        moderating.close(moderator_id=moderator.id, conversation_id=opened, reason="No insult")
        assert thread_of(moderator.id, opened).talk.part.side is Side.MODERATOR

    def test_whoever_joins_a_long_conversation_sees_its_end(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "SENT", "1000/minute")
        talk, moderator = talking(), make_user(roles=("moderator",))
        for number in range(queries.WINDOW + 5):
            say(talk, (talk.buyer, talk.seller)[number % 2], f"Number {number}")
        reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason="Rude")
        moderating.join(moderator_id=moderator.id, conversation_id=talk.id)
        assert listed(moderator).conversation.id == talk.id
        thread = thread_of(moderator.id, talk.id)
        assert thread.messages == thread_of(talk.buyer.id, talk.id).messages
        assert thread.messages[-1].event is SystemEvent.MODERATOR_JOINED

    def test_whoever_is_no_moderator_any_more_reads_nothing(
        self, app: Flask, drain: Callable[[], None]
    ) -> None:
        talk, own = talking(), talking(make_user(roles=("moderator",)))
        say(talk, talk.buyer)
        say(own, own.seller)
        reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason="Rude")
        moderating.join(moderator_id=own.buyer.id, conversation_id=talk.id)
        assert len(queries.inbox(own.buyer.id).items) == 2
        moderation.revoke_role(user_id=own.buyer.id, role=Role.MODERATOR)
        drain()
        with pytest.raises(errors.NoSuchConversation):
            thread_of(own.buyer.id, talk.id)
        assert listed(own.buyer).conversation.id == own.id  # as anybody else

    def test_nothing_but_expected_refusals(self, app: Flask) -> None:
        with pytest.raises(AppError):
            moderating.join(moderator_id=make_user().id, conversation_id=uuid4())
