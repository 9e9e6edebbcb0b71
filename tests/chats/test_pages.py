"""The pages of conversations, asked for one by one."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient

from app.chats.service import moderating, opening, reporting, sending
from app.kit.ids import new_id
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.apps import another_app
from tests.support.bought import delivered, placed
from tests.support.chats import age, say, talking

Login = Callable[..., FlaskClient]
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def shown(browser: FlaskClient, path: str, **options: object) -> BeautifulSoup:
    answer = browser.get(path, **options)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.status
    return BeautifulSoup(answer.get_data(as_text=True), "html.parser")


def texts(page: BeautifulSoup) -> list[str]:
    return [one.get_text() for one in page.select(".msg [data-text]")]


class TestInbox:
    def test_empty_says_how_to_begin(self, login: Login) -> None:
        page = shown(login(make_user()), "/chats")
        assert "No conversations yet" in page.get_text()

    def test_newest_first_with_its_last_words_and_unread_mark(self, login: Login) -> None:
        first, seller = talking(), make_user(roles=("seller",))
        product = make_product(seller, title="Second thing", stock=("KEY-1",))
        say(first, first.seller, "Are you there?")
        second = opening.about_product(user_id=first.buyer.id, product_id=product.id)
        page = shown(login(first.buyer), "/chats")
        assert len(page.select(".talk")) == 1  # nothing was said in the other one
        assert "Are you there?" in page.select_one(".talk").get_text()
        assert page.select_one(".talk--unread")
        browser = login(first.buyer)
        browser.post(f"/chats/{second}", data={"text": "Hi", "client_id": str(new_id())})
        rows = shown(browser, "/chats").select(".talk")
        assert ["You: Hi" in row.get_text() for row in rows] == [True, False]

    def test_refresh_keeps_what_was_opened(self, login: Login) -> None:
        browser = login(talking().buyer)
        asked = shown(browser, "/chats").select_one("#talks")
        assert (asked["data-live-topic"].partition(":")[0], asked["hx-get"]) == (
            "inbox",
            "/chats?again=1",
        )
        more = shown(browser, "/chats?pages=2").select_one("#talks")
        assert more["hx-get"] == "/chats?again=1"

    def test_costs_the_same_however_many_there_are(
        self, login: Login, query_counter: list[str]
    ) -> None:
        buyer = make_user()
        counts = []
        for number in range(3):
            seller = make_user(roles=("seller",))
            product = make_product(seller, title=f"Thing {number}", stock=(f"KEY-{number}",))
            talk = opening.about_product(user_id=buyer.id, product_id=product.id)
            browser = login(buyer)
            data = {"text": "Hi", "client_id": str(new_id())}
            assert browser.post(f"/chats/{talk}", data=data).status_code == 303
            browser.get("/chats")
            query_counter.clear()
            browser.get("/chats")
            counts.append(len(query_counter))
        assert counts[0] == counts[2]

    def test_finds_people_things_and_words(self, login: Login) -> None:
        talk = talking()
        say(talk, talk.seller, "The crimson manual is attached")
        browser = login(talk.buyer)
        for words, found in (
            (talk.seller.display_name, ".talk"),
            ("crims", ".talk__preview--long"),
            ("crimson man", ".talk__preview--long"),
        ):
            page = shown(browser, "/chats", query_string={"q": words})
            assert page.select(found), words
        page = shown(browser, "/chats", query_string={"q": "nothing like that"})
        assert "Nothing found" in page.get_text()
        stranger = shown(login(make_user()), "/chats", query_string={"q": "crimson"})
        assert "Nothing found" in stranger.get_text()

    def test_unread_count_is_a_part_of_every_frame(self, login: Login) -> None:
        talk = talking()
        say(talk, talk.seller, "Hello")
        for person, count in ((talk.buyer, "1"), (talk.seller, "0")):
            badge = shown(login(person), "/chats/unread").select_one("#chat-count")
            assert badge.get_text() == badge["data-count"] == count


class TestThread:
    def test_what_was_said_stands_as_text(self, login: Login) -> None:
        talk = talking()
        hostile = '<script>alert(1)</script> javascript:alert(1) http://x.example/?a=1&b="2"'
        say(talk, talk.buyer, hostile)
        page = shown(login(talk.seller), f"/chats/{talk.id}")
        assert texts(page) == [hostile]
        assert not page.select("[data-text] script")
        links = page.select("[data-text] a")
        assert [link["href"].startswith("http") for link in links] == [True] * len(links)

    def test_news_are_what_the_page_would_show(self, login: Login) -> None:
        talk = talking()
        say(talk, talk.buyer, "one")
        browser = login(talk.seller)
        state = shown(browser, f"/chats/{talk.id}").select_one("#chat-state")
        values = {field["name"]: field["value"] for field in state.select("input")}
        assert values["after"] == "1"
        say(talk, talk.buyer, "two")
        say(talk, talk.buyer, "three")
        news = shown(browser, f"/chats/{talk.id}/news", query_string=values, headers=PARTIAL)
        page = shown(browser, f"/chats/{talk.id}")
        assert texts(news) == ["two", "three"]
        for seq in (2, 3):
            assert str(news.select_one(f"#m-{seq}")) == str(page.select_one(f"#m-{seq}"))
        assert not news.select(".msg-day")  # the day goes on

    def test_changes_take_the_place_of_what_was(self, login: Login) -> None:
        talk = talking()
        say(talk, talk.buyer, "teh words")
        reader, writer = login(talk.seller), login(talk.buyer)
        state = shown(reader, f"/chats/{talk.id}").select_one("#chat-state")
        values = {field["name"]: field["value"] for field in state.select("input")}
        writer.post(f"/chats/{talk.id}/messages/1/edit", data={"text": "the words"})
        news = shown(reader, f"/chats/{talk.id}/news", query_string=values, headers=PARTIAL)
        changed = news.select_one("#m-1")
        assert changed["hx-swap-oob"] == "true"
        assert texts(news) == ["the words"]
        writer.post(f"/chats/{talk.id}/messages/1/delete")
        page = shown(reader, f"/chats/{talk.id}")
        assert texts(page) == []
        assert "Message deleted" in page.select_one("#m-1").get_text()

    def test_order_tells_what_happened_to_it(self, login: Login) -> None:
        seller, buyer = make_user(roles=("seller",)), make_user()
        product = make_product(seller, title="Star chart", stock=("KEY-1", "KEY-2"))
        bought = delivered(buyer, {product.id: 1})
        browser = login(buyer)
        answer = browser.post(f"/chats/about/order/{bought}/{seller.id}")
        page = shown(browser, answer.headers["Location"])
        said = [one.get_text(" ", strip=True) for one in page.select(".msg--system")]
        assert "The order is paid." in said[0]
        assert "The goods are delivered." in said[1]
        assert "Star chart" in page.select_one(".chat__subject").get_text()
        # The seller comes to the same conversation.
        other = login(seller).post(f"/chats/about/order/{bought}/{seller.id}")
        assert other.headers["Location"] == answer.headers["Location"]

    def test_order_that_was_not_paid_is_no_sellers_business(self, login: Login) -> None:
        seller, buyer = make_user(roles=("seller",)), make_user()
        product = make_product(seller, stock=("KEY-1",))
        waiting = placed(buyer, {product.id: 1})
        assert login(seller).post(f"/chats/about/order/{waiting}/{seller.id}").status_code == 404

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            ({"text": ""}, 422),
            ({"text": "x" * 4001}, 422),
            ({"text": "my password: hunter22"}, 409),
            ({"text": "hi", "client_id": "no id"}, 422),
            ({"text": "hi", "reply_to": "99"}, 404),
        ],
    )
    def test_what_is_refused_is_kept(self, login: Login, data: dict[str, str], status: int) -> None:
        talk = talking()
        sent = {"client_id": str(new_id())} | data
        answer = login(talk.buyer).post(f"/chats/{talk.id}", data=sent)
        assert answer.status_code == status
        page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
        assert page.select_one("#text").get_text().strip() == data["text"]

    def test_sent_twice_is_stored_once(self, login: Login) -> None:
        talk = talking()
        browser, data = login(talk.buyer), {"text": "Hi", "client_id": str(new_id())}
        for _time in range(2):
            assert browser.post(f"/chats/{talk.id}", data=data).status_code == 303
        assert texts(shown(browser, f"/chats/{talk.id}")) == ["Hi"]

    def test_strangers_find_nothing(self, login: Login) -> None:
        talk = talking()
        browser = login(make_user())
        for path in ("", "/news", "/report"):
            assert browser.get(f"/chats/{talk.id}{path}").status_code == 404
        data = {"text": "Hi", "client_id": str(uuid4())}
        assert browser.post(f"/chats/{talk.id}", data=data).status_code == 404

    def test_without_mongodb_the_words_stay(
        self, app: Flask, make_settings: Callable[..., Settings]
    ) -> None:
        talk = talking()
        email, conversation = talk.buyer.email, talk.id
        away = make_settings(mongo_url="mongodb://127.0.0.1:1/byteshop")
        with another_app(away) as lonely:
            lonely.config["WTF_CSRF_ENABLED"] = False
            browser = lonely.test_client()
            browser.post("/auth/login", data={"email": email, "password": "correct-horse-battery"})
            data = {"text": "Where is it?", "client_id": str(new_id())}
            answer = browser.post(f"/chats/{conversation}", data=data)
            assert answer.status_code == 503
            page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
            assert page.select_one("#text").get_text().strip() == "Where is it?"
            assert "What you typed is kept" in page.get_text()
            answer = browser.get(f"/chats/{conversation}")
            assert answer.status_code == 503
            page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
            assert page.select_one("[data-composer] #text")  # its script keeps what is typed
            for form, field in (("report", "reason"), ("messages/1/edit", "text")):
                path = f"/chats/{conversation}/{form}"
                answer = browser.post(path, data={field: "Words of mine"})
                assert answer.status_code == 503
                page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
                assert page.select_one(f"#{field}").get_text().strip() == "Words of mine"
            assert browser.get("/chats").status_code == 503
            assert browser.get("/chats/unread").status_code == 204
            assert browser.get("/products").status_code == 200

    def test_what_comes_too_late_is_still_in_the_form(self, login: Login) -> None:
        talk = talking()
        say(talk, talk.buyer, "Said")
        age(timedelta(minutes=15))
        answer = login(talk.buyer).post(
            f"/chats/{talk.id}/messages/1/edit", data={"text": "Said better"}
        )
        assert answer.status_code == 409
        page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
        assert page.select_one("#text").get_text().strip() == "Said better"
        assert "15 minutes" in page.get_text()

    def test_moderator_alone_reads_what_was_said_before(self, login: Login) -> None:
        talk, moderator = talking(), make_user(roles=("moderator",))
        say(talk, talk.buyer, "Something nasty")
        own = {"user_id": talk.buyer.id, "conversation_id": talk.id, "seq": 1}
        sending.edit(**own, text="Something nice")
        sending.delete(**own)
        reporting.report(user_id=talk.seller.id, conversation_id=talk.id, reason="Rude")
        moderating.join(moderator_id=moderator.id, conversation_id=talk.id)
        for person, sees in ((moderator, True), (talk.seller, False), (talk.buyer, False)):
            page = shown(login(person), f"/chats/{talk.id}").get_text()
            assert ("Something nasty" in page, "Something nice" in page) == (sees, sees)

    def test_moderator_closes_a_report_with_a_reason(self, login: Login) -> None:
        talk, browser = talking(), login(make_user(roles=("moderator",)))
        place = f"/chats/{talk.id}/close"
        assert browser.get(place).status_code == 404
        reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason="Rude words")
        assert shown(browser, "/chats/reported").find("a", href=place)
        refused = browser.post(place, data={"reason": ""})
        assert refused.status_code == 422
        assert "Rude words" in refused.text
        closed = browser.post(place, data={"reason": "No insult in it"})
        assert (closed.status_code, closed.location) == (303, "/chats/reported")
        assert "Nothing reported" in shown(browser, "/chats/reported").get_text()
        told = shown(login(talk.seller), f"/chats/{talk.id}").get_text()
        assert "A moderator has looked at the report and closed it." in told
        assert "No insult in it" not in told

    def test_earlier_part_leads_to_the_newest_and_has_no_composer(self, login: Login) -> None:
        talk = talking()
        say(talk, talk.buyer, "Hello")
        page = shown(login(talk.seller), f"/chats/{talk.id}?before=20")
        assert not page.select("[data-composer]")
        assert page.find("a", string="To the newest messages")["href"] == f"/chats/{talk.id}"


class TestProduct:
    def test_sellers_do_not_ask_themselves(self, login: Login) -> None:
        seller = make_user(roles=("seller",))
        product = make_product(seller, stock=("KEY-1",))
        browser = login(seller)
        assert "Ask the seller" not in shown(browser, f"/products/{product.id}").get_text()
        assert browser.post(f"/chats/about/product/{product.id}").status_code == 409

    def test_guests_log_in_first(self, client: FlaskClient) -> None:
        product = make_product(make_user(roles=("seller",)), stock=("KEY-1",))
        page = shown(client, f"/products/{product.id}")
        link = next(a for a in page.select("a") if "Ask the seller" in a.get_text())
        assert link["href"].startswith("/auth/login?next=")


def test_what_was_typed_too_late_into_a_message_stands_on_the_page(login: Login) -> None:
    talk = talking()
    say(talk, talk.buyer, "Said")
    browser, place = login(talk.buyer), f"/chats/{talk.id}/messages/1/edit"
    age(timedelta(minutes=15))
    answer = browser.post(place, data={"text": "Typed for long"})
    assert answer.status_code == 409
    assert "Typed for long" in answer.text
    assert "15 minutes only" in answer.text
    assert login(talk.seller).post(place, data={"text": ""}).status_code == 404
