"""Static files: kept for ever under an address that has a hash of their content, and compressed.

The shop's stylesheets are sent as one, without comments. That one, and what is compressed, is made
in memory when it is first asked for: there is nothing to build, and nothing may be out of date.
"""

import gzip
import hashlib
import mimetypes
import os
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

import brotli
import rcssmin
from flask import Flask, Response, abort, current_app, g, request, url_for
from markupsafe import Markup
from werkzeug.security import safe_join

HASH_LENGTH = 12
YEAR = 31_536_000
STYLES = "css/site.css"  # the one of all
# Their order is of no account but for the first, which names the layers.
SHEETS = ("css/tokens.css", "css/base.css", "css/layout.css", "css/components.css", "css/print.css")
PAGE_SHEETS = "css/pages/*.css"
COMPRESSED = {"text/css", "text/javascript", "application/javascript", "image/svg+xml"}
# A file is compressed once in a process, and of the levels above none gains five per cent.
BROTLI_LEVEL, GZIP_LEVEL = 5, 9
REMEMBERED = 64  # files, in each of their forms


def asset(name: str) -> str:
    """The address of `static/<name>`; FileNotFoundError if set-up has not put it there."""
    known: dict[str, str] = g.setdefault("asset_addresses", {})  # a page of icons asks for one file
    if name not in known:
        known[name] = url_for("static", filename=name, v=_hash(_content(name)))
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
    """Give templates `asset()` and `icon()`, and serve what they name."""
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["icon"] = icon
    app.view_functions["static"] = _serve
    app.config.setdefault("COMPRESS_ANSWERS", True)


def _serve(filename: str) -> Response:
    try:
        content = _content(filename)
    except FileNotFoundError:
        abort(HTTPStatus.NOT_FOUND)
    mimetype = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    version = _hash(content)
    response = Response(content, mimetype=mimetype)
    if mimetype in COMPRESSED:
        response.vary.add("Accept-Encoding")
        encoding = request.accept_encodings.best_match(list(_PACKERS))
        if encoding and current_app.config["COMPRESS_ANSWERS"]:
            response.set_data(_packed(content, encoding))
            response.content_encoding = encoding
            version = f"{version}-{encoding}"
    response.set_etag(version)
    # Another version than the one that is asked for, amid a release, is not kept under its name.
    is_current = request.args.get("v") == _hash(content)
    response.headers["Cache-Control"] = (
        f"public, max-age={YEAR}, immutable" if is_current else "no-cache"
    )
    response.make_conditional(request)
    return response


def _content(name: str) -> bytes:
    folder = current_app.static_folder or ""
    if name == STYLES:
        sheets = [Path(folder) / sheet for sheet in SHEETS]
        sheets += sorted(Path(folder).glob(PAGE_SHEETS))
        return _joined(tuple((sheet, sheet.stat().st_mtime_ns) for sheet in sheets))
    path = safe_join(folder, name)
    # Unlike Path's, this one calls what can't even be a name no file.
    if path is None or not os.path.isfile(path):  # noqa: PTH113
        raise FileNotFoundError(name)
    return _file(Path(path), Path(path).stat().st_mtime_ns)


@lru_cache(REMEMBERED)
def _file(path: Path, _mtime: int) -> bytes:
    return path.read_bytes()


@lru_cache(1)
def _joined(sheets: tuple[tuple[Path, int], ...]) -> bytes:
    joined = "\n".join(path.read_text(encoding="utf-8") for path, _mtime in sheets)
    return str(rcssmin.cssmin(joined)).encode()


@lru_cache(REMEMBERED)
def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:HASH_LENGTH]


@lru_cache(REMEMBERED)
def _packed(content: bytes, encoding: str) -> bytes:
    return _PACKERS[encoding](content)


# In the order in which they are preferred.
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda content: brotli.compress(content, quality=BROTLI_LEVEL),
    "gzip": lambda content: gzip.compress(content, GZIP_LEVEL, mtime=0),
}
