"""Conversations while MongoDB is away: said so at once, nothing lost, and the shop sells on."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask

from app.chats import policy, queries
from app.chats.errors import ChatsUnavailable
from app.chats.service import opening, sending, sweeping
from app.chats.store.connection import PAUSE_SECONDS
from app.embedded.mongo import start_mongo
from app.embedded.processes import EmbeddedServer
from app.kit.sweeping import Swept
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.apps import another_app
from tests.support.chats import say, talking, thread_of
from tests.support.freezing import frozen

LONGEST = 1.5 + 1.0  # to find out, and a slow machine


@pytest.fixture(scope="module")
def own_mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server that can be stopped without harm to others."""
    server = start_mongo(tmp_path_factory.mktemp("own-mongo"))
    yield server
    server.stop()


class TestAway:
    def test_is_said_fast_to_everybody_and_the_shop_sells_on(
        self, app: Flask, make_settings
    ) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        product = make_product(seller, stock=("KEY-NR-1",))
        ids = buyer.id, product.id
        away = make_settings(mongo_url="mongodb://127.0.0.1:1/byteshop")
        took: list[float] = []
        with another_app(away) as lonely:

            def write() -> None:
                began = time.monotonic()
                with lonely.app_context(), pytest.raises(ChatsUnavailable) as refused:
                    opening.about_product(user_id=ids[0], product_id=ids[1])
                assert refused.value.retry_after
                took.append(time.monotonic() - began)

            threads = [threading.Thread(target=write) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(took) == 10
            assert max(took) < LONGEST  # not one after the other
            write()
            assert took[-1] < 0.3
            with lonely.app_context():
                assert not policy.is_member(ids[0], uuid4())
                assert sweeping.settle_late() == sweeping.tell_unread() == Swept(0, 0)
            for path in ("/", "/products", f"/products/{ids[1]}", "/order/basket"):
                assert lonely.test_client().get(path).status_code == 200

    def test_frozen_server_is_waited_for_once_and_answers_again(
        self, app: Flask, make_settings, own_mongo: EmbeddedServer
    ) -> None:
        with another_app(make_settings(mongo_url=own_mongo.url)) as other, other.app_context():
            talk = talking()
            client_id = uuid4()
            with frozen(own_mongo):
                began = time.monotonic()
                with pytest.raises(ChatsUnavailable):
                    say(talk, talk.buyer, "Once", client_id=client_id)
                assert time.monotonic() - began < 5.0 + 1.0  # as PostgreSQL
                began = time.monotonic()
                with pytest.raises(ChatsUnavailable):
                    queries.inbox(talk.buyer.id)
                assert time.monotonic() - began < 0.3
            time.sleep(PAUSE_SECONDS)
            for _ in range(2):
                say(talk, talk.buyer, "Once", client_id=client_id)
            assert [one.text for one in thread_of(talk.seller.id, talk.id).messages] == ["Once"]

    def test_message_that_was_acknowledged_outlives_the_server(
        self, app: Flask, make_settings, tmp_path: Path
    ) -> None:
        directory = tmp_path / "mongo"
        server = start_mongo(directory)
        with another_app(make_settings(mongo_url=server.url)) as other, other.app_context():
            talk = talking()
            ids, told = (talk.buyer.id, talk.seller.id), talk.id
            for number in range(5):
                say(talk, talk.buyer, str(number))
        server.process.kill()
        server.process.wait()
        again = start_mongo(directory)
        with another_app(make_settings(mongo_url=again.url)) as other, other.app_context():
            shown = thread_of(ids[1], told).messages
            assert [(one.seq, one.text) for one in shown] == [(n + 1, str(n)) for n in range(5)]
            sent = sending.send(user_id=ids[0], conversation_id=told, text="On", client_id=uuid4())
            assert sent.seq == 6
        again.stop()
