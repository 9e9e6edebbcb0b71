"""The reveal: bought goods open for their buyer alone, and each opening stands in the record."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.kit.db import session
from app.kit.errors import TooMany
from app.kit.ids import new_id, short_number
from app.orders.errors import NoSuchOrder, NoSuchPiece
from app.orders.models import DeliveryAct, DeliveryRecord
from app.orders.queries.purchases import Piece, purchase_of
from app.orders.service import evidence, reveal
from app.orders.service.reveal import Viewer
from app.products.errors import StockUnreadable
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import PARTIAL, delivered, paid, soup, words

Login = Callable[..., FlaskClient]


def viewer(user_id: UUID) -> Viewer:
    return Viewer(user_id, "192.0.2.7", "Browser/1.0")


def pieces_of(buyer_id: UUID, order_id: UUID) -> list[Piece]:
    session().rollback()
    return [piece for line in purchase_of(buyer_id, order_id).lines for piece in line.pieces]


def records(order_id: UUID) -> list[DeliveryRecord]:
    session().rollback()
    return list(
        session()
        .query(DeliveryRecord)
        .filter_by(order_id=order_id)
        .order_by(DeliveryRecord.sequence)
        .populate_existing()
    )


class TestReveal:
    def test_shows_the_very_unit_and_records_who_saw_it(self, app: Flask) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-ключ-1", "ABC-2"))
        order_id = delivered(buyer, {product.id: 2})
        first, second = pieces_of(buyer.id, order_id)
        shown = {
            reveal.reveal(viewer=viewer(buyer.id), order_id=order_id, delivery_id=piece.id)
            for piece in (first, second)
        }
        assert shown == {"ABC-ключ-1", "ABC-2"}
        rows = [row for row in records(order_id) if row.act is DeliveryAct.REVEALED]
        assert [row.delivery_id for row in rows] == [first.id, second.id]
        assert (rows[0].actor_id, str(rows[0].address), rows[0].agent) == (
            buyer.id,
            "192.0.2.7",
            "Browser/1.0",
        )
        assert list(evidence.broken()) == []

    def test_second_reveal_shows_the_same_and_is_recorded_again(self, app: Flask) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1",))
        order_id = delivered(buyer, {product.id: 1})
        [piece] = pieces_of(buyer.id, order_id)
        values, moments = [], []
        for _ in range(2):
            values.append(
                reveal.reveal(viewer=viewer(buyer.id), order_id=order_id, delivery_id=piece.id)
            )
            moments.append(pieces_of(buyer.id, order_id)[0].revealed_at)
        assert values == ["ABC-1", "ABC-1"]
        assert moments[0] is not None
        assert moments[0] == moments[1]
        acts = [row.act.value for row in records(order_id)]
        assert acts == ["assigned", "revealed", "revealed"]

    def test_shared_content_is_the_version_that_was_bought(self, app: Flask) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), kind="text")
        order_id = delivered(buyer, {product.id: 2})
        opened = reveal.reveal_all(viewer=viewer(buyer.id), order_id=order_id)
        assert len(opened) == 2
        assert len(set(opened.values())) == 1

    def test_strangers_and_other_orders_pieces_are_refused(self, app: Flask) -> None:
        buyer, other = make_user(), make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1", "ABC-2"))
        order_id, others = delivered(buyer, {product.id: 1}), delivered(other, {product.id: 1})
        [piece], [others_piece] = pieces_of(buyer.id, order_id), pieces_of(other.id, others)
        cases = [
            (other.id, order_id, piece.id, NoSuchOrder),
            (buyer.id, new_id(), piece.id, NoSuchOrder),
            (buyer.id, order_id, others_piece.id, NoSuchPiece),
            (buyer.id, order_id, new_id(), NoSuchPiece),
        ]
        for user_id, order, delivery, refusal in cases:
            with pytest.raises(refusal):
                reveal.reveal(viewer=viewer(user_id), order_id=order, delivery_id=delivery)
        assert [row.act.value for row in records(order_id)] == ["assigned"]

    def test_paid_but_undelivered_order_has_nothing_to_show(self, app: Flask) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1",))
        order_id = paid(buyer, {product.id: 1})
        with pytest.raises(NoSuchPiece):
            reveal.reveal_all(viewer=viewer(buyer.id), order_id=order_id)

    def test_too_many_reveals_have_to_wait(self, app: Flask) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1",))
        order_id = delivered(buyer, {product.id: 1})
        for _ in range(30):
            reveal.reveal_all(viewer=viewer(buyer.id), order_id=order_id)
        with pytest.raises(TooMany) as refusal:
            reveal.reveal_all(viewer=viewer(buyer.id), order_id=order_id)
        assert 0 < (refusal.value.retry_after or 0) <= 61

    def test_statements_do_not_grow_with_the_pieces(
        self, app: Flask, query_counter: list[str]
    ) -> None:
        seller = make_user(roles=("seller",))
        keys = make_product(seller, stock=tuple(f"KEY-{number}" for number in range(42)))
        story = make_product(seller, kind="text")
        counts: list[list[int]] = []
        for pieces in (2, 40):
            buyer = make_user()
            order_id = delivered(buyer, {keys.id: pieces, story.id: pieces})
            sent = []
            for act in (reveal.reveal_all, reveal.download):
                session().rollback()
                session().expunge_all()
                query_counter.clear()
                assert len(act(viewer=viewer(buyer.id), order_id=order_id)) == 2 * pieces
                sent.append(len(query_counter))
            counts.append(sent)
            acts = [row.act.value for row in records(order_id)]
            assert acts.count("revealed") == acts.count("downloaded") == 2 * pieces
        assert counts[0] == counts[1]

    def test_unit_that_cannot_be_opened_leaves_no_record(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1", "ABC-2"))
        order_id = delivered(buyer, {product.id: 2})
        damage = (
            "UPDATE stock_item SET sealed = set_byte(sealed, 20, (get_byte(sealed, 20) + 1) % 256)"
        )
        session().execute(text(damage))
        session().commit()
        with pytest.raises(StockUnreadable):
            reveal.reveal_all(viewer=viewer(buyer.id), order_id=order_id)
        assert [row.act.value for row in records(order_id)] == ["assigned", "assigned"]
        answer = login(buyer).post(f"/order/purchases/{order_id}/reveal")
        assert answer.status_code == 503
        assert "can't be opened right now" in words(answer)


class TestRecord:
    @pytest.mark.parametrize(
        ("change", "sequence"),
        [
            ("UPDATE delivery_record SET agent = 'other'", 2),
            ("UPDATE delivery_record SET at = at + interval '1 second'", 1),
            ("UPDATE delivery_record SET address = '198.51.100.1'", 3),
            ("UPDATE delivery_record SET act = 'downloaded'", 2),
            ("DELETE FROM delivery_record", 2),
            ("DELETE FROM delivery_record", 1),
            ("DELETE FROM delivery_record", 3),
            ("DELETE FROM delivery_record WHERE true OR", 3),
        ],
    )
    def test_any_change_is_noticed(self, app: Flask, change: str, sequence: int) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1",))
        order_id = delivered(buyer, {product.id: 1})
        for _ in range(2):
            reveal.reveal_all(viewer=viewer(buyer.id), order_id=order_id)
        assert list(evidence.broken()) == []
        session().execute(text("ALTER TABLE delivery_record DISABLE TRIGGER append_only"))
        which = {"order": order_id, "sequence": sequence}
        where = "order_id = :order AND sequence = :sequence"
        where = where if change.endswith("OR") else f"WHERE {where}"
        session().execute(text(f"{change} {where}"), which)
        session().execute(text("ALTER TABLE delivery_record ENABLE TRIGGER append_only"))
        session().commit()
        assert list(evidence.broken()) == [order_id]

    def test_many_records_are_read_by_a_few_statements(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch, query_counter: list[str]
    ) -> None:
        product = make_product(make_user(roles=("seller",)), stock=[f"K-{n}" for n in range(5)])
        orders = [delivered(make_user(), {product.id: 1}) for _ in range(5)]
        monkeypatch.setattr(evidence, "ORDERS_AT_ONCE", 3)
        query_counter.clear()
        assert list(evidence.broken()) == []
        assert len(query_counter) == 5  # two batches, and the end
        session().execute(text("ALTER TABLE delivery_record DISABLE TRIGGER append_only"))
        session().execute(
            text("DELETE FROM delivery_record WHERE order_id IN (:first, :last)"),
            {"first": orders[0], "last": orders[-1]},
        )
        session().execute(text("ALTER TABLE delivery_record ENABLE TRIGGER append_only"))
        session().commit()
        assert list(evidence.broken()) == [orders[0], orders[-1]]

    def test_database_refuses_changes(self, app: Flask) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1",))
        delivered(buyer, {product.id: 1})
        for change in ("UPDATE delivery_record SET agent = 'x'", "DELETE FROM delivery_record"):
            with pytest.raises(DBAPIError, match="append-only"):
                session().execute(text(change))
            session().rollback()
        assert list(evidence.broken()) == []


class TestAddress:
    @pytest.mark.parametrize(
        ("seen", "kept"),
        [
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:0DB8::0001", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("unknown", None),
            ("192.0.2.7:4711", None),
            ("", None),
        ],
    )
    def test_record_is_whole_wherever_the_buyer_comes_from(
        self, app: Flask, login: Login, seen: str, kept: str | None
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1",))
        order_id = delivered(buyer, {product.id: 1})
        answer = login(buyer).post(
            f"/order/purchases/{order_id}/reveal", environ_overrides={"REMOTE_ADDR": seen}
        )
        assert answer.status_code == 200
        assert list(evidence.broken()) == []
        address = records(order_id)[-1].address
        assert (address and str(address)) == kept


class TestPages:
    def test_reveal_with_htmx_answers_the_one_piece(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("<b>ABC</b>-1", "ABC-2"))
        order_id = delivered(buyer, {product.id: 2})
        browser = login(buyer)
        page = soup(browser.get(f"/order/purchases/{order_id}"))
        form = page.select_one(".reveal form")
        assert form["hx-post"] == form["action"]
        answer = browser.post(form["action"], headers=PARTIAL)
        fragment = soup(answer)
        [box] = fragment.select(".reveal")
        assert f"#{box['id']}" == form["hx-target"]
        assert box.select_one("code").get_text() == "<b>ABC</b>-1"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_reveal_without_javascript_answers_the_page(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1", "ABC-2"))
        order_id = delivered(buyer, {product.id: 2})
        browser = login(buyer)
        form = soup(browser.get(f"/order/purchases/{order_id}")).select_one(".reveal form")
        answer = browser.post(form["action"])
        assert "ABC-1" in words(answer)
        assert "ABC-2" not in words(answer)
        assert "First revealed" not in words(answer)
        later = browser.get(f"/order/purchases/{order_id}")
        assert "ABC-1" not in later.get_data(as_text=True)
        assert "First revealed" in words(later)

    def test_reveal_is_no_link(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("ABC-1",))
        order_id = delivered(buyer, {product.id: 1})
        [piece] = pieces_of(buyer.id, order_id)
        url = f"/order/purchases/{order_id}"
        for path in ("/reveal", "/download", f"/pieces/{piece.id}/reveal"):
            assert login(buyer).get(url + path).status_code == 405

    def test_all_at_once(self, app: Flask, login: Login) -> None:
        buyer, seller = make_user(), make_user(roles=("seller",))
        keys = make_product(seller, stock=("ABC-1", "ABC-2"))
        link = make_product(seller, kind="link", stock=("https://example.com/x?a=1&b=2",))
        order_id = delivered(buyer, {keys.id: 2, link.id: 1})
        answer = login(buyer).post(f"/order/purchases/{order_id}/reveal", headers=PARTIAL)
        assert {box.get_text() for box in soup(answer).select(".reveal code")} == {
            "ABC-1",
            "ABC-2",
            "https://example.com/x?a=1&b=2",
        }
        assert soup(answer).find("h1") is not None
        assert soup(answer).find("header", class_="site-header") is None
        assert sum(row.act is DeliveryAct.REVEALED for row in records(order_id)) == 3

    def test_download_is_a_text_file_on_the_record(self, app: Flask, login: Login) -> None:
        buyer = make_user()
        seller = make_user(roles=("seller",), display_name="Ann & Co")
        keys = make_product(seller, stock=("ABC-<1>", "ключ-2"), title="Tea & keys")
        order_id = delivered(buyer, {keys.id: 2})
        answer = login(buyer).post(f"/order/purchases/{order_id}/download")
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        number = short_number(order_id)
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith("attachment")
        assert f"byteshop-{number}.txt" in disposition
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        text_lines = answer.get_data(as_text=True).splitlines()
        for line in ("ABC-<1>", "ключ-2", "Tea & keys", "Sold by Ann & Co"):
            assert line in text_lines
        acts = [row.act for row in records(order_id)]
        assert acts.count(DeliveryAct.DOWNLOADED) == 2
        assert all(piece.revealed_at for piece in pieces_of(buyer.id, order_id))
        assert list(evidence.broken()) == []
