"""Whatever stands in an address or is looked for: an answer, and never a fault of the shop's."""

from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.auth.models import User
from app.kit.paging import encode_cursor
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product
from tests.support.programs import Program, program_of

# Every place in which a query of PostgreSQL's is made of what a person has written.
PAGES = {
    "/products": ("q", "kind", "price_from", "price_to", "in_stock", "seller", "sort", "after"),
    "/products/category/{slug}": ("q", "after"),
    "/products/left": ("id",),
    "/products/{product}": ("quantity",),
    "/products/{product}/reviews": ("sort", "stars", "hidden", "after"),
    "/products/mine": ("after",),
    "/products/{product}/stock": ("part", "state", "after"),
    "/order/purchases": ("q", "show", "after"),
    "/order/sales": ("after",),
}
API = {
    "/products": ("q", "category", "kind", "price_from", "price_to", "in_stock", "sort", "after"),
    "/products/mine": ("after", "limit"),
    "/products/{product}/reviews": ("sort", "stars", "after"),
    "/admin/reviews/reports": ("after",),
    "/products/mine/{product}/stock/units": ("state", "after"),
    "/order": ("q", "unfinished", "after"),
    "/admin/users": ("q", "role", "banned", "after"),
}
# Logged in once for each test, not for each example.
BROWSERS: dict[UUID, FlaskClient] = {}
PROGRAMS: dict[UUID, Program] = {}
FIRST = UUID(int=0)
CURSORS = [
    (10**40, FIRST),
    (-(10**40), FIRST),
    (2**63, FIRST),
    (datetime.min.replace(tzinfo=UTC), FIRST),
    (datetime.max.replace(tzinfo=UTC), FIRST),
    (FIRST,),
    ("\x00",),
]
HOSTILE = [
    *("-" * 33, "- - -", "-" * 100, "!" * 100, "(" * 100, "- " * 50, '"' * 99, "' " * 50),
    *(":*", "a:*", "a:*b & | !", "<->", "a <-> b", "\\", "\\\\'", "%", "%_%", "[[:alpha:]](", "*"),
    *(
        "null\x00byte",
        "\x00",
        "½",
        "™" * 50,
        "ﷺ" * 100,
        "İ" * 50,
        "é̂" * 30,
        "🎮",
        "\u202e",
        "\ufeff",
    ),
    *("9" * 100, "-1", "1e999", "NaN", "0x10", "9223372036854775808", "1_0", "١٢"),
    *("the", "и", "a", "s", "don't", "C++", "half-life 3.5", "a@b.example", "http://x/?q=1"),
    *(encode_cursor(values) for values in CURSORS),
]
words = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=100),
    st.text("-!&|()':*<>\"\\ ab%_", max_size=100),
).map(str.encode)
# As a browser never sends it: no UTF-8, halves of pairs.
query = words | st.binary(max_size=60) | st.sampled_from([b"\xed\xa0\x80", b"\xff", b"a\xc0\x80"])


CALM = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
asked = st.lists(st.tuples(st.integers(0, 7), query), min_size=1, max_size=3)


@pytest.fixture
def person(app: Flask) -> User:
    return make_user(roles=("seller", "admin"))


@pytest.fixture
def place(person: User) -> dict[str, str]:
    product = make_product(person, title="Größe: Crème brûlée", stock=("A-1",))
    return {"product": str(product.id), "slug": make_category().slug}


def address(path: str, place: dict[str, str], pairs: list[tuple[int, bytes]], names) -> str:
    given = "&".join(f"{names[number % len(names)]}={quote(value)}" for number, value in pairs)
    return f"{path.format(**place)}?{given}"


@CALM
@given(path=st.sampled_from(sorted(PAGES)), pairs=asked)
def test_pages_bear_anything(person: User, place: dict[str, str], login, path, pairs) -> None:
    browser = BROWSERS.get(person.id) or BROWSERS.setdefault(person.id, login(person))
    asked_for = address(path, place, pairs, PAGES[path])
    for headers in ({}, {"HX-Request": "true", "HX-Request-Type": "partial"}):
        assert browser.get(asked_for, headers=headers).status_code < 500, asked_for


@CALM
@given(path=st.sampled_from(sorted(API)), pairs=asked)
def test_programs_may_ask_anything(app: Flask, person: User, place, path, pairs) -> None:
    program = PROGRAMS.get(person.id) or PROGRAMS.setdefault(person.id, program_of(app, person))
    asked_for = address(path, place, pairs, API[path])
    assert program.get(asked_for).status_code < 500, asked_for


@pytest.mark.parametrize("words", HOSTILE)
def test_each_hostile_word_is_answered_by_every_search(
    app: Flask, person: User, place, login, words: str
) -> None:
    browser, program = login(person), program_of(app, person)
    for path in ("/products", "/order/purchases"):
        for name in ("q", "after"):
            assert browser.get(path, query_string={name: words}).status_code in {200, 422}
    for path in ("/products", "/order", "/admin/users"):
        assert program.get(path, query_string={"q": words}).status_code in {200, 422}
