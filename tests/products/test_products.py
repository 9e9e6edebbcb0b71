"""Sellers' products: their rules, their pages, and what buyers keep of them."""

import io
import re
from functools import partial

import pytest
from bs4 import BeautifulSoup
from flask import Flask, current_app
from PIL import Image
from sqlalchemy import text

from app.files import decoding
from app.files.service import drop_replaced
from app.kit.db import session
from app.products import markdown
from app.products.errors import (
    BadProduct,
    ContentMissing,
    KindFixed,
    NoSuchProduct,
    NotThisState,
    ProductChanged,
)
from app.products.models import TRANSITIONS, Kind, Product, ProductState
from app.products.service import products, stock
from app.products.service.products import Draft
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import placed
from tests.support.sale import count


@pytest.fixture
def seller(app: Flask):
    return make_user(roles=("seller",))


def draft(category_id, **changes) -> Draft:
    values = {
        "category_id": category_id,
        "kind": Kind.KEY,
        "shared": False,
        "title": "A good thing",
        "description": "",
        "price_minor": 1250,
    }
    return Draft(**(values | changes))


@pytest.fixture
def shelf(seller):
    return make_product(seller).category_id


def fresh(product_id) -> Product:
    session().rollback()
    return session().get_one(Product, product_id, populate_existing=True)


class TestService:
    def test_new_product_is_a_draft_with_the_shops_currency(self, seller, shelf) -> None:
        product_id = products.create_product(seller_id=seller.id, draft=draft(shelf))
        product = fresh(product_id)
        assert (product.state, product.currency, product.price_minor) == ("draft", "EUR", 1250)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"title": "ab"}, "title"),
            ({"title": "x" * 121}, "title"),
            ({"title": "a\x00bc"}, "title"),
            ({"title": "turned \u202eround"}, "title"),
            ({"title": "with a bell \x07"}, "title"),
            ({"title": "half a pair \ud800"}, "title"),
            ({"title": "\u200b" * 5}, "title"),
            ({"title": "a \u2060\u2060\u2060"}, "title"),
            ({"description": "half a pair \ud800"}, "description"),
            ({"description": "x" * 20_001}, "description"),
            ({"price_minor": 0}, "price"),
            ({"price_minor": 10_000_01}, "price"),
            ({"kind": Kind.LINK, "shared": True, "content": "javascript:alert(1)"}, "content"),
            ({"kind": Kind.LINK, "shared": True, "content": "https://"}, "content"),
            ({"kind": Kind.LINK, "shared": True, "content": "https://a.example\u200b"}, "content"),
            ({"kind": Kind.LINK, "content": "https://example.com/one"}, "content"),
            ({"kind": Kind.KEY, "content": "AAAA-BBBB"}, "content"),
            ({"kind": Kind.TEXT, "content": "x" * 20_001}, "content"),
        ],
    )
    def test_rules(self, seller, shelf, changes, field: str) -> None:
        with pytest.raises(BadProduct) as refused:
            products.create_product(seller_id=seller.id, draft=draft(shelf, **changes))
        assert field in refused.value.errors

    def test_unknown_category_is_refused(self, seller) -> None:
        with pytest.raises(BadProduct):
            products.create_product(seller_id=seller.id, draft=draft(seller.id))

    def test_text_needs_content_before_it_is_published(self, seller, shelf) -> None:
        text_draft = draft(shelf, kind=Kind.TEXT)
        product_id = products.create_product(seller_id=seller.id, draft=text_draft)
        with pytest.raises(ContentMissing):
            products.publish(seller_id=seller.id, product_id=product_id)

    def test_blanks_are_nothing_to_deliver(self, seller, shelf) -> None:
        blank = draft(shelf, kind=Kind.TEXT, content=" \n ")
        product_id = products.create_product(seller_id=seller.id, draft=blank)
        with pytest.raises(ContentMissing):
            products.publish(seller_id=seller.id, product_id=product_id)

    def test_title_is_one_line(self, seller, shelf) -> None:
        spread = draft(shelf, title="  One\r\nline \t only ")
        product_id = products.create_product(seller_id=seller.id, draft=spread)
        assert fresh(product_id).title == "One line only"

    def test_what_is_on_sale_always_has_something_to_deliver(self, seller) -> None:
        product = make_product(seller)
        change = {"seller_id": seller.id, "product_id": product.id, "version": 1}
        with pytest.raises(ContentMissing):
            products.edit_product(draft=draft(product.category_id, kind=Kind.TEXT), **change)
        whole = draft(product.category_id, kind=Kind.TEXT, content="words")
        products.edit_product(draft=whole, **change)
        assert fresh(product.id).state is ProductState.PUBLISHED

    def test_photo_of_a_refused_change_is_not_kept(self, seller) -> None:
        product = make_product(seller)
        media = current_app.extensions["settings"].data_dir / "media"
        before = set(media.rglob("*.webp"))
        with pytest.raises(ProductChanged):
            products.edit_product(
                seller_id=seller.id,
                product_id=product.id,
                version=7,
                draft=draft(product.category_id),
                photo=picture(),
            )
        assert count("photo") == 0
        assert set(media.rglob("*.webp")) == before

    def test_replaced_cover_is_deleted_once_nobody_can_be_buying_it(self, seller, client) -> None:
        first, second = self.covers(seller, bought=False)
        assert drop_replaced() == 0
        self.an_hour_later()
        assert drop_replaced() == 1
        assert client.get(f"/media/{first}/480.webp").status_code == 404
        assert client.get(f"/media/{second}/480.webp").status_code == 200
        assert count("photo") == 1

    def test_replaced_cover_stays_where_a_purchase_shows_it(self, seller, client) -> None:
        first, _second = self.covers(seller, bought=True)
        self.an_hour_later()
        for _run in range(2):
            assert drop_replaced() == 0
        assert client.get(f"/media/{first}/480.webp").status_code == 200

    def covers(self, seller, *, bought: bool):
        product = make_product(seller, stock=("A",))
        change = {"seller_id": seller.id, "product_id": product.id}
        ids = []
        for version in (1, 2):
            products.edit_product(
                version=version, draft=draft(product.category_id), photo=picture(), **change
            )
            ids.append(fresh(product.id).photo_id)
            if bought:
                placed(make_user(), {product.id: 1})
                bought = False
        return ids

    def an_hour_later(self) -> None:
        session().execute(text("UPDATE photo SET replaced_at = replaced_at - interval '1 hour'"))
        session().commit()

    def test_content_is_sealed_and_old_versions_stay(self, seller, shelf) -> None:
        first = draft(shelf, kind=Kind.TEXT, content="first words")
        product_id = products.create_product(seller_id=seller.id, draft=first)
        old = fresh(product_id).content_id
        second = draft(shelf, kind=Kind.TEXT, content="second words")
        products.edit_product(seller_id=seller.id, product_id=product_id, version=1, draft=second)
        new = fresh(product_id).content_id
        opened = stock.open_contents(content_ids=[old, new])
        assert opened == {old: "first words", new: "second words"}
        sealed = session().execute(text("SELECT sealed FROM shared_content")).scalars().all()
        assert not any(b"words" in value for value in sealed)

    def test_edit_of_an_older_version_is_refused(self, seller, shelf) -> None:
        product_id = products.create_product(seller_id=seller.id, draft=draft(shelf))
        change = {"seller_id": seller.id, "product_id": product_id, "draft": draft(shelf)}
        products.edit_product(version=1, **change)
        with pytest.raises(ProductChanged):
            products.edit_product(version=1, **change)

    def test_kind_is_fixed_once_there_is_stock(self, seller) -> None:
        product = make_product(seller, stock=("A",))
        with pytest.raises(KindFixed):
            products.edit_product(
                seller_id=seller.id,
                product_id=product.id,
                version=1,
                draft=draft(product.category_id, kind=Kind.TEXT),
            )

    @pytest.mark.parametrize("state", ProductState)
    def test_only_steps_of_the_table(self, seller, state: ProductState) -> None:
        steps = {
            ProductState.PUBLISHED: partial(products.publish, even_empty=True),
            ProductState.HIDDEN: products.hide,
            ProductState.REMOVED: products.remove,
        }
        for target, step in steps.items():
            product = make_product(seller)
            session().execute(
                text("UPDATE product SET state = :state WHERE id = :id"),
                {"state": state.value, "id": product.id},
            )
            session().commit()
            if target in TRANSITIONS[state]:
                step(seller_id=seller.id, product_id=product.id)
                assert fresh(product.id).state is target
            else:
                with pytest.raises(NotThisState):
                    step(seller_id=seller.id, product_id=product.id)
                assert fresh(product.id).state is state

    def test_strangers_product_is_not_found(self, seller) -> None:
        other = make_user(roles=("seller",))
        product = make_product(seller)
        for step in (products.publish, products.hide, products.remove):
            with pytest.raises(NoSuchProduct):
                step(seller_id=other.id, product_id=product.id)


def picture(size=(1200, 900), form="JPEG", exif=b"") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 80, 40)).save(out, form, **({"exif": exif} if exif else {}))
    return out.getvalue()


class TestPages:
    def form(self, shelf, **changes):
        values = {
            "title": "From the form",
            "category_id": str(shelf),
            "kind": "key",
            "price": "12,50",
            "description": "**Good**",
            "version": "1",
        }
        return values | changes

    def test_draft_with_a_cover_is_made_and_shown_in_the_list(self, login, seller, shelf) -> None:
        browser = login(seller)
        photo = (io.BytesIO(picture()), "cover.jpg")
        answer = browser.post("/products/new", data=self.form(shelf, photo=photo))
        assert answer.status_code == 303
        page = browser.get("/products/mine").get_data(as_text=True)
        assert "From the form" in page
        product = session().query(Product).filter_by(title="From the form").one()
        assert product.price_minor == 1250
        served = browser.get(f"/media/{product.photo_id}/480.webp")
        assert served.status_code == 200
        assert served.data[8:12] == b"WEBP"

    def test_cover_is_removed_and_another_one_put_in_its_place(self, login, seller, shelf) -> None:
        browser = login(seller)
        photo = (io.BytesIO(picture()), "cover.jpg")
        browser.post("/products/new", data=self.form(shelf, photo=photo))
        product = session().query(Product).filter_by(title="From the form").one()
        address, first = f"/products/{product.id}/edit", product.photo_id
        assert 'name="without_photo"' in browser.get(address).get_data(as_text=True)
        browser.post(address, data=self.form(shelf, without_photo="y"))
        assert fresh(product.id).photo_id is None
        assert 'name="without_photo"' not in browser.get(address).get_data(as_text=True)
        again = self.form(shelf, version="2", photo=(io.BytesIO(picture()), "cover.jpg"))
        browser.post(address, data=again)
        assert fresh(product.id).photo_id not in {None, first}
        session().execute(text("UPDATE photo SET replaced_at = replaced_at - interval '1 hour'"))
        session().commit()
        assert drop_replaced() == 1
        assert browser.get(f"/media/{first}/480.webp").status_code == 404

    def test_photo_that_finds_no_turn_keeps_what_was_typed(
        self, login, seller, shelf, monkeypatch
    ) -> None:
        monkeypatch.setattr(decoding, "PATIENCE", 0.01)
        photo = (io.BytesIO(picture()), "cover.jpg")
        with decoding._decoding:
            answer = login(seller).post("/products/new", data=self.form(shelf, photo=photo))
        assert answer.status_code == 503
        page = BeautifulSoup(answer.data, "html.parser")
        assert "Try again in a few seconds" in page.select_one("#photo-error").get_text()
        assert page.select_one("[name=title]")["value"] == "From the form"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"title": ""},
            {"price": "abc"},
            {"price": "1.234.5"},
            {"price": "99999999999999999999"},
            {"price": "-5"},
            {"price": "0.99"},  # less than the shop takes
            {"price": "12 50"},
            {"price": "1 2"},
            {"price": "1,200"},
            {"price": "12.505"},
            {"category_id": "nowhere"},
            {"category_id": "00000000-0000-0000-0000-000000000000"},
            {"kind": "ship"},
            {"title": "with \x00 in it"},
            {"version": "x"},
        ],
    )
    def test_what_is_wrong_is_told_and_what_was_typed_is_kept(
        self, login, seller, shelf, wrong
    ) -> None:
        answer = login(seller).post(
            "/products/new", data=self.form(shelf, description="Words I typed", **wrong)
        )
        assert answer.status_code == 422
        assert "Words I typed" in answer.get_data(as_text=True)

    def test_all_that_is_missing_is_told_at_once(self, login, seller, shelf) -> None:
        form = self.form(shelf, title="", price="")
        page = login(seller).post("/products/new", data=form).get_data(as_text=True)
        assert 'id="title-error"' in page
        assert 'id="price-error"' in page

    def test_mistakes_of_all_kinds_are_told_at_once(self, login, seller, shelf) -> None:
        form = self.form(shelf, title="x", price="much", content="a key", category_id="nowhere")
        page = login(seller).post("/products/new", data=form).get_data(as_text=True)
        for name in ("title", "price", "content", "category_id"):
            assert f'id="{name}-error"' in page

    def test_price_is_written_as_the_language_does(self, login, seller) -> None:
        product = make_product(seller, price_minor=123450)
        browser = login(seller)
        with browser.session_transaction() as kept:
            kept["locale"] = "ru"
        page = browser.get(f"/products/{product.id}/edit").get_data(as_text=True)
        assert re.search('<input[^>]*name="price"[^>]*value="1234,50"', page)

    @pytest.mark.parametrize(
        "data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"\xff\xd8\xff" * 9]
    )
    def test_no_photo_is_told_and_what_was_typed_is_kept(self, login, seller, shelf, data) -> None:
        photo = (io.BytesIO(data), "cover.png")
        answer = login(seller).post("/products/new", data=self.form(shelf, photo=photo))
        if data:
            assert answer.status_code == 422
            assert "From the form" in answer.get_data(as_text=True)
        else:
            assert answer.status_code == 303

    def test_saved_in_two_tabs_the_second_is_told_and_may_insist(self, login, seller) -> None:
        product = make_product(seller)
        browser = login(seller)
        url = f"/products/{product.id}/edit"
        first = self.form(product.category_id, title="First tab")
        second = self.form(product.category_id, title="Second tab")
        assert browser.post(url, data=first).status_code == 303
        refused = browser.post(url, data=second)
        assert refused.status_code == 409
        page = refused.get_data(as_text=True)
        assert "Second tab" in page
        assert 'value="2"' in page
        assert browser.post(url, data=second | {"version": "2"}).status_code == 303

    @pytest.mark.parametrize(
        ("typed", "minor"),
        [
            ("12", 12_00),
            ("12.5", 12_50),
            (" 12,50 ", 12_50),
            ("1 200", 1_200_00),
            ("1\u00a0200,50", 1_200_50),
            ("1\u202f200 , 5", 1_200_50),
            ("1'200.50", 1_200_50),
            ("1,00", 1_00),
        ],
    )
    def test_price_is_read_as_people_write_it(self, login, seller, shelf, typed, minor) -> None:
        answer = login(seller).post("/products/new", data=self.form(shelf, price=typed))
        assert answer.status_code == 303
        assert session().query(Product).filter_by(title="From the form").one().price_minor == minor

    def test_the_lowest_price_is_told_before_and_after(self, login, seller, shelf) -> None:
        page = BeautifulSoup(login(seller).get("/products/new").data, "html.parser")
        assert "At least €1.00" in page.select_one("#price-hint").get_text()
        answer = login(seller).post("/products/new", data=self.form(shelf, price="0.99"))
        page = BeautifulSoup(answer.data, "html.parser")
        assert "between €1.00 and €10,000.00" in page.select_one("#price-error").get_text()

    def test_all_that_is_needed_is_marked(self, login, seller) -> None:
        page = BeautifulSoup(login(seller).get("/products/new").data, "html.parser")
        needed = {str(field["name"]) for field in page.select("main [required]")}
        assert needed == {"title", "kind", "category_id", "price"}

    def test_photo_that_came_with_a_mistake_is_asked_for_again(self, login, seller, shelf) -> None:
        photo = (io.BytesIO(picture()), "cover.jpg")
        answer = login(seller).post(
            "/products/new", data=self.form(shelf, price="much", photo=photo)
        )
        page = BeautifulSoup(answer.data, "html.parser")
        told = page.select_one("#photo-error")
        assert told is not None
        assert "again" in told.get_text()

    def test_strangers_and_buyers_are_turned_away(self, client, login, seller) -> None:
        product = make_product(seller)
        stranger, buyer = login(make_user(roles=("seller",))), login(make_user())
        for path in ("edit", "publish", "hide", "remove"):
            url = f"/products/{product.id}/{path}"
            assert stranger.post(url, data={}).status_code == 404
            assert buyer.post(url, data={}).status_code == 403
            assert client.post(url, data={}).status_code == 303
        assert fresh(product.id).state is ProductState.PUBLISHED

    def test_description_is_previewed_clean(self, login, seller) -> None:
        typed = {"description": "**bold** <script>alert(1)</script>"}
        preview = login(seller).post("/products/preview", data=typed).get_data(as_text=True)
        assert "<strong>bold</strong>" in preview
        assert "<script" not in preview

    def test_form_shows_how_the_description_looks_now(self, login, seller) -> None:
        product = make_product(seller)
        data = self.form(product.category_id, title="", description="*slanted*")
        answer = login(seller).post(f"/products/{product.id}/edit", data=data)
        assert answer.status_code == 422
        assert "<em>slanted</em>" in answer.get_data(as_text=True)

    def test_list_asks_as_much_for_one_product_as_for_many(
        self, login, seller, query_counter
    ) -> None:
        make_product(seller, stock=("A",))
        browser = login(seller)
        browser.get("/products/mine")
        query_counter.clear()
        browser.get("/products/mine")
        with_one = len(query_counter)
        for number in range(12):
            make_product(seller, stock=(f"K{number}",))
        query_counter.clear()
        browser.get("/products/mine")
        assert len(query_counter) == with_one


class TestMarkdown:
    @pytest.mark.parametrize(
        "hostile",
        [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html,<script>alert(1)</script>)",
            "![x](https://example.com/x.png)",
            "<img src=x onerror=alert(1)>",
            '<a href="#" onclick="alert(1)">x</a>',
            "<svg/onload=alert(1)>",
            "[x](vbscript:msgbox(1))",
            "<iframe src=https://example.com>",
        ],
    )
    def test_nothing_runs_or_loads(self, hostile: str) -> None:
        html = str(markdown.render(hostile)).lower()
        for trace in ("<script", "<img", "<svg", "<iframe", 'href="javascript', 'href="data'):
            assert trace not in html
        assert "onerror=" not in html or "&lt;img" in html

    def test_links_vouch_for_nothing(self) -> None:
        html = str(markdown.render("[home](https://example.com)"))
        assert 'rel="nofollow noopener noreferrer ugc"' in html

    def test_a_text_that_is_slow_to_render_is_rendered_once(self) -> None:
        hostile = "[a][" * 500
        assert markdown.render(hostile) is markdown.render(hostile)

    def test_headings_begin_below_the_pages_own(self) -> None:
        assert "<h2>" in str(markdown.render("# Big"))
