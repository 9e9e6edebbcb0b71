"""What the pages of people share."""

from typing import Any

from flask import Response, request
from flask_login import current_user

from app.auth.forms import Form
from app.auth.models import User
from app.kit.errors import AppError
from app.kit.headers import no_store
from app.kit.htmx import page
from app.kit.problems import STATUS

_MAX_TARGET = 2000


def address() -> str:
    """Where the request comes from."""
    return request.remote_addr or ""


def agent() -> str:
    """The browser's own name."""
    return request.user_agent.string


def me() -> User:
    """Who is logged in; only for routes that demand a login."""
    user: User = current_user
    return user


def own_path(target: str | None, default: str) -> str:
    """`target` if it is a path of this shop, else `default`: nobody is sent to another site.

    Browsers take a backslash for a slash and drop control signs, so neither may be there.
    """
    if (
        not target
        or len(target) > _MAX_TARGET
        or not target.startswith("/")
        or target.startswith("//")
        or "\\" in target
        or not target.isprintable()
    ):
        return default
    return target


def form_page(template: str, form: Form, error: AppError | None = None, **context: Any) -> Response:
    """A page with a form: fresh, or with what is wrong with it and the words kept."""
    message = form.object_to(error) if error else ""
    status = STATUS[error.kind] if error else 200
    if form.errors and not error:
        status = 422
    response = page(template, status=status, form=form, message=message, error=error, **context)
    if error and error.retry_after:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def own_page(template: str, form: Form, error: AppError | None = None, **context: Any) -> Response:
    """Like `form_page`, for what only its owner sees: gone with the log-out, by "back" too."""
    no_store()
    return form_page(template, form, error, **context)
