"""The token by which a form is known to be of a page of ours, so that no other site can send it.

It goes with the cookie of the session: a login in another tab makes those of open pages useless.
What was done there is not lost, if the browser says that a page of ours asks. A script of ours gets
the new token and sends the same once more by itself, unless its page was made for another account
than the one that is logged in by now. A form whose view is marked by `keeps_words` is shown
again as it was filled in; any other is repeated by one button.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from app.kit.errors import Forbidden
from app.kit.htmx import is_htmx
from app.kit.masks import protection, token

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "keeps_words"
# A page's scripts say the token and whom the page was made for; a refusal says the new token.
_TOKEN = "X-CSRFToken"  # noqa: S105  # the name of a header
_PERSON = "X-Page-Of"
FIELD = "csrf_token"  # of a form
_NOBODY = ""


def keeps_words(view: F) -> F:
    """Let the view answer an outdated token itself: its form, then not valid, is shown again.

    Only for a view that does nothing before `form.validate_on_submit()`.
    """
    setattr(view, _ATTRIBUTE, True)
    return view


def init_app(app: Flask) -> None:
    """Check every change that people ask for; blueprints and views may be exempt by themselves."""
    protection.init_app(app)
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # by what follows instead
    app.before_request(_check)
    app.jinja_env.globals["script_headers"] = script_headers
    # In the place of Flask-WTF's own: macros read globals, pages their context.
    app.jinja_env.globals["csrf_token"] = token
    app.context_processor(lambda: {"csrf_token": token})


def _check() -> None:
    if not current_app.config["WTF_CSRF_ENABLED"]:
        return
    try:
        protection.protect(apply_exemptions=True)
    except CSRFError:
        view = current_app.view_functions.get(request.endpoint or "")
        if is_htmx() or not getattr(view, _ATTRIBUTE, False) or not is_from_our_page():
            raise
    # The token alone should do; but who has got hold of one is still on another site.
    if g.get("csrf_valid") and request.headers.get("Sec-Fetch-Site", "none") in ELSEWHERE:
        raise Forbidden(
            "foreign_page", _("This request came from another site. Please try again here.")
        )


# https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
ELSEWHERE = {"cross-site", "same-site"}


def is_from_our_page() -> bool:
    """Whether the browser says that a page of ours has sent it."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") == request.host_url.rstrip("/")


def is_page_of_another() -> bool:
    """Whether the page that asks was made for somebody else than who is logged in now."""
    made_for = request.headers.get(_PERSON, _NOBODY)
    return made_for not in {_NOBODY, _person()} and _person() != _NOBODY


def script_headers() -> dict[str, str]:
    """What scripts of this page send along with each change."""
    return {_TOKEN: token(), _PERSON: _person()}


def renew(response: Response) -> Response:
    """Hand the token that counts from now on to the script that asked."""
    response.headers[_TOKEN] = token()
    return response


def _person() -> str:
    return str(current_user.get_id()) if current_user.is_authenticated else _NOBODY
