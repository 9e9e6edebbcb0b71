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
    if not app.config["COMPRESS_ANSWERS"]:
        return
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


def _stays_plain(response: Response) -> bool:
    if request.endpoint == "static":
        return True  # or it was packed there, and has the tag of how it is
    # An object's tag is the version that a change names with If-Match: one, however it is sent.
    view = current_app.view_functions.get(request.endpoint or "")
    if "ETag" in response.headers and view and operation_of(view):
        return True
    # The length of a page of somebody's own tells nothing to a site that has it asked for.
    asked_elsewhere = request.headers.get("Sec-Fetch-Site") in ELSEWHERE
    return asked_elsewhere and bool(response.cache_control.no_store)
