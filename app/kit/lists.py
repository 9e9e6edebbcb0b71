"""Lists of pages that go on: what an address asks for of a list, and the address of the rest.

Whoever comes back to a list finds as much of it as was open: with each page that htmx adds to one,
the address in the browser says how many pages there are by now. A list that fetches itself anew
asks for `again`: as much as is open in the page around it. A page with several lists names them;
an address without a name means its only one.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Flask, Response, request
from werkzeug.datastructures import MultiDict

from app.kit import htmx
from app.kit.paging import PAGE_SIZE, Page

PAGES_KEPT = 10  # so many are shown at once to whoever comes back
_NAME, _AFTER, _PAGES, _AGAIN = "part", "after", "pages", "again"


@dataclass(frozen=True)
class Asked:
    """The page after a cursor, or the first pages at once."""

    after: str | None
    pages: int

    def size(self, page_size: int = PAGE_SIZE) -> int:
        """How many items that is."""
        return page_size if self.after else page_size * self.pages


def init_app(app: Flask) -> None:
    """Keep the address in the browser in step with what is open."""
    app.after_request(_note_pages)


def asked(name: str = "") -> Asked:
    """What the address asks for of this list."""
    shown = _around() if _AGAIN in request.args else request.args
    pages = shown.get(name or _PAGES, 1, type=int)
    is_meant = request.args.get(_NAME, "") == name
    return Asked(request.args.get(_AFTER) if is_meant else None, min(max(pages, 1), PAGES_KEPT))


def _around() -> MultiDict[str, str]:
    path, query = htmx.page_around()
    return MultiDict(parse_qsl(query) if path == request.path else ())


def rest_of(page: Page[Any], path: str, name: str = "") -> str | None:
    """The address of the list's next page, None on the last; `path` is where the list stands."""
    if page.next_cursor is None:
        return None
    args = MultiDict(request.args)
    args.pop(_AGAIN, None)
    args[name or _PAGES] = str(asked(name).pages + 1)
    args[_AFTER] = page.next_cursor
    if name:
        args[_NAME] = name
    return f"{path}?{urlencode(list(args.items(multi=True)))}"


def _note_pages(response: Response) -> Response:
    if _AFTER not in request.args or response.status_code != HTTPStatus.OK:
        return response
    path, query = htmx.page_around()
    if path == request.path:
        name = request.args.get(_NAME) or _PAGES
        args = MultiDict(parse_qsl(query))
        args[name] = request.args.get(name, "1")
        htmx.set_address(response, f"{path}?{urlencode(list(args.items(multi=True)))}")
    return response
