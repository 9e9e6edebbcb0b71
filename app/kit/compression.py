"""Answers that are made when they are asked for are compressed, as the browser can read it.

Files below `static` are `assets`' work, and photos are small already.
"""

from flask import Flask, Response, current_app, request
from flask_compress import Compress

from app.kit.api.operations import operation_of
from app.kit.csrf import ELSEWHERE

# Of 50 kB, each takes less than half a millisecond.
LEVELS = {"COMPRESS_ZSTD_LEVEL": 3, "COMPRESS_BR_LEVEL": 4, "COMPRESS_LEVEL": 4}
ENCODINGS = ["zstd", "br", "gzip"]
TYPES = [
    "text/html",
    "text/plain",
    "text/csv",
    "application/json",
    "application/xml",
]


def init_app(app: Flask) -> None:
    """Compress what the shop answers; comes before all else that works on answers."""
    if app.config["COMPRESS_ANSWERS"]:
        _compress(app)
    app.after_request(_hide_length)


def _compress(app: Flask) -> None:
    app.config.update(LEVELS)
    app.config.update(
        COMPRESS_ALGORITHM=ENCODINGS,
        COMPRESS_MIMETYPES=TYPES,
        COMPRESS_STREAMS=False,
        COMPRESS_REGISTER=False,
    )
    library = Compress()
    library.init_app(app)

    def compress(response: Response) -> Response:
        return response if _stays_plain(response) else library.after_request(response)

    app.after_request(compress)


def _hide_length(response: Response) -> Response:
    """Forbid everyone to compress a page of somebody's own that another site has asked for.

    Its length tells nothing to that site then.
    """
    asked_elsewhere = request.headers.get("Sec-Fetch-Site") in ELSEWHERE
    if asked_elsewhere and response.cache_control.no_store:
        # https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.6
        response.cache_control.no_transform = True
    return response


def _stays_plain(response: Response) -> bool:
    # What lies below `static` has its tag already, for the form in which it is sent.
    if request.endpoint == "static" or response.cache_control.no_transform:
        return True
    # An object's tag is the version that a change names with If-Match: one, however it is sent.
    view = current_app.view_functions.get(request.endpoint or "")
    return "ETag" in response.headers and view is not None and operation_of(view) is not None
