"""Messages: numbered without gaps, stored once, marked as read."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from flask import Flask

from app.auth.models import User
from app.chats import errors, queries
from app.chats.models import Message
from app.chats.service import keeping, opening, order_news, reading, reporting, sending, settling
from app.chats.store import conversations, messages
from app.kit.errors import TooMany
from app.orders.errors import NoSuchOrder
from app.products.errors import NoSuchProduct
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import paid, placed
from tests.support.chats import listed, say, shown_to, talking, thread_of

Heard = Callable[..., list[tuple[str, str]]]


class TestOpening:
    def test_same_two_and_thing_are_one_conversation(self, app: Flask) -> None:
        talk = talking()
        again = opening.about_product(user_id=talk.buyer.id, product_id=talk.product.id)
        other = opening.about_product(user_id=make_user().id, product_id=talk.product.id)
        assert again == talk.id != other

    def test_nobody_talks_with_themselves_or_about_what_they_may_not_see(self, app: Flask) -> None:
        talk = talking()
        with pytest.raises(errors.OwnProduct):
            opening.about_product(user_id=talk.seller.id, product_id=talk.product.id)
        hidden = make_product(talk.seller, published=False)
        with pytest.raises(NoSuchProduct):
            opening.about_product(user_id=talk.buyer.id, product_id=hidden.id)

    def test_both_open_the_one_of_an_order_and_nobody_else(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        order_id = paid(buyer, {make_product(seller, stock=("KEY-NR-1",)).id: 1})
        opened = {
            opening.about_order(user_id=one.id, order_id=order_id, seller_id=seller.id)
            for one in (buyer, seller)
        }
        assert len(opened) == 1
        with pytest.raises(NoSuchOrder):
            opening.about_order(user_id=make_user().id, order_id=order_id, seller_id=seller.id)

    def test_seller_does_not_write_to_who_has_not_paid(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        order_id = placed(buyer, {make_product(seller, stock=("KEY-NR-1",)).id: 1})
        with pytest.raises(NoSuchOrder):
            opening.about_order(user_id=seller.id, order_id=order_id, seller_id=seller.id)

    def test_half_made_one_is_made_whole(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        order_id = paid(buyer, {make_product(seller, stock=("KEY-NR-1",)).id: 1})
        opened = opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        with conversations.opened() as database:
            database.memberships.delete_one({"user_id": seller.id})
        opening.about_order(user_id=buyer.id, order_id=order_id, seller_id=seller.id)
        assert {part.user_id for part in conversations.parts_in(opened)} == {buyer.id, seller.id}

    def test_one_person_opens_so_many(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(opening, "OPENED", "2/hour")
        buyer = make_user()
        talking(buyer)
        talking(buyer)
        with pytest.raises(TooMany):
            talking(buyer)


class TestNumbers:
    def test_who_write_at_once_leave_no_gap(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "SENT", "1000/second")
        talk = talking()
        ids = {"buyer": talk.buyer.id, "seller": talk.seller.id}

        def write(number: int) -> int:
            with app.app_context():
                who = ids["buyer" if number % 2 else "seller"]
                stored = sending.send(
                    user_id=who, conversation_id=talk.id, text=f"No. {number}", client_id=uuid4()
                )
            return stored.seq

        with ThreadPoolExecutor(8) as pool:
            given = list(pool.map(write, range(48)))
        assert sorted(given) == list(range(1, 49))
        kept = messages.between(talk.id, 1, 100)
        assert [message.seq for message in kept] == list(range(1, 49))
        assert {message.text for message in kept} == {f"No. {number}" for number in range(48)}
        assert listed(talk.buyer).part.seq == 48

    def test_what_is_sent_again_is_the_same_one(self, app: Flask, heard: Heard) -> None:
        talk = talking()
        client_id = uuid4()
        first = say(talk, talk.buyer, "Once", client_id=client_id)
        heard()
        barrier = threading.Barrier(6)

        def again(_number: int) -> Message:
            with app.app_context():
                barrier.wait()
                return sending.send(
                    user_id=buyer_id, conversation_id=talk.id, text="Once", client_id=client_id
                )

        buyer_id = talk.buyer.id
        with ThreadPoolExecutor(6) as pool:
            assert {one.id for one in pool.map(again, range(6))} == {first.id}
        assert [one.text for one in shown_to(talk, talk.seller)] == ["Once"]
        assert heard(f"chat:{talk.id}") == []

    def test_new_one_sent_by_many_at_once_is_one(self, app: Flask) -> None:
        talk = talking()
        buyer_id, client_id, barrier = talk.buyer.id, uuid4(), threading.Barrier(6)

        def write(_number: int) -> int:
            with app.app_context():
                barrier.wait()
                return sending.send(
                    user_id=buyer_id, conversation_id=talk.id, text="One", client_id=client_id
                ).seq

        with ThreadPoolExecutor(6) as pool:
            assert set(pool.map(write, range(6))) == {1}
        assert len(shown_to(talk, talk.buyer)) == 1

    def test_same_client_id_of_two_people_is_two_messages(self, app: Flask) -> None:
        talk = talking()
        client_id = uuid4()
        for who in (talk.buyer, talk.seller):
            say(talk, who, who.display_name, client_id=client_id)
        assert len(shown_to(talk, talk.buyer)) == 2


class TestUnread:
    def test_others_message_is_unread_until_it_is_read(self, app: Flask, heard: Heard) -> None:
        talk = talking()
        say(talk, talk.buyer, "One")
        last = say(talk, talk.buyer, "Two").seq
        assert (queries.unread_count(talk.seller.id), queries.unread_count(talk.buyer.id)) == (1, 0)
        assert listed(talk.seller).part.preview == "Two"
        assert thread_of(talk.buyer.id, talk.id).other_read == 0
        heard()
        reading.mark_read(user_id=talk.seller.id, conversation_id=talk.id, seq=last)
        assert queries.unread_count(talk.seller.id) == 0
        assert thread_of(talk.buyer.id, talk.id).other_read == last
        topic, inbox = f"chat:{talk.id}", f"inbox:{talk.seller.id}"
        assert heard(topic, inbox) == [
            (topic, f"read:{talk.seller.id}:{last}"),
            (inbox, f"read:{talk.id}:{last}"),
        ]

    def test_mark_never_goes_back_nor_beyond_what_is_there(self, app: Flask) -> None:
        talk = talking()
        for number in range(3):
            say(talk, talk.buyer, str(number))
        for seq in (3, 1, 2, 10_000):
            reading.mark_read(user_id=talk.seller.id, conversation_id=talk.id, seq=seq)
        assert thread_of(talk.buyer.id, talk.id).other_read == 3
        say(talk, talk.buyer, "New")
        assert queries.unread_count(talk.seller.id) == 1

    def test_reading_an_older_one_leaves_the_newer_unread(self, app: Flask) -> None:
        talk = talking()
        for number in range(3):
            say(talk, talk.buyer, str(number))
        reading.mark_read(user_id=talk.seller.id, conversation_id=talk.id, seq=2)
        assert queries.unread_count(talk.seller.id) == 1

    def test_one_that_is_read_before_it_is_marked_stays_read(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        talk = talking()
        with monkeypatch.context() as patch:
            patch.setattr(settling, "settle", lambda *_: None)
            quick = say(talk, talk.buyer, "Quick")
        reading.mark_read(user_id=talk.seller.id, conversation_id=talk.id, seq=quick.seq)
        settling.settle(quick)
        assert queries.unread_count(talk.seller.id) == 0

    @pytest.mark.parametrize("people", [0, 2])
    def test_marks_come_out_right_in_any_order(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch, people: int
    ) -> None:
        monkeypatch.setattr(settling, "settle", lambda *_: None)
        dice = random.Random(7)
        for _round in range(10):
            talk = talking()
            sent = [say(talk, dice.choice((talk.buyer, talk.seller)), str(n)) for n in range(4)]
            last_own = max((one.seq for one in sent if one.sender_id == talk.seller.id), default=0)
            dice.shuffle(sent)
            for message in [*sent, dice.choice(sent)]:
                conversations.note_message(message, people)
            part = conversations.part_of(talk.id, talk.seller.id)
            assert part is not None
            assert (part.seq, part.preview) == (4, "3")
            assert part.unread is (last_own < 4)
            assert part.read == last_own

    def test_list_is_by_the_newest_message_page_for_page(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        talks = [talking(seller=seller) for _ in range(5)]
        for talk in talks:
            say(talk, talk.buyer)
        say(talks[1], talks[1].buyer)
        found, after = [], None
        while True:
            page = queries.inbox(seller.id, after=after, size=2)
            found += [talk.conversation.id for talk in page.items]
            after = page.next_cursor
            if after is None:
                break
        assert found == [talks[n].id for n in (1, 4, 3, 2, 0)]
        reading.mark_read(user_id=seller.id, conversation_id=talks[4].id, seq=1)
        unread = queries.inbox(seller.id, unread=True)
        assert [one.conversation.id for one in unread.items] == [talks[n].id for n in (1, 3, 2, 0)]
        assert listed(talks[0].buyer).other_name == seller.display_name
        assert listed(talks[0].buyer).title == talks[0].product.title


class TestReading:
    def test_stranger_finds_nothing_anywhere(self, app: Flask) -> None:
        talk = talking()
        say(talk, talk.buyer, "Secret words")
        stranger = make_user()
        here = {"user_id": stranger.id, "conversation_id": talk.id}
        for act in (
            lambda: thread_of(stranger.id, talk.id),
            lambda: queries.news(
                queries.taken_part(stranger.id, talk.id), after=0, first=1, since=None
            ),
            lambda: queries.page_of(
                queries.taken_part(stranger.id, talk.id), after=0, before=None, size=5
            ),
            lambda: queries.talk_of(stranger.id, talk.id),
            lambda: sending.send(**here, text="x", client_id=uuid4()),
            lambda: sending.edit(**here, seq=1, text="x"),
            lambda: sending.delete(**here, seq=1),
            lambda: reading.mark_read(**here, seq=1),
            lambda: keeping.mute(**here, muted=True),
            lambda: keeping.block(**here, blocked=True),
            lambda: reporting.report(**here, reason="x"),
            lambda: order_news.look(queries.taken_part(**here).conversation),
        ):
            with pytest.raises(errors.NoSuchConversation):
                act()
        assert queries.search(stranger.id, "secret") == []

    def test_history_goes_back_and_news_go_on_from_where_one_is(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "SENT", "1000/second")
        monkeypatch.setattr(queries, "WINDOW", 3)
        talk = talking()
        for number in range(1, 8):
            say(talk, talk.buyer, str(number))
        end = thread_of(talk.seller.id, talk.id)
        assert [one.text for one in end.messages] == ["5", "6", "7"]
        before = thread_of(talk.seller.id, talk.id, before=end.first_seq)
        assert [one.text for one in before.messages] == ["2", "3", "4"]
        say(talk, talk.buyer, "8")
        sending.edit(user_id=talk.buyer.id, conversation_id=talk.id, seq=6, text="6, mended")
        news = queries.news(
            queries.taken_part(talk.seller.id, talk.id), after=7, first=5, since=end.as_of
        )
        assert [one.text for one in news.new] == ["8"]
        assert [one.text for one in news.changed] == ["6, mended"]
        assert news.last_seq == 8

    @pytest.mark.parametrize("number", [-(2**70), 0, 2**40, 2**70])
    def test_numbers_of_nothing_find_nothing(self, app: Flask, number: int) -> None:
        talk = talking()
        say(talk, talk.buyer)
        own = talk.buyer.id, talk.id
        after = queries.page_of(queries.taken_part(*own), after=number, before=None, size=5)
        assert len(after.messages) == (number == 0)
        assert (
            queries.page_of(queries.taken_part(*own), after=None, before=number, size=5).messages
            == []
        )
        queries.news(queries.taken_part(*own), after=number, first=number, since=None)

    def test_words_find_messages_of_ones_own_conversations(self, app: Flask) -> None:
        talk, other = talking(), talking()
        say(talk, talk.buyer, "Ещё один КЛЮЧ активации, please")
        say(other, other.buyer, "Ещё один ключ")

        def texts_found(who: User, words: str) -> list[str]:
            return [found.message.text for found in queries.search(who.id, words)]

        for words in ("ключ", "еще активац", "PLEASE", "один кл"):
            assert len(texts_found(talk.seller, words)) == 1
        for words in ("", "...", "$where", "ключик", "ак"):
            assert len(texts_found(talk.seller, words)) == (words == "ак")
        sending.edit(user_id=talk.buyer.id, conversation_id=talk.id, seq=1, text="Nothing")
        assert texts_found(talk.seller, "ключ") == []
        assert texts_found(talk.seller, "nothing") == ["Nothing"]
        say(other, other.buyer, "k keys kites")
        for words, is_found in (("k", True), ("ke", True), ("key k", False), ("ki k", False)):
            assert bool(texts_found(other.seller, words)) is is_found, words
        [named] = queries.talks_with(talk.seller.id, talk.buyer.display_name)
        assert named.conversation.id == talk.id
        assert queries.talks_with(talk.seller.id, "zzz") == []

    def test_search_looks_at_so_many(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        talk = talking()
        for text in ("rare crimson", "crimson two", "crimson three"):
            say(talk, talk.buyer, text)
        monkeypatch.setattr(messages, "MOST_LOOKED_AT", 2)
        assert len(queries.search(talk.buyer.id, "crims")) == 2
        [found] = queries.search(talk.buyer.id, "crimson th")
        assert found.message.text == "crimson three"
        assert queries.search(talk.buyer.id, "crimson rare") == []
