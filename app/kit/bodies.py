"""How much a request may send: little, unless its route states more.

Checked before anything is parsed and before it is looked up who asks: by Content-Length at once,
and where a body comes in chunks of unknown number while it is read.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar

from flask import Flask, current_app, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import RequestEntityTooLarge

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

F = TypeVar("F", bound=Callable[..., Any])
KIB = 1024
MIB = 1024 * KIB
_ATTRIBUTE = "body_limit"
_ENCODED = "application/x-www-form-urlencoded"
# Whatever a route takes: each sign of such a form may be three that are put together one by one.
_MOST_ENCODED = 256 * KIB
_MOST_FIELDS = 200
_MOST_DRAINED = 32 * MIB
_CHUNK = 64 * KIB


@dataclass(frozen=True)
class Limit:
    """What a route takes, in bytes: all together, and what of a form is not in files."""

    total: int
    text: int


SMALL = Limit(64 * KIB, 64 * KIB)


def takes(total: int, *, text: int | None = None) -> Callable[[F], F]:
    """State that the view takes up to `total` bytes, `text` of them outside of files.

    For text reckon with what it is sent as: 4 bytes a character in a form, 12 in JSON.
    """

    def mark(view: F) -> F:
        setattr(view, _ATTRIBUTE, Limit(total, total if text is None else text))
        return view

    return mark


def limit_of(endpoint: str | None) -> Limit:
    """What a route takes."""
    view = current_app.view_functions.get(endpoint or "")
    found: Limit = getattr(view, _ATTRIBUTE, SMALL)
    return found


def init_app(app: Flask) -> None:
    """Bound each request's body. Comes before all that might read one."""
    app.config["MAX_FORM_PARTS"] = _MOST_FIELDS
    app.json = BoundedJSON(app)
    app.before_request(_bound)
    app.wsgi_app = Drained(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented way


def _bound() -> None:
    limit = limit_of(request.endpoint)
    encoded = request.mimetype == _ENCODED
    most = min(limit.total, _MOST_ENCODED) if encoded else limit.total
    request.max_content_length = most + 1  # Werkzeug cuts off there: what has as much is too much
    request.max_form_memory_size = limit.text
    if request.content_length is not None and request.content_length > most:
        raise RequestEntityTooLarge
    if encoded and request.get_data().count(b"&") >= _MOST_FIELDS:
        raise RequestEntityTooLarge


class BoundedJSON(DefaultJSONProvider):
    """JSON whose nesting is bounded: beyond what Python reads it is no JSON to us."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """As Flask's own; ValueError for what is nested too deeply as for what is no JSON."""
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


class Drained:
    """Reads what an answer has left of its request's body before the answer goes out.

    A server that closes while the asker is still sending may tear down the answer with the
    connection: https://www.rfc-editor.org/rfc/rfc9112#section-9.6.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer, with the body read to its end."""
        body: IO[bytes] = environ["wsgi.input"]
        answer = self._app(environ, start_response)
        if environ.get("wsgi.input_terminated") and (
            environ.get("CONTENT_LENGTH") or environ.get("HTTP_TRANSFER_ENCODING")
        ):
            _drain(body)
        return answer


def _drain(body: IO[bytes]) -> None:
    left = _MOST_DRAINED
    try:
        while left > 0 and (read := len(body.read(_CHUNK))):
            left -= read
    except (OSError, ValueError):
        return  # the asker is gone, or what it sends is no body: the server finds out by itself
