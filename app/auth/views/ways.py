"""Where a visitor was going, kept while they make an account, or set a new password by mail."""

from flask import request, session, url_for

from app.kit.requests import own_path

_WAY = "way"


def note() -> None:
    """Keep where the address of this page says that the visitor wants to go."""
    path = own_path(request.args.get("next"), "")
    if path:
        session[_WAY] = path


def kept() -> str | None:
    """Where the visitor was going when they left for a form or a mail, if they were."""
    path: str | None = session.get(_WAY)
    return path


def destination() -> str:
    """Where to go after the login: what the page says, else what was kept, else the catalogue."""
    return own_path(request.values.get("next"), kept() or url_for("products.catalogue"))
