"""Conversations as programs have them: a bot that lists, reads and answers."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app.auth.models import User
from app.chats.service import keeping, reporting, sending
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import delivered
from tests.support.chats import Talking, age, all_that_is_kept, say, talking
from tests.support.programs import Program, program_of

PROBLEM = "application/problem+json"


def programs(app: Flask, talk: Talking) -> tuple[Program, Program]:
    """Those of the buyer and the seller."""
    return program_of(app, talk.buyer), program_of(app, talk.seller)


def write(program: Program, talk: Talking, text: str = "Hello", **more: Any) -> Any:
    body = {"client_id": str(uuid4()), "text": text} | more
    return program.post(f"/chats/{talk.id}/messages", json=body)


class TestConversations:
    def test_one_about_a_product_is_opened_once(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        product = make_product(seller, title="A key", stock=("UNIT-NR-1",))
        program = program_of(app, buyer)
        first = program.post("/chats", json={"product_id": str(product.id)})
        assert first.status_code == 201
        assert first.json == {
            "id": first.json["id"],
            "about": "product",
            "product_id": str(product.id),
            "order_id": None,
            "title": "A key",
            "buyer": {"id": str(buyer.id), "name": buyer.display_name},
            "seller": {"id": str(seller.id), "name": seller.display_name},
            "side": "buyer",
            "last_seq": 0,
            "last_at": None,
            "preview": "",
            "read_seq": 0,
            "unread": False,
            "muted": False,
            "shut": False,
            "created_at": first.json["created_at"],
        }
        again = program.post("/chats", json={"product_id": str(product.id)})
        assert again.json == first.json
        assert first.headers["Location"] == f"/api/v1/chats/{first.json['id']}"
        assert program.get(f"/chats/{first.json['id']}").json == first.json

    def test_one_about_an_order_is_opened_by_either(self, app: Flask) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        order_id = delivered(buyer, {make_product(seller, stock=("UNIT-NR-1",)).id: 1})
        order = {"order_id": str(order_id)}
        bought = program_of(app, buyer).post("/chats", json=order | {"seller_id": str(seller.id)})
        sold = program_of(app, seller).post("/chats", json=order)
        assert bought.json["id"] == sold.json["id"]
        assert (bought.json["side"], sold.json["side"]) == ("buyer", "seller")
        told = program_of(app, buyer).get(f"/chats/{bought.json['id']}/messages").json
        assert [(one["seq"], one["kind"], one["event"]) for one in told["items"]] == [
            (1, "system", "paid"),
            (2, "system", "delivered"),
        ]
        assert program_of(app, make_user()).post("/chats", json=order).status_code == 404

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 422),
            ({"product_id": str(uuid4()), "order_id": str(uuid4())}, 422),
            ({"product_id": {"$ne": None}}, 422),
            ({"product_id": str(uuid4())}, 404),
            ({"order_id": str(uuid4())}, 404),
        ],
    )
    def test_what_is_not_there_opens_nothing(self, app: Flask, body: Any, status: int) -> None:
        answer = program_of(app, make_user()).post("/chats", json=body)
        assert (answer.status_code, answer.mimetype) == (status, PROBLEM)

    def test_own_product_is_nothing_to_ask_about(self, app: Flask) -> None:
        talk = talking()
        answer = program_of(app, talk.seller).post(
            "/chats", json={"product_id": str(talk.product.id)}
        )
        assert (answer.status_code, answer.json["code"]) == (409, "own_product")

    def test_list_has_pages_and_those_unread(self, app: Flask) -> None:
        seller = make_user(roles=("seller",))
        talks = [talking(seller=seller) for _ in range(3)]
        for talk in talks:
            say(talk, talk.buyer, f"From {talk.buyer.display_name}")
        program = program_of(app, seller)
        seen, link = [], "/chats?limit=2&total=true"
        while link:
            page = program.get(link)
            assert page.json["total"] == {"count": 3, "exact": True}
            seen += [one["id"] for one in page.json["items"]]
            link = page.json["next"] and f"/chats?limit=2&total=true&after={page.json['next']}"
        assert seen == [str(talk.id) for talk in reversed(talks)]
        newest = program.get("/chats?limit=1").json["items"][0]
        assert newest["preview"] == f"From {talks[2].buyer.display_name}"
        assert (newest["unread"], newest["last_seq"], newest["read_seq"]) == (True, 1, 0)
        assert program.get("/chats/unread").json == {"count": 3, "exact": True}
        read = program.put(f"/chats/{talks[0].id}/read", json={"seq": 1})
        assert read.status_code == 204
        unread = program.get("/chats?unread=true").json["items"]
        assert [one["id"] for one in unread] == [str(talks[2].id), str(talks[1].id)]
        assert program.get("/chats/unread").json["count"] == 2

    def test_list_costs_the_same_however_long(self, app: Flask, query_counter: list[str]) -> None:
        seller = make_user(roles=("seller",))
        program = program_of(app, seller)
        costs = []
        for _round in range(2):
            for _ in range(3):
                talk = talking(seller=seller)
                say(talk, talk.buyer)
            query_counter.clear()
            assert program.get("/chats").status_code == 200
            costs.append(len(query_counter))
        assert costs[0] == costs[1]


class TestMessages:
    def test_bot_reads_on_from_what_it_has_and_answers(self, app: Flask) -> None:
        talk = talking()
        buying, selling = programs(app, talk)
        sent = write(buying, talk, "Does it work in Peru?")
        assert sent.status_code == 201
        page = selling.get(f"/chats/{talk.id}/messages?after=0").json
        assert page["items"] == [sent.json]
        assert (page["last_seq"], page["other_read_seq"]) == (1, 1)
        answer = write(selling, talk, "Yes.", reply_to=1).json
        assert answer["reply"] == {
            "seq": 1,
            "sender_id": str(talk.buyer.id),
            "text": "Does it work in Peru?",
        }
        assert buying.get(f"/chats/{talk.id}/messages?after=1").json["items"] == [answer]
        assert buying.get(f"/chats/{talk.id}/messages?after=2").json["items"] == []

    def test_history_goes_back_by_number(self, app: Flask, monkeypatch: Any) -> None:
        monkeypatch.setattr(sending, "SENT", "100/second")
        talk = talking()
        buying, _selling = programs(app, talk)
        for number in range(1, 6):
            say(talk, talk.seller, str(number))

        def texts(query: str) -> list[str]:
            page = buying.get(f"/chats/{talk.id}/messages?{query}").json
            return [one["text"] for one in page["items"]]

        assert texts("limit=2") == ["4", "5"]
        assert texts("limit=2&before=4") == ["2", "3"]
        assert texts("limit=2&before=1") == []
        assert texts("limit=2&after=2") == ["3", "4"]
        for wrong in ("after=-1", "after=x", f"after={2**31}", "before=0", "limit=101", "x=1"):
            answer = buying.get(f"/chats/{talk.id}/messages?{wrong}")
            assert (answer.status_code, answer.mimetype) == (422, PROBLEM)

    def test_same_again_is_stored_once(self, app: Flask) -> None:
        talk = talking()
        buying, selling = programs(app, talk)
        client_id = str(uuid4())
        first, again = (write(buying, talk, client_id=client_id) for _ in range(2))
        assert (first.status_code, first.json) == (again.status_code, again.json)
        keyed = {
            "headers": {"Idempotency-Key": "one"},
            "json": {"client_id": str(uuid4()), "text": "x"},
        }
        for replayed in (None, "true"):
            answer = buying.post(f"/chats/{talk.id}/messages", **keyed)
            assert answer.headers.get("Idempotent-Replayed") == replayed
        assert len(selling.get(f"/chats/{talk.id}/messages").json["items"]) == 2

    def test_nobody_learns_who_reported(self, app: Flask) -> None:
        talk = talking()
        reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason="Rude")
        _buying, selling = programs(app, talk)
        page = selling.get(f"/chats/{talk.id}/messages")
        [said] = page.json["items"]
        assert (said["event"], said["sender_id"], said["client_id"]) == ("reported", None, "")
        assert str(talk.buyer.id) not in page.text

    def test_doubtful_words_have_to_be_confirmed(self, app: Flask) -> None:
        talk = talking()
        buying, _selling = programs(app, talk)
        text = "My password is hunter22"
        refused = write(buying, talk, text)
        assert (refused.status_code, refused.json["code"]) == (409, "needs_confirmation")
        assert refused.json["detail"]
        sent = write(buying, talk, text, confirmed=True)
        assert sent.json["flags"] == ["password"]

    def test_own_message_is_changed_and_deleted_for_a_while(self, app: Flask) -> None:
        talk = talking()
        buying, selling = programs(app, talk)
        sent = write(buying, talk, "Frist").json
        place = f"/chats/{talk.id}/messages/{sent['id']}"
        changed = buying.put(place, json={"text": "First"})
        assert (changed.json["text"], bool(changed.json["edited_at"])) == ("First", True)
        for method, body in (("PUT", {"json": {"text": "Not mine"}}), ("DELETE", {})):
            assert selling.ask(method, place, **body).status_code == 404
        assert buying.ask("DELETE", place).status_code == 204
        [gone] = selling.get(f"/chats/{talk.id}/messages").json["items"]
        assert (gone["text"], bool(gone["deleted_at"]), gone["seq"]) == ("", True, 1)
        assert "Frist" not in selling.get(f"/chats/{talk.id}/messages").text
        late = write(buying, talk, "Late").json
        age(timedelta(minutes=16))
        place = f"/chats/{talk.id}/messages/{late['id']}"
        for method, body in (("PUT", {"json": {"text": "x"}}), ("DELETE", {})):
            refused = buying.ask(method, place, **body)
            assert (refused.status_code, refused.json["code"]) == (409, "too_late_to_change")

    def test_one_of_another_conversation_is_not_there(self, app: Flask) -> None:
        talk = talking()
        other = talking(talk.buyer)
        buying, _selling = programs(app, talk)
        sent = write(buying, other).json
        place = f"/chats/{talk.id}/messages/{sent['id']}"
        assert buying.put(place, json={"text": "x"}).json["code"] == "no_such_message"

    def test_who_is_shut_out_hears_why(self, app: Flask) -> None:
        talk = talking()
        buying, selling = programs(app, talk)
        keeping.block(user_id=talk.seller.id, conversation_id=talk.id, blocked=True)
        answers = [write(program, talk) for program in (buying, selling)]
        assert [(one.status_code, one.json["code"]) for one in answers] == [
            (403, "conversation_shut"),
            (409, "you_blocked"),
        ]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"text": "x"},
            {"text": "", "client_id": str(uuid4())},
            {"text": "x" * 4001, "client_id": str(uuid4())},
            {"text": {"$gt": ""}, "client_id": str(uuid4())},
            {"text": "x", "client_id": {"$ne": 1}},
            {"text": "x", "client_id": str(uuid4()), "reply_to": {"$gt": 0}},
            {"text": "x", "client_id": str(uuid4()), "seq": 1},
        ],
    )
    def test_what_fits_no_message_is_refused(self, app: Flask, body: Any) -> None:
        talk = talking()
        buying, _selling = programs(app, talk)
        answer = buying.post(f"/chats/{talk.id}/messages", json=body)
        assert (answer.status_code, answer.mimetype) == (422, PROBLEM)
        assert answer.json["errors"]

    def test_unit_of_stock_is_masked(self, app: Flask) -> None:
        talk = talking(stock=("CANARY-API-UNIT-1",))
        buying, _selling = programs(app, talk)
        assert write(buying, talk, "It was CANARY-API-UNIT-1").json["text"] == "It was CANA••••"
        assert "CANARY-API" not in all_that_is_kept()


class TestScopes:
    @pytest.mark.parametrize(
        ("scopes", "reads", "writes"),
        [(["chats:read"], 200, 403), (["chats:write"], 403, 201), (["orders"], 403, 403)],
    )
    def test_reading_and_writing_are_two(
        self, app: Flask, scopes: list[str], reads: int, writes: int
    ) -> None:
        talk = talking()
        program = program_of(app, talk.buyer, scopes)
        for place in ("", "/unread", f"/{talk.id}", f"/{talk.id}/messages"):
            assert program.get(f"/chats{place}").status_code == reads
        assert write(program, talk).status_code == writes

    def test_stranger_finds_nothing(self, app: Flask) -> None:
        talk = talking()
        say(talk, talk.buyer, "Secret")
        stranger: User = make_user()
        program = program_of(app, stranger)
        for place in (f"/{talk.id}", f"/{talk.id}/messages"):
            assert program.get(f"/chats{place}").status_code == 404
        assert write(program, talk).status_code == 404
        assert program.put(f"/chats/{talk.id}/read", json={"seq": 1}).status_code == 404
        assert program.get("/chats").json["items"] == []


def test_programs_of_administrators_close_reports(app: Flask) -> None:
    talk, admin = talking(), program_of(app, make_user(roles=("admin",)))
    reporting.report(user_id=talk.buyer.id, conversation_id=talk.id, reason="Rude")
    [reported] = admin.get("/admin/conversations/reports").json["items"]
    assert (reported["id"], reported["reports"][0]["reason"]) == (str(talk.id), "Rude")
    close = f"/admin/conversations/{talk.id}/close-reports"
    assert admin.post(close, json={"reason": ""}).status_code == 422
    assert admin.post(close, json={"reason": "No insult in it"}).json == {"id": str(talk.id)}
    assert admin.post(close, json={"reason": "Once more"}).status_code == 404
    assert admin.get("/admin/conversations/reports").json["items"] == []
