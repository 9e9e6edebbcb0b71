"""Pages and their fragments. The only file that knows htmx's headers.

https://four.htmx.org/docs: htmx 4 says `HX-Request-Type: partial` when it wants a part of a page.
"""

from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from jinja2_fragments.flask import render_block, render_blocks
from werkzeug.urls import iri_to_uri

VARY = "HX-Request, HX-Request-Type"


def is_htmx() -> bool:
    """Whether htmx sent the request."""
    return request.headers.get("HX-Request") == "true"


def wants_fragment() -> bool:
    """Whether htmx will put the answer into a part of the page."""
    return is_htmx() and request.headers.get("HX-Request-Type") == "partial"


def page(
    template: str,
    *,
    fragment: str | tuple[str, ...] | None = None,
    status: int = 200,
    **context: Any,
) -> Response:
    """Render the page, or only its named block(s) when htmx asks for a part of it.

    Several blocks serve out-of-band swaps. The answer varies on the headers that were read.
    """
    if fragment and wants_fragment():
        if isinstance(fragment, str):
            body = render_block(template, fragment, **context)
        else:
            body = render_blocks(template, list(fragment), **context)
    else:
        body = render_template(template, **context)
    response = make_response(body, status)
    response.headers.add("Vary", VARY)
    return response


def redirect_to(url: str) -> ResponseReturnValue:
    """See other; for htmx the whole window goes there."""
    if is_htmx():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = iri_to_uri(url)  # headers are ASCII
    else:
        response = make_response(redirect(url, code=303))
    response.headers.add("Vary", VARY)
    return response


def page_around() -> tuple[str, str]:
    """Path and query of the page that a part is asked for; empty where none is, or none is said."""
    try:
        parts = urlsplit(request.headers.get("HX-Current-URL", "") if wants_fragment() else "")
    except ValueError:
        return "", ""
    return unquote(parts.path), parts.query


def set_address(response: Response, url: str) -> None:
    """Have the browser's address, and its entry in the history, become this one."""
    response.headers["HX-Replace-Url"] = iri_to_uri(url)


def into_notices(response: Response) -> Response:
    """Have htmx show a problem among the notices instead of where the answer was expected."""
    response.headers["HX-Retarget"] = "#notices"
    response.headers["HX-Reswap"] = "beforeend"
    return response
