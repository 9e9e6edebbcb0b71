"""Addresses of static files, with a hash of the content, so that they may be cached for ever."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, g, request, url_for
from markupsafe import Markup

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


def icon(name: str, cls: str = "") -> Markup:
    """A decorative icon from static/icons/sprite.svg; it says nothing to screen readers."""
    return _icon(str(name), cls, asset("icons/sprite.svg"))


@lru_cache
def _icon(name: str, cls: str, sprite: str) -> Markup:
    classes = f"icon {cls}" if cls else "icon"
    return Markup(
        '<svg class="{}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>'
    ).format(classes, sprite, name)


def init_app(app: Flask) -> None:
    """Give templates `asset()` and `icon()`."""
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["icon"] = icon
    app.after_request(_cache)


def _cache(response: Response) -> Response:
    if request.endpoint == "static" and "v" in request.args and response.status_code < 400:
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response
