"""Lists that go on: what an address asks for, and what it becomes with each page."""

import pytest
from flask import Flask, Response, request

from app.kit import lists
from app.kit.paging import Page

MORE = Page([1], "c+r")
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.mark.parametrize(
    ("query", "after", "size"),
    [
        ("", None, 30),
        ("pages=3", None, 90),
        ("pages=3&after=x", "x", 30),
        ("after=", None, 30),
        ("pages=99", None, 300),
        *[(f"pages={odd}", None, 30) for odd in ("0", "-1", "x", "1e9", "", "9" * 5000)],
    ],
)
def test_what_is_asked_for(app: Flask, query: str, after: str | None, size: int) -> None:
    with app.test_request_context(f"/list?{query}"):
        asked = lists.asked()
        assert (asked.after or None, asked.size()) == (after, size)


def test_rest_keeps_what_else_the_address_says(app: Flask) -> None:
    with app.test_request_context("/list?q=a%26b&kind=key&kind=link&after=old"):
        rest = lists.rest_of(MORE, "/list")
        assert rest == "/list?q=a%26b&kind=key&kind=link&after=c%2Br&pages=2"
        assert lists.rest_of(Page([1], None), "/list") is None


def test_lists_of_one_page_are_asked_for_apart(app: Flask) -> None:
    with app.test_request_context("/list?keys=2&units=3"):
        assert lists.asked("keys").size(10) == 20
        assert lists.asked("units").size(10) == 30
        rest = lists.rest_of(MORE, "/list", "units")
    assert rest == "/list?keys=2&units=4&after=c%2Br&part=units"
    with app.test_request_context(rest):
        assert lists.asked("units") == lists.Asked("c+r", 4)
        assert lists.asked("keys") == lists.Asked(None, 2)


def test_list_that_fetches_itself_anew_has_as_much_as_is_open(app: Flask) -> None:
    def size(shown_at: str) -> int:
        headers = {"HX-Current-URL": f"http://localhost{shown_at}", **PARTIAL}
        with app.test_request_context("/list?kind=key&again=1", headers=headers):
            assert "again" not in (lists.rest_of(MORE, "/list") or "")
            return lists.asked().size()

    assert size("/list?pages=3") == 90
    assert size("/list") == 30
    assert size("/another?pages=3") == 30


def address_after(
    app: Flask, query: str, shown_at: str, *, status: int = 200, partial: bool = True
) -> str | None:
    headers = {"HX-Current-URL": shown_at, **(PARTIAL if partial else {})}
    with app.test_request_context(f"/products?{query}", headers=headers):
        assert request.endpoint
        response = app.process_response(Response(status=status))
        return response.headers.get("HX-Replace-Url")


SHOWN = "http://localhost/products"


def test_address_in_the_browser_says_how_many_pages_are_open(app: Flask) -> None:
    assert address_after(app, "pages=2&after=x", SHOWN) == "/products?pages=2"
    shown = f"{SHOWN}?q=%D1%91&pages=2&kind=key&kind=link#end"
    assert address_after(app, "pages=3&after=x", shown) == (
        "/products?q=%D1%91&pages=3&kind=key&kind=link"
    )
    # Another list of the page was opened further since its link was made.
    shown = f"{SHOWN}?batches=4"
    of_units = "units=2&part=units&after=x"
    assert address_after(app, of_units, shown) == "/products?batches=4&units=2"


@pytest.mark.parametrize(
    "shown", ["", "http://[", "http://localhost/other", "javascript:alert(1)", "//evil.example"]
)
def test_no_other_page_gets_an_address(app: Flask, shown: str) -> None:
    assert address_after(app, "pages=2&after=x", shown) is None


def test_nor_does_what_adds_no_page(app: Flask) -> None:
    assert address_after(app, "pages=2", SHOWN) is None
    assert address_after(app, "pages=2&after=x", SHOWN, partial=False) is None
    assert address_after(app, "pages=2&after=x", SHOWN, status=422) is None
