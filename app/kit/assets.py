"""Addresses of static files, with a hash of the content, so that they may be cached for ever."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, current_app, g, request, url_for

HASH_LENGTH = 12
YEAR = 31_536_000


@cache
def _content_hash(path: Path, _mtime: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:HASH_LENGTH]


def asset(name: str) -> str:
    """The address of `static/<name>`; FileNotFoundError if set-up has not put it there."""
    known: dict[str, str] = g.setdefault("asset_addresses", {})  # a page of icons asks for one file
    if name not in known:
        path = Path(current_app.static_folder or "") / name
        version = _content_hash(path, path.stat().st_mtime_ns)
        known[name] = url_for("static", filename=name, v=version)
    return known[name]


def init_app(app: Flask) -> None:
    """Give templates `asset()`."""
    app.jinja_env.globals["asset"] = asset
    app.after_request(_cache)


def _cache(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code < 400:
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response
