"""Forms of people: what the service objects to stands beside the fields, and what was typed stays.

Which values are good is the service's to say; a form reads them and shows them again.
"""

from collections.abc import Iterable
from typing import Any

from flask import Response
from flask_wtf import FlaskForm
from flask_wtf.csrf import _FlaskFormCSRF
from wtforms import Field

from app.kit import htmx
from app.kit.errors import AppError
from app.kit.masks import token
from app.kit.problems import STATUS

_OK = 200
_UNPROCESSABLE = 422


class _MaskedCsrf(_FlaskFormCSRF):  # type: ignore[misc]  # flask-wtf carries no types
    def generate_csrf_token(self, csrf_token_field: Field) -> str:  # noqa: ARG002  # WTForms asks so
        return token()


class Form(FlaskForm):  # type: ignore[misc]  # flask-wtf carries no types
    """A form that can show what the service objects to."""

    class Meta:
        """Its token is that of the page around it."""

        csrf_class = _MaskedCsrf

    def object_to(self, error: AppError) -> str:
        """Put an error's messages beside their fields; returns what belongs to none of them."""
        fields: Iterable[Field] = self
        names = {field.short_name for field in fields}
        for name in names & error.errors.keys():
            self[name].errors = [*self[name].errors, error.errors[name]]
        return "" if names & error.errors.keys() else error.message


class ReadingForm(FlaskForm):  # type: ignore[misc]  # flask-wtf carries no types
    """A form that only asks, so that it needs no token: a search, read from the address."""

    class Meta:
        """A search changes nothing."""

        csrf = False


def status_of(form: FlaskForm | None, error: AppError | None = None) -> int:
    """The status of a page with this form: what the service refused, else what the form did."""
    if error is not None:
        return STATUS[error.kind]
    return _UNPROCESSABLE if form is not None and form.errors else _OK


def form_page(
    template: str,
    form: Form | None,
    error: AppError | None = None,
    *,
    fragment: str | None = None,
    **context: Any,
) -> Response:
    """A page with a form: fresh, or with what is wrong with it and the words kept.

    The template gets `form`, `message` (what belongs to no field) and `error`.
    """
    status = status_of(form, error)
    message = ""
    if error is not None:
        message = form.object_to(error) if form is not None else error.message
    response = htmx.page(
        template,
        fragment=fragment,
        status=status,
        form=form,
        message=message,
        error=error,
        **context,
    )
    if error is not None and error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
