"""The catalogue as a visitor sees it: search, filters, sorts, pages, and what stays unseen."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import event, text

from app.auth.service import moderation
from app.extensions import db
from app.files.service import store_photo
from app.kit.db import session
from app.products.models import Kind, Product
from app.products.queries import catalogue
from app.products.service import products
from app.products.service.products import Draft
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def seller(app: Flask):
    return make_user(roles=("seller",))


def titles(client: FlaskClient, url: str) -> list[str]:
    answer = client.get(url)
    assert answer.status_code == 200
    page = BeautifulSoup(answer.data, "html.parser")
    return [link.get_text(strip=True) for link in page.select(".product-card__link")]


@contextmanager
def explained(part: str) -> Iterator[list[str]]:
    """The plans of the pages that are read meanwhile by a statement with this part."""
    plans: list[str] = []

    def explain(connection, _cursor, statement, parameters, _context, _many) -> None:
        if "LIMIT" in statement and part in statement:
            raw = connection.connection.cursor()
            # Whether it can be looked up at all, however small the table is.
            raw.execute("SET LOCAL enable_seqscan = off")
            raw.execute(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(row[0] for row in raw))
            raw.execute("SET LOCAL enable_seqscan = on")

    event.listen(db.engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(db.engine, "before_cursor_execute", explain)


class TestListing:
    def test_lists_what_is_published_and_nothing_else(self, client, seller) -> None:
        make_product(seller, title="Seen")
        for state in ("draft", "hidden", "removed"):
            product = make_product(seller, title=state)
            session().execute(
                text("UPDATE product SET state = :state WHERE id = :id"),
                {"state": state, "id": product.id},
            )
        session().commit()
        assert titles(client, "/products") == ["Seen"]

    def test_banned_sellers_products_vanish(self, client, seller) -> None:
        product = make_product(seller)
        moderation.ban_user(user_id=seller.id)
        assert titles(client, "/products") == []
        assert client.get(f"/products/{product.id}").status_code == 404

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("q=dragon", ["Dragon Quest key"]),
            ("q=dragns", ["Dragon Quest key"]),
            ("q=ключ", ["Ключи от дома"]),
            ("q=ключей", ["Ключи от дома"]),
            ("kind=text", ["Secret poem"]),
            ("kind=key&kind=text", ["Dragon Quest key", "Secret poem", "Ключи от дома"]),
            ("price_from=5&price_to=10", ["Secret poem"]),
            ("price_to=4,99", ["Dragon Quest key"]),
            ("in_stock=1", ["Dragon Quest key", "Secret poem"]),
            ("q=zebra", []),
            ("q=dragon&kind=key", ["Dragon Quest key"]),
            ("q=dragon&kind=text", []),
            ("q=secret&kind=key&kind=text", ["Secret poem"]),
            ("q=dragon&price_to=5", ["Dragon Quest key"]),
            ("q=dragon&in_stock=1&price_from=5", []),
            # What the index of the words has besides is no word that anybody finds.
            ("q=category", []),
            ("q=kind", []),
            ("q=seller", []),
        ],
    )
    def test_search_and_filters(self, client, seller, query: str, expected: list[str]) -> None:
        make_product(seller, title="Dragon Quest key", stock=("A",), price_minor=300)
        make_product(seller, title="Secret poem", kind="text", price_minor=700)
        make_product(seller, title="Ключи от дома", price_minor=9000)
        assert sorted(titles(client, f"/products?{query}")) == sorted(expected)

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("new", ["C", "A", "B"]),
            ("price_asc", ["B", "A", "C"]),
            ("price_desc", ["C", "A", "B"]),
            ("popular", ["A", "C", "B"]),
        ],
    )
    def test_sorts(self, client, seller, sort: str, expected: list[str]) -> None:
        for age, name, price, sold in ((3, "B", 100, 1), (2, "A", 200, 9), (1, "C", 300, 5)):
            product = make_product(seller, title=name * 3, price_minor=price)
            session().execute(
                text("""UPDATE product SET sold_count = :sold,
                    published_at = now() - make_interval(days => :age) WHERE id = :id"""),
                {"sold": sold, "age": age, "id": product.id},
            )
        session().commit()
        assert titles(client, f"/products?sort={sort}") == [name * 3 for name in expected]

    @pytest.mark.parametrize("sort", ["new", "price_asc", "price_desc", "popular", "relevance"])
    @pytest.mark.parametrize("words", ["", "thing", "thimg"])
    def test_pages_follow_each_other_without_gap_or_repeat(
        self, client, seller, sort: str, words: str
    ) -> None:
        make_product(seller, title="Thing 000")
        session().execute(
            text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title,
                    description, price_minor, currency, state, sold_count, version, published_at)
                SELECT gen_random_uuid(), seller_id, category_id, 'key', false,
                    'Thing ' || lpad(n::text, 3, '0'), '', 100 + n % 3, currency, 'published',
                    n % 2, 1, published_at FROM product, generate_series(1, 74) n""")
        )
        session().execute(text("UPDATE product SET published_at = now()"))
        session().commit()
        seen: list[str] = []
        url: str | None = f"/products?sort={sort}&q={words}"
        while url:
            answer = client.get(url)
            page = BeautifulSoup(answer.data, "html.parser")
            seen += [link.get_text(strip=True) for link in page.select(".product-card__link")]
            more = page.select_one("a[href*='after=']")
            url = unescape(str(more["href"])) if more else None
        assert len(seen) == 75
        assert len(set(seen)) == 75

    def many(self, seller, number: int) -> None:
        make_product(seller, title="Thing 0000")
        session().execute(
            text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title,
                    description, price_minor, currency, state, sold_count, version, published_at)
                SELECT gen_random_uuid(), seller_id, category_id, 'key', false,
                    'Thing ' || lpad(n::text, 4, '0'), '', 100, currency, 'published',
                    0, 1, published_at FROM product, generate_series(1, :number) n"""),
            {"number": number - 1},
        )
        session().commit()

    @pytest.mark.parametrize(
        ("number", "query", "said"),
        [
            (30, "", "30 products"),
            (31, "", "Showing 30 of 31 products"),
            (1200, "q=thing", "Showing 30 of more than 300 products"),
            (1200, "q=thimg&price_to=1", "Showing 30 of more than 300 products"),
        ],
    )
    def test_how_many_there_are_is_said(
        self, client, seller, number: int, query: str, said: str
    ) -> None:
        self.many(seller, number)
        page = BeautifulSoup(client.get(f"/products?{query}").data, "html.parser")
        heading = page.select_one("#results h2")
        assert squeeze(heading.get_text()).strip() == said
        assert heading["class"] == ["results__title"]

    def test_address_of_several_pages_shows_them_all(self, client, seller) -> None:
        self.many(seller, 100)
        url = "/products?q=thing&sort=new"
        seen = titles(client, url)
        for pages in (2, 3):
            page = BeautifulSoup(client.get(url).data, "html.parser")
            more = page.select_one("[data-load-more]")
            shown_at = {"HX-Current-URL": f"http://localhost{url}"}
            answer = client.get(more["hx-get"], headers=PARTIAL | shown_at)
            url = answer.headers["HX-Replace-Url"]
            assert f"pages={pages}" in url
            assert "after" not in url
            part = BeautifulSoup(answer.data, "html.parser")
            seen += [link.get_text(strip=True) for link in part.select(".product-card__link")]
            assert titles(client, url) == seen
            assert len(seen) == 30 * pages
        parts = BeautifulSoup(client.get(url).data, "html.parser").select("[hx-get*='left?']")
        assert [part["hx-get"].count("id=") for part in parts] == [30, 30, 30]

    @pytest.mark.parametrize("pages", ["0", "-1", "x", "9" * 5000, "1e9", ""])
    def test_number_of_pages_may_be_anything(self, client, seller, pages: str) -> None:
        self.many(seller, 40)
        assert len(titles(client, f"/products?pages={pages}")) in {30, 40}

    def test_what_resembles_is_shown_only_where_nothing_fits(self, client, seller) -> None:
        make_product(seller, title="Dragon Quest")
        make_product(seller, title="Dragoon Tales")
        assert titles(client, "/products?q=dragon") == ["Dragon Quest"]
        assert titles(client, "/products?q=dragoon") == ["Dragoon Tales"]
        assert set(titles(client, "/products?q=dragom")) == {"Dragon Quest", "Dragoon Tales"}

    def test_what_resembles_is_shown_where_only_a_banned_seller_has_the_words(
        self, client, seller
    ) -> None:
        banned = make_user(roles=("seller",))
        make_product(banned, title="Dragoon")
        make_product(seller, title="Dragon Quest")
        moderation.ban_user(user_id=banned.id)
        assert titles(client, "/products?q=dragoon") == ["Dragon Quest"]

    def test_search_reads_indexes_not_every_product(self, client, seller) -> None:
        make_product(seller, title="Needle")
        session().execute(
            text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title,
                    description, price_minor, currency, state, sold_count, version, published_at)
                SELECT gen_random_uuid(), seller_id, category_id, 'key', false,
                    'Hay ' || md5(n::text), '', 100, currency, 'published', 0, 1, now()
                FROM product, generate_series(1, 5000) n""")
        )
        session().commit()
        # What autovacuum does: new entries of the index go into its tree, and rows are counted.
        session().execute(text("SELECT gin_clean_pending_list('ix_product_search')"))
        session().execute(text("SELECT gin_clean_pending_list('ix_title_word_trgm')"))
        session().execute(text("ANALYZE product, title_word"))
        session().commit()
        for words in ("needle", "nedle"):
            with explained("array_agg") as plans:
                assert titles(client, f"/products?q={words}") == ["Needle"]
            assert len(plans) == (1 if words == "needle" else 2)
            assert all("Bitmap Index Scan on ix_product_search" in plan for plan in plans)
        with explained("near.word") as plans:
            titles(client, "/products?q=nedle")
        assert len(plans) == 1
        assert "Bitmap Index Scan on ix_title_word_trgm" in plans[0]

    def test_most_of_the_words_must_resemble_something(self, client, seller) -> None:
        make_product(seller, title="Over several lines", stock=("A",))
        for words, is_found in (("nothing is called like this", False), ("lihes several", True)):
            shown = client.get("/products", query_string={"q": words}).get_data(as_text=True)
            assert ("Over several lines" in shown) == is_found, words

    @pytest.mark.parametrize(
        ("words", "found"),
        [
            ("neddle", ["Needle threader"]),
            ("nedle thraeder", ["Needle threader"]),
            ("nedle zzzzzzzz", ["Needle threader"]),
            ("nedle box", []),
            ("zzzzzzzz", []),
            ("muler", ["Müller's tales"]),
            ("wndows11", ["Windows11 key"]),
            ("4712", []),
        ],
    )
    def test_misspelt_words_are_taken_for_words_of_titles(
        self, client, seller, words: str, found: list[str]
    ) -> None:
        for title in ("Needle threader", "Müller's tales", "Windows11 key", "Box 4711"):
            make_product(seller, title=title)
        assert titles(client, f"/products?q={words}") == found

    def test_word_of_a_title_that_was_changed_is_known(self, client, seller) -> None:
        product = make_product(seller, title="Needle")
        session().execute(
            text("UPDATE product SET title = 'Thimble' WHERE id = :id"), {"id": product.id}
        )
        session().commit()
        assert titles(client, "/products?q=thimbel") == ["Thimble"]
        assert titles(client, "/products?q=nedle") == []

    def test_best_sold_are_ranked_where_too_many_have_the_words(
        self, client, seller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catalogue, "MOST_RANKED", 2)
        for number, title in enumerate(("Tea", "Tea", "Green tea", "Tea")):
            product = make_product(seller, title=f"{title} {number}")
            session().execute(
                text("UPDATE product SET sold_count = :sold WHERE id = :id"),
                {"id": product.id, "sold": number % 3},
            )
        session().commit()
        assert titles(client, "/products?q=tea") == ["Green tea 2", "Tea 1"]
        assert len(titles(client, "/products?q=tea&sort=new")) == 4

    def test_many_with_the_words_come_in_the_order_of_the_sort(
        self, client, seller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_product(seller, title="Hay")
        # Needles are the older and dearer ones, and of those that were bought there is none.
        session().execute(
            text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title,
                    description, price_minor, currency, state, sold_count, version, published_at)
                SELECT gen_random_uuid(), seller_id, category_id, 'key', false,
                    CASE WHEN n > 60 THEN 'Needle ' ELSE 'Hay ' END || n, '', 100 + n, currency,
                    'published', CASE WHEN n > 60 THEN 0 ELSE n END, 1, now() - n * interval '1 s'
                FROM product, generate_series(1, 1100) n""")
        )
        session().commit()
        orders = {
            "new": "published_at DESC",
            "price_asc": "price_minor",
            "price_desc": "price_minor DESC",
        }
        for walked in (1, 40, 3_000):
            monkeypatch.setattr(catalogue, "MOST_WALKED", walked)
            for sort, order in orders.items():
                found = session().scalars(
                    text(
                        "SELECT title FROM product WHERE title LIKE 'Needle%'"
                        f" ORDER BY {order} LIMIT 60"
                    )
                )
                expected = list(found)
                url = f"/products?q=needle&sort={sort}"
                assert titles(client, f"{url}&pages=2") == expected, (sort, walked)
                page = BeautifulSoup(client.get(url).data, "html.parser")
                more = page.select_one("[data-load-more]")
                assert titles(client, url) + titles(client, f"{more['hx-get']}") == expected
                assert "Showing 30 of more than 300 products" in squeeze(page.get_text())
            # Nobody knows whether those that were not bought come in some order.
            seen = titles(client, "/products?q=needle&sort=popular")
            assert len(seen) == 30
            assert all(title.startswith("Needle") for title in seen)

    def test_many_have_the_words_and_none_meets_the_filters(self, client, seller) -> None:
        self.many(seller, 1_100)
        session().execute(
            text("""UPDATE product SET title = 'Needle thing', price_minor = 500,
                description = 'needles'""")
        )
        session().commit()
        for words in ("needle", "needles thing", "nedle"):
            for filters in ("price_to=1.60", "kind=text", "in_stock=1"):
                assert titles(client, f"/products?q={words}&{filters}") == [], (words, filters)
            assert len(titles(client, f"/products?q={words}&price_from=1.60")) == 30

    def test_what_resembles_is_not_shown_where_the_filters_keep_the_words_away(
        self, client, seller
    ) -> None:
        make_product(seller, title="Dragoon", price_minor=900)
        make_product(seller, title="Dragon Quest", price_minor=300)
        assert titles(client, "/products?q=dragoon&price_to=5") == []

    def test_each_sort_of_a_shelf_reads_an_index_in_its_order(self, client, seller) -> None:
        shelf = make_category()
        make_product(seller, title="Needle", category=shelf)
        make_product(seller, title="Hay")
        session().execute(
            text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title,
                    description, price_minor, currency, state, sold_count, version, published_at)
                SELECT gen_random_uuid(), seller_id, category_id, 'key', false, title, '',
                    100 + n, currency, 'published', n, 1, now() - n * interval '1 second'
                FROM product, generate_series(1, 4000) n WHERE title = 'Hay' OR n <= 200""")
        )
        session().commit()
        for table in ("product", "users"):
            session().execute(text(f"ANALYZE {table}"))
        session().commit()
        for sort, index in (
            ("new", "new"),
            ("price_asc", "price"),
            ("price_desc", "price"),
            ("popular", "popular"),
        ):
            with explained("product.category_id IN") as plans:
                found = titles(client, f"/products/category/{shelf.slug}?sort={sort}")
            assert set(found) == {"Needle"}
            assert f"using ix_product_category_{index}" in plans[0], plans[0]
            assert "Sort" not in plans[0]

    def test_shelf_shows_what_is_on_it_and_below_it(self, client, seller) -> None:
        top = make_category(name="Top")
        below, beside = make_category(parent=top), make_category(parent=top)
        for shelf, title in ((top, "On top"), (below, "Below"), (beside, "Beside")):
            make_product(seller, title=title, category=shelf)
        make_product(seller, title="Elsewhere")
        assert set(titles(client, f"/products/category/{top.slug}")) == {
            "On top",
            "Below",
            "Beside",
        }
        assert titles(client, f"/products/category/{below.slug}") == ["Below"]

    def test_front_counts_a_shelf_with_those_below_it_up_to_a_thousand(
        self, client, seller
    ) -> None:
        upper, beside = make_category(name="Upper"), make_category(name="Upper beside")
        lower = make_category(name="Lower", parent=upper)
        beside.position = 1
        session().commit()
        make_product(seller, category=beside)
        make_product(seller, category=upper)
        make_product(seller, category=lower)
        make_product(seller, category=lower, published=False)

        def shown() -> list[str]:
            page = BeautifulSoup(client.get("/").data, "html.parser")
            return [count.get_text() for count in page.select(".category-tile__count")]

        assert shown() == ["2", "1"]
        session().execute(
            text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title,
                    description, price_minor, currency, state, sold_count, version, published_at)
                SELECT gen_random_uuid(), seller_id, category_id, 'key', false,
                    'Hay', '', 100, currency, 'published', 0, 1, now()
                FROM product one, generate_series(1, 999) n WHERE category_id = :id"""),
            {"id": upper.id},
        )
        session().commit()
        assert shown() == ["1,000+", "1"]

    def test_front_calls_bought_most_only_what_was_bought(self, client, seller) -> None:
        product = make_product(seller, title="The only one", stock=("A",))
        assert "Best-selling" not in client.get("/").get_data(as_text=True)
        session().execute(
            text("UPDATE product SET sold_count = 1 WHERE id = :id"), {"id": product.id}
        )
        session().commit()
        assert "Best-selling" in client.get("/").get_data(as_text=True)

    def test_fragment_is_the_same_as_in_the_page(self, client, seller) -> None:
        make_product(seller, title="One of them")
        page = BeautifulSoup(client.get("/products").data, "html.parser")
        part = client.get("/products", headers=PARTIAL)
        assert "HX-Request" in part.headers["Vary"]
        inner = BeautifulSoup(part.data, "html.parser")
        results = page.select_one("#results")
        assert results is not None
        for part in inner.select("[hx-swap-oob], hx-partial"):  # go to their own places in the page
            place = part.extract()
            assert page.select_one(str(place.get("hx-target") or f"#{place['id']}")) is not None
        title = inner.title
        assert title is not None
        assert page.title is not None
        assert title.extract().get_text() == page.title.get_text()
        assert squeeze(str(results)) == squeeze(str(inner))

    def test_heading_title_and_count_follow_the_search(self, client, seller) -> None:
        make_product(seller, title="Orange lamp")
        make_product(seller, title="Orange tree")
        answer = client.get("/products?q=orange&kind=key", headers=PARTIAL)
        part = BeautifulSoup(answer.data, "html.parser")
        told = {
            place["hx-target"]: squeeze(place.get_text()).strip()
            for place in part.select("hx-partial")
        }
        assert told == {"#listing-title": "Search: orange", "#results-news": "2 products"}
        assert part.select_one("#active-filters[hx-swap-oob]").get_text() == "1"
        assert part.title.get_text() == "Search: orange · ByteShop"
        assert squeeze(part.select_one("#results h2").get_text()) == "2 products"

    def test_kind_that_is_none_is_told_in_the_visitors_language(self, client) -> None:
        answer = client.get("/products?kind=ship", headers={"Accept-Language": "ru"})
        alert = BeautifulSoup(answer.data, "html.parser").select_one("#results [role=alert] li")
        assert alert.get_text() == "Тип: Выберите один из вариантов."

    def test_number_of_statements_does_not_grow(self, client, seller, query_counter) -> None:
        make_product(seller, stock=("A",))
        client.get("/products")
        query_counter.clear()
        client.get("/products")
        with_one = len(query_counter)
        for number in range(20):
            make_product(seller, stock=(f"K{number}",))
        client.get("/products")  # there are new categories
        query_counter.clear()
        client.get("/products")
        assert len(query_counter) == with_one == 1

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE category SET name_en = 'Maps' WHERE slug = 'one'",
            "UPDATE category SET position = 9 WHERE slug = 'one'",
            "DELETE FROM category WHERE slug = 'two'",
            (
                "INSERT INTO category (id, slug, name_en, name_ru, position)"
                " VALUES (gen_random_uuid(), 'zero', 'Zero', 'Ноль', 0)"
            ),
        ],
    )
    def test_change_of_a_category_shows_at_once(self, client, seller, change: str) -> None:
        def shown() -> list[str]:
            page = BeautifulSoup(client.get("/products").data, "html.parser")
            return [link.get_text() for link in page.select("#shelves a")]

        for position, name in enumerate(("one", "two", "three"), start=1):
            category = make_category(name=name)
            category.slug, category.position = name, position
            session().commit()
        make_product(seller, category=category)
        before = shown()
        assert before == shown()
        session().execute(text(change))
        session().commit()
        names = session().scalars(text("SELECT name_en FROM category ORDER BY position, slug"))
        assert shown() == list(names) != before

    @pytest.mark.parametrize(
        "query",
        [
            "price_from=x",
            "price_from=-1",
            "price_from=10&price_to=5",
            "price_to=9223372036854775808",
            "kind=ship",
            "sort=size",
            "q=" + "x" * 101,
            "price_from=NaN",
            "price_from=1e3",
        ],
    )
    def test_bad_filters_are_told_and_kept(self, client, query: str) -> None:
        name, _equals, value = query.rpartition("&")[2].partition("=")
        page = client.get(f"/products?{query}")
        part = client.get(f"/products?{query}", headers=PARTIAL)
        for answer in (page, part):
            assert answer.status_code == 422
            shown = BeautifulSoup(answer.data, "html.parser").select_one("#results [role=alert] li")
            assert shown is not None
        if name not in {"kind", "sort"}:  # a choice that was never offered can't be shown
            field = BeautifulSoup(page.data, "html.parser").select_one(f"main [name={name}]")
            assert field is not None
            assert field["value"] == value

    def test_what_is_wrong_with_a_price_stands_at_its_field_until_it_is_right(self, client) -> None:
        for address, headers in (("page", {}), ("part", PARTIAL)):
            for query, wrong in (("price_from=abc", "true"), ("price_from=5", None)):
                answer = client.get(f"/products?{query}", headers=headers)
                field = BeautifulSoup(answer.data, "html.parser").select_one("[name=price_from]")
                assert field is not None, address
                assert field["value"] == query.partition("=")[2]
                assert field.get("aria-invalid") == wrong, (address, query)

    @pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIiwiYiJd", "a" * 600, "%00", "é"])
    def test_broken_cursor_is_told(self, client, cursor: str) -> None:
        assert client.get(f"/products?after={cursor}").status_code == 422

    @pytest.mark.parametrize("words", ["'", '"', "a & | !", "%", "\\", "🎮", "<b>", "null\x00"])
    def test_any_words_can_be_searched_for(self, client, words: str) -> None:
        assert client.get("/products", query_string={"q": words}).status_code == 200

    def test_accents_apart_from_their_letters_are_found(self, client, seller) -> None:
        shelf = make_product(seller).category_id
        apart = unicodedata.normalize("NFD", "Чайная Ёлка")
        draft = Draft(shelf, Kind.KEY, shared=False, title=apart, description="", price_minor=100)
        product_id = products.create_product(seller_id=seller.id, draft=draft)
        products.publish(seller_id=seller.id, product_id=product_id, even_empty=True)
        for words in ("чайная", "ёлка", "елка", apart):
            assert titles(client, f"/products?q={words}") == ["Чайная Ёлка"]

    def test_unknown_category_is_not_found(self, client) -> None:
        assert client.get("/products/category/nowhere").status_code == 404

    def test_empty_shop_says_so(self, client) -> None:
        assert "Nothing is for sale yet" in client.get("/").get_data(as_text=True)


class TestLeft:
    def test_open_listing_asks_for_all_its_products_at_once(self, client, seller) -> None:
        units = [make_product(seller, title=f"T{n}", stock=(f"A{n}",)) for n in range(3)]
        make_product(seller, kind="text", content="words")
        page = BeautifulSoup(client.get("/products").data, "html.parser")
        [watcher] = page.select("main [data-live-topic]")
        topics = str(watcher["data-live-topic"]).split(" ")
        assert set(topics) == {f"product:{product.id}" for product in units}
        sell_out(units[0])
        part = client.get(str(watcher["hx-get"]), headers=PARTIAL)
        shown = BeautifulSoup(part.data, "html.parser")
        left = {str(one["hx-target"]): one.get_text() for one in shown.select("hx-partial")}
        assert left == {
            f"[data-left='{units[0].id}']": "Sold out",
            f"[data-left='{units[1].id}']": "Only 1 left",
            f"[data-left='{units[2].id}']": "Only 1 left",
        }
        for product in units:
            assert page.select_one(f"[data-left='{product.id}']") is not None

    def test_says_nothing_of_what_is_not_for_sale_and_reads_any_address(
        self, client, seller
    ) -> None:
        draft = make_product(seller, stock=("A",), published=False)
        url = f"/products/left?id={draft.id}&id=x&id=%00&id="
        part = client.get(url, headers=PARTIAL)
        assert (part.status_code, part.get_data(as_text=True).strip()) == (200, "")
        assert client.get(url).headers["Location"] == "/products"

    def test_asks_the_database_as_much_for_one_as_for_many(
        self, client, seller, query_counter
    ) -> None:
        ids = [make_product(seller, stock=(f"K{n}",)).id for n in range(9)]
        asked = []
        for some in (ids[:1], ids):
            query_counter.clear()
            client.get("/products/left", query_string={"id": some}, headers=PARTIAL)
            asked.append(len(query_counter))
        assert asked[0] == asked[1] <= 2


def sell_out(product) -> None:
    session().execute(
        text("UPDATE stock_item SET state = 'withdrawn' WHERE product_id = :id"),
        {"id": product.id},
    )
    session().commit()


def squeeze(html: str) -> str:
    return re.sub(r"\s+", " ", html).strip()


class TestDetail:
    def test_shows_the_true_stock_and_offers_to_buy(self, client, seller) -> None:
        product = make_product(seller, title="Nine left", stock=tuple("ABCDEFGHI"))
        page = client.get(f"/products/{product.id}").get_data(as_text=True)
        assert "Nine left" in page
        assert 'max="9"' in page

    def test_sold_out_can_not_be_bought(self, client, seller) -> None:
        product = make_product(seller)
        page = client.get(f"/products/{product.id}").get_data(as_text=True)
        assert "Sold out" in page
        assert "Add to basket" not in page

    def test_sold_out_leads_to_what_is_like_it(self, client, seller) -> None:
        shelf = make_category()
        gone = make_product(seller, title="Gone", category=shelf)
        other = make_product(seller, title="Still there", category=shelf, stock=("A",))
        page = BeautifulSoup(client.get(f"/products/{gone.id}").data, "html.parser")
        way_on = page.select_one("#stock a.btn")
        assert titles(client, way_on["href"]) == [other.title]

    def test_others_are_shown_what_the_link_leads_to(self, client, seller) -> None:
        product = make_product(seller, title="Tea & more", description='**Strong** "black" tea')
        page = BeautifulSoup(client.get(f"/products/{product.id}").data, "html.parser")
        said = {
            tag.get("property") or tag["name"]: tag["content"]
            for tag in page.select("head meta[content]")
            if tag.get("property") or tag.get("name")
        }
        assert said["og:title"] == "Tea & more"
        assert said["description"] == said["og:description"] == 'Strong "black" tea'
        address = said["og:url"]
        assert address.startswith("http")
        assert address.endswith(f"/products/{product.id}")
        assert page.select_one("link[rel=canonical]")["href"] == address

    def test_stock_fragment_alone(self, client, seller) -> None:
        product = make_product(seller, stock=("A",))
        part = client.get(f"/products/{product.id}", headers=PARTIAL).get_data(as_text=True)
        assert part.lstrip().startswith('<div id="stock"')

    @pytest.mark.parametrize(
        ("typed", "kept"), [("2", "2"), ("9", "3"), ("0", "1"), ("-4", "1"), ("x", "1"), ("", "1")]
    )
    def test_stock_moves_and_the_typed_quantity_stays(
        self, client, seller, typed: str, kept: str
    ) -> None:
        product = make_product(seller, stock=("A", "B", "C"))
        url = f"/products/{product.id}?quantity={typed}"
        part = BeautifulSoup(client.get(url, headers=PARTIAL).data, "html.parser")
        quantity = part.select_one("[name=quantity]")
        assert quantity is not None
        assert (quantity["value"], quantity["max"]) == (kept, "3")

    @pytest.mark.parametrize(
        ("state", "status"), [("draft", 404), ("hidden", 404), ("removed", 410)]
    )
    def test_what_is_not_on_sale(self, client, login, seller, state: str, status: int) -> None:
        product = make_product(seller)
        session().execute(text("UPDATE product SET state = :state"), {"state": state})
        session().commit()
        assert client.get(f"/products/{product.id}").status_code == status
        own = login(seller).get(f"/products/{product.id}").status_code
        assert own == (410 if state == "removed" else 200)

    def test_text_of_a_shared_product_is_nowhere_on_its_page(self, client, login, seller) -> None:
        product = make_product(seller, kind="text", content="THE-SECRET-TEXT")
        for browser in (client, login(seller)):
            assert b"THE-SECRET-TEXT" not in browser.get(f"/products/{product.id}").data
        assert b"THE-SECRET-TEXT" not in login(seller).get(f"/products/{product.id}/edit").data


def test_photos_in_view_are_fetched_first_and_the_others_late(
    app: Flask, client: FlaskClient
) -> None:
    seller = make_user(roles=("seller",))
    with BytesIO() as out:
        Image.new("RGB", (1200, 900), "teal").save(out, "JPEG")
        data = out.getvalue()
    for number in range(6):
        product = make_product(seller, stock=(f"KEY-{number}",))
        session().get_one(Product, product.id).photo_id = store_photo(owner_id=seller.id, data=data)
        session().commit()
    for path in ("/products", "/"):
        photos = BeautifulSoup(client.get(path).data, "html.parser").select(".grid img")[:6]
        assert [photo.get("fetchpriority") for photo in photos] == ["high"] * 4 + [None] * 2, path
        assert [photo.get("loading") for photo in photos] == [None] * 4 + ["lazy"] * 2, path
        for photo in photos:
            assert (photo["width"], photo["height"]) == ("640", "480")
            widths = [one.split()[1] for one in photo["srcset"].split(", ")]
            assert widths == ["160w", "360w", "480w", "960w"]
            assert all(
                client.get(one.split()[0]).status_code == 200 for one in photo["srcset"].split(", ")
            )
