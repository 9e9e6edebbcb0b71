"""A seller's pages: what is typed is kept, what is refused is said where it was asked for."""

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text

from app.kit.db import session
from app.products.models import Kind, Product, ProductState
from app.products.queries import stock as queries
from app.products.service import products
from app.products.service.products import Draft
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product
from tests.products.stocking import reserve, stock_up
from tests.products.test_catalogue import titles
from tests.support.programs import program_of


@pytest.fixture
def seller(app):
    return make_user(roles=("seller",))


@pytest.fixture
def browser(login, seller):
    return login(seller)


@pytest.fixture
def selling(app, seller):
    return program_of(app, seller)


def draft_of(seller, **stock) -> Product:
    return make_product(seller, published=False, **stock)


def fresh(product: Product) -> Product:
    session().expire_all()
    return session().get_one(Product, product.id)


def typed(product: Product, **changes: str) -> dict[str, str]:
    return {
        "title": "As it is typed",
        "category_id": str(product.category_id),
        "kind": product.kind.value,
        "price": "12.50",
        "description": "New words",
        "version": str(product.version),
        **changes,
    }


def page_of(answer) -> BeautifulSoup:
    return BeautifulSoup(answer.data, "html.parser")


class TestPublishing:
    def test_publishing_saves_what_is_typed(self, browser, seller) -> None:
        product = draft_of(seller, stock=("A-1",))
        answer = browser.post(f"/products/{product.id}/edit", data=typed(product, act="publish"))
        assert answer.status_code == 303
        now = fresh(product)
        assert (now.title, now.description) == ("As it is typed", "New words")
        assert now.state is ProductState.PUBLISHED
        assert now.published_at

    def test_what_can_not_be_published_is_not_saved_and_not_lost(self, browser, seller) -> None:
        product = draft_of(seller)
        address = f"/products/{product.id}/edit"
        answer = browser.post(address, data=typed(product, act="publish"))
        assert answer.status_code == 409
        page = page_of(answer)
        assert page.select_one("[name=title]")["value"] == "As it is typed"
        assert page.select_one("#description").get_text().strip() == "New words"
        assert "no stock" in page.select_one("[role=alert]").get_text()
        assert fresh(product).state is ProductState.DRAFT
        anyway = page.select_one("button[value=publish_empty]")
        assert anyway["name"] == "act"
        answer = browser.post(address, data=typed(product, act="publish_empty"))
        assert answer.status_code == 303
        assert fresh(product).state is ProductState.PUBLISHED

    def test_content_that_is_missing_is_asked_for_with_what_was_typed(
        self, browser, seller
    ) -> None:
        shelf = make_category()
        written = Draft(
            shelf.id, Kind.TEXT, shared=True, title="A text", description="", price_minor=500
        )
        product_id = products.create_product(seller_id=seller.id, draft=written)
        product = session().get_one(Product, product_id)
        answer = browser.post(f"/products/{product.id}/edit", data=typed(product, act="publish"))
        assert answer.status_code == 409
        assert page_of(answer).select_one("[name=title]")["value"] == "As it is typed"

    def test_hiding_saves_what_is_typed(self, browser, seller) -> None:
        product = make_product(seller)
        browser.post(f"/products/{product.id}/edit", data=typed(product, act="hide"))
        now = fresh(product)
        assert (now.title, now.state) == ("As it is typed", ProductState.HIDDEN)

    def test_enter_saves_and_does_nothing_else(self, browser, seller) -> None:
        product = draft_of(seller, stock=("A-1",))
        page = page_of(browser.get(f"/products/{product.id}/edit"))
        [form] = [form for form in page.select("form") if form.select_one("[name=title]")]
        first = form.select_one("button[type=submit]")
        assert first.get("name") is None
        assert page.select(f"[form='{form.get('id')}']") == []

    @pytest.mark.parametrize(("where", "heading"), [("mine", "My products"), ("stock", "Stock of")])
    def test_refusal_stands_on_the_page_it_was_asked_for_on(
        self, browser, seller, where: str, heading: str
    ) -> None:
        product = draft_of(seller)
        address = f"/products/{product.id}/publish"
        answer = browser.post(address, data={"page": where})
        assert answer.status_code == 409
        page = page_of(answer)
        assert heading in page.h1.get_text()
        assert "no stock" in page.select_one("[role=alert]").get_text()
        [anyway] = [form for form in page.select("form") if form.select_one("[name=even_empty]")]
        values = {field["name"]: field["value"] for field in anyway.select("input[name]")}
        answer = browser.post(anyway["action"], data=values)
        back = {"mine": "/products/mine", "stock": f"/products/{product.id}/stock"}
        assert answer.headers["Location"].endswith(back[where])
        assert fresh(product).state is ProductState.PUBLISHED
        again = browser.post(address, data={"page": where})
        assert again.status_code == 409
        assert heading in page_of(again).h1.get_text()

    def test_front_shows_only_what_can_be_bought(self, client, seller) -> None:
        make_product(seller, title="Sold out")
        make_product(seller, title="To be had", stock=("A-1",))
        make_product(seller, title="Always there", kind="text")
        assert set(titles(client, "/")) == {"To be had", "Always there"}


class TestConflict:
    def conflict(self, browser, product: Product, **typed_here: str):
        address = f"/products/{product.id}/edit"
        elsewhere = typed(product, title="Saved elsewhere", price="99", description="Their words")
        assert browser.post(address, data=elsewhere).status_code == 303
        return browser.post(address, data=typed(product, **typed_here))

    def test_both_versions_are_shown_field_by_field(self, browser, seller) -> None:
        product = draft_of(seller, stock=("A-1",))
        answer = self.conflict(browser, product)
        assert answer.status_code == 409
        page = page_of(answer)
        asked = {field["name"] for field in page.select("input[name^=take-]")}
        assert asked == {"take-title", "take-price", "take-description"}
        for words in ("As it is typed", "Saved elsewhere", "New words", "Their words", "99"):
            assert words in page.select_one("form.form").get_text()

    def test_the_seller_picks_one_of_each(self, browser, seller) -> None:
        product = draft_of(seller, stock=("A-1",))
        page = page_of(self.conflict(browser, product, price="cheap"))
        assert page.select_one("input[name^=take-]") is None  # the mistake comes first
        page = page_of(browser.post(f"/products/{product.id}/edit", data=typed(product)))
        version = page.select_one("[name=version]")["value"]
        picked = {"take-title": "mine", "take-price": "theirs", "take-description": "theirs"}
        mine = typed(product, version=version, price="what is not even a price")
        answer = browser.post(f"/products/{product.id}/edit", data=mine | picked)
        assert answer.status_code == 303
        now = fresh(product)
        assert (now.title, now.price_minor, now.description) == (
            "As it is typed",
            9900,
            "Their words",
        )


class TestUndo:
    def test_an_import_is_taken_back_and_may_come_again(self, browser, seller) -> None:
        product = make_product(seller, stock=("OLD-1",))
        batch = stock_up(product, ["NEW-1", "NEW-2", "NEW-3"])
        older = reserve(product, 2)  # OLD-1 and NEW-1
        page = page_of(browser.get(f"/products/{product.id}/stock"))
        [form] = page.select(f"form[action='/products/{product.id}/stock/batches/{batch}/undo']")
        answer = browser.post(form["action"])
        assert answer.status_code == 303
        assert queries.counts(product.id) == queries.Counts(reserved=2)
        [kept] = [row for row in queries.batches(product.id).items if row.id == batch]
        assert (kept.taken, kept.counts) == (1, queries.Counts(reserved=1))
        assert len(older) == 2
        stock_up(product, ["NEW-2", "NEW-3"])
        assert queries.counts(product.id).free == 2

    def test_batch_that_is_left_with_nothing_goes(self, selling, seller) -> None:
        product = make_product(seller, stock=())
        batch = stock_up(product, ["NEW-1", "NEW-2"])
        path = f"/products/mine/{product.id}/stock/batches/{batch}/undo"
        assert selling.post(path).json == {"units": 2}
        assert queries.batches(product.id).items == []
        assert selling.post(path).status_code == 404

    def test_after_an_hour_they_are_withdrawn_for_good_or_stay(
        self, browser, selling, seller
    ) -> None:
        product = make_product(seller, stock=())
        batch = stock_up(product, ["NEW-1"])
        session().execute(text("UPDATE stock_batch SET created_at = now() - interval '61 minutes'"))
        session().commit()
        base = f"/products/{product.id}/stock"
        page = page_of(browser.get(base))
        assert [form["action"] for form in page.select("form[action*='/batches/']")] == [
            f"{base}/batches/{batch}/withdraw"
        ]
        answer = browser.post(f"{base}/batches/{batch}/undo")
        assert answer.status_code == 409
        assert "Stock of" in page_of(answer).h1.get_text()
        path = f"/products/mine/{product.id}/stock/batches/{batch}/undo"
        assert selling.post(path).json["code"] == "products.too_late_to_undo"
        assert queries.counts(product.id).free == 1

    def test_strangers_can_not_undo(self, login, seller) -> None:
        product = make_product(seller, stock=())
        batch = stock_up(product, ["NEW-1"])
        other = login(make_user(roles=("seller",)))
        answer = other.post(f"/products/{product.id}/stock/batches/{batch}/undo")
        assert answer.status_code == 404
        assert queries.counts(product.id).free == 1


class TestOwnProduct:
    def test_ones_own_product_is_edited_not_bought(self, browser, seller, client) -> None:
        product = make_product(seller, stock=("A-1",))
        own = page_of(browser.get(f"/products/{product.id}"))
        assert own.select_one("#put-into-basket") is None
        links = {link["href"] for link in own.select("#stock a")}
        assert links == {f"/products/{product.id}/edit", f"/products/{product.id}/stock"}
        assert page_of(client.get(f"/products/{product.id}")).select_one("#put-into-basket")

    def test_stock_leads_to_the_product_and_puts_it_on_sale(self, browser, seller) -> None:
        product = draft_of(seller, stock=("A-1",))
        page = page_of(browser.get(f"/products/{product.id}/stock"))
        assert page.select_one(f"a[href='/products/{product.id}']")
        answer = browser.post(f"/products/{product.id}/publish", data={"page": "stock"})
        assert answer.headers["Location"].endswith(f"/products/{product.id}/stock")
        assert fresh(product).state is ProductState.PUBLISHED
