"""Who makes a request: flask-login's loader, and the session cookie it reads.

The signed cookie holds a random secret; the row of `login_session` with its hash says whose browser
it is. So a session ends on the server, whatever the browser keeps.
"""

from collections.abc import Collection
from uuid import UUID

from flask import Flask, Request, Response, g, request, session
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.exc import OperationalError

from app.auth import queries
from app.auth.models import User
from app.auth.scopes import scopes_for
from app.auth.service import bearer, sessions
from app.extensions import login_manager
from app.kit import headers
from app.kit.access import insufficient_scope
from app.kit.errors import Forbidden
from app.kit.requests import is_api

SECRET = "login"  # noqa: S105  # the name of a field
KEPT = ("locale", "guest_basket")
_FAILED = "identity_failed"


def init_app(app: Flask) -> None:
    """Tell flask-login how to know people."""
    app.config["PERMANENT_SESSION_LIFETIME"] = queries.LIFETIME
    login_manager.session_protection = None  # the row decides, not the browser's address
    login_manager.request_loader(_load)
    app.after_request(_note_use)


def me() -> User:
    """Who is logged in; only for routes that demand a login."""
    user: User = current_user
    return user


def _load(_request: Request) -> User | None:
    return _load_program() if is_api() else _load_browser()


def _load_program() -> User | None:
    """Whose token or key the request shows; BadToken if it is good for nothing."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    caller = bearer.verify(token.strip())
    g.caller = caller
    g.scopes = caller.scopes
    return caller.user


def insist_on_login() -> None:
    """Refuse an API key for what gives power to others, or to itself; Forbidden."""
    caller: bearer.Caller | None = g.get("caller")
    if caller is not None and caller.api_key_id is not None:
        raise Forbidden("login_needed", _("An API key can't do this. Log in to get a token."))


def insist_on_scopes(scopes: Collection[str]) -> None:
    """Refuse a token that hands on more than it is good for itself; Forbidden."""
    caller: bearer.Caller | None = g.get("caller")
    if caller is None:
        return
    # What nobody with these roles may do is refused by name, later.
    possible = {scope.value for scope in scopes_for(caller.user)}
    if not possible & set(scopes) <= caller.scopes:
        raise insufficient_scope()


def _load_browser() -> User | None:
    secret = session.get(SECRET)
    # After a failure the page that tells of it is a guest's: asking again would fail again.
    if not isinstance(secret, str) or _FAILED in g:
        return None
    try:
        visit = queries.visit(secret)
    except OperationalError:
        setattr(g, _FAILED, True)
        raise
    if visit is None:
        session.pop(SECRET)
        return None
    g.visit = visit
    headers.personal()
    return visit.user


def _note_use(response: Response) -> Response:
    visit: queries.Visit | None = g.get("visit")
    if visit is not None and visit.stale:
        sessions.note_use(session_id=visit.session_id)
    return response


def current_session_id() -> UUID | None:
    """The session that this request was made with."""
    visit: queries.Visit | None = g.get("visit")
    return visit.session_id if visit else None


def count(name: str) -> int:
    """One of the numbers beside who is logged in, as it was when the request began.

    Read with the login: it costs no statement.
    """
    if not current_user.is_authenticated:
        return 0
    visit: queries.Visit | None = g.get("visit")
    return visit.counts.get(name, 0) if visit else queries.count_of(current_user.id, name)


def remember(secret: str) -> None:
    """Log this browser in: a new cookie, from which only the language and the basket are kept."""
    kept = {name: session[name] for name in KEPT if name in session}
    session.clear()
    session.update(kept)
    session.permanent = True
    session[SECRET] = secret
    g.pop("visit", None)


def forget() -> None:
    """Log this browser out: of the cookie only the language is kept."""
    locale = session.get("locale")
    session.clear()
    if locale:
        session["locale"] = locale
    g.pop("visit", None)
