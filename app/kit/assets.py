"""Addresses of static files, with a hash of the content, so that they may be cached for ever."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for

HASH_LENGTH = 12
YEAR = 31_536_000


@cache
def _content_hash(path: Path, _mtime: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_LENGTH]


def asset(name: str) -> str:
    """The address of `static/<name>`; FileNotFoundError if set-up has not put it there."""
    path = Path(current_app.static_folder or "") / name
    return url_for("static", filename=name, v=_content_hash(path, path.stat().st_mtime_ns))


def init_app(app: Flask) -> None:
    """Give templates `asset()`."""
    app.jinja_env.globals["asset"] = asset
    app.after_request(_cache)


def _cache(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code < 400:
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response
