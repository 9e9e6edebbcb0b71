"""Who may call a route. Deny by default: a route that states nothing is refused to all."""

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, current_app, g, request
from flask_babel import gettext as _
from flask_login import current_user

from app.kit.errors import Forbidden, Unauthenticated
from app.kit.requests import is_api

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE = "access_rule"
_SCOPE = "access_scope"
_STAFF = {"moderator", "admin"}


class Access(StrEnum):
    """A route's rule. Rights over single objects are the policy's and the queries' work."""

    PUBLIC = "public"
    USER = "user"
    SELLER = "seller"
    STAFF = "staff"  # moderators and administrators
    ADMIN = "admin"
    SIGNED = "signed"  # another machine, known by the signature on what it sends


def allow(rule: Access, scope: str | None = None) -> Callable[[F], F]:
    """State who may call the view; stands directly above it, below the route.

    `scope` is what a token must be good for besides, where one is used.
    """

    def mark(view: F) -> F:
        setattr(view, _ATTRIBUTE, rule)
        setattr(view, _SCOPE, scope)
        return view

    return mark


def rule_of(endpoint: str | None) -> Access | None:
    """The rule an endpoint states, None if it states none or is none."""
    if endpoint is None:
        return None
    if endpoint == "static" or endpoint.endswith(".static"):
        return Access.PUBLIC
    view = current_app.view_functions.get(endpoint)
    return getattr(view, _ATTRIBUTE, None)


def scope_of(endpoint: str) -> str | None:
    """The scope an endpoint asks for, None if it asks for none."""
    return getattr(current_app.view_functions.get(endpoint), _SCOPE, None)


def _check() -> None:
    if request.endpoint is None:
        return  # no such page: answered as 404
    rule = rule_of(request.endpoint)
    if rule in {Access.PUBLIC, Access.SIGNED}:
        return
    if not current_user.is_authenticated:
        raise Unauthenticated("login_required", _login_message())
    if rule is None or not _admits(rule, current_user.role_names):
        code = "sellers_only" if rule is Access.SELLER and not is_api() else "forbidden"
        raise Forbidden(code, _forbidden_message())
    scope, scopes = scope_of(request.endpoint), g.get("scopes")
    if scopes is not None and scope is not None and scope not in scopes:
        raise insufficient_scope()


def _admits(rule: Access, roles: Collection[str]) -> bool:
    if rule is Access.STAFF:
        return bool(_STAFF & set(roles))
    return rule is Access.USER or rule.value in roles


def _login_message() -> str:
    if is_api():
        return str(_("Send an access token or an API key: Authorization: Bearer …"))
    return str(_("Please log in first."))


def _forbidden_message() -> str:
    if is_api():
        return str(_("Your account doesn't have the role that this requires."))
    return str(_("You don't have access to this page."))


def insufficient_scope() -> Forbidden:
    """The refusal of a token that is good, but not for this."""
    return Forbidden("insufficient_scope", _("This token doesn't allow that."))


def init_app(app: Flask) -> None:
    """Check the rule before each request."""
    app.before_request(_check)
