"""Where PayPal's list of transactions and the ledger differ, for administrators."""

from uuid import UUID

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.payments.forms import ReasonForm
from app.payments.labels import MOVEMENTS
from app.payments.queries import reconciling
from app.payments.service import reconciling as comparing
from app.payments.views import blueprint


@blueprint.get("/differences")
@allow(Access.ADMIN)
def list_differences() -> ResponseReturnValue:
    """List the differences that are open, or those that are closed."""
    asked = lists.asked()
    closed = request.args.get("closed") == "1"
    page = reconciling.differences(closed=closed, after=asked.after, size=asked.size())
    return htmx.page(
        "payments/differences.html",
        fragment="items",
        differences=page.items,
        next_url=lists.rest_of(page, request.path),
        closed=closed,
        until=reconciling.compared_until(),
    )


@blueprint.get("/differences/<uuid:difference_id>")
@allow(Access.ADMIN)
def show_difference(difference_id: UUID) -> ResponseReturnValue:
    """One of them, with what each side has, and what to do about it."""
    return _show(difference_id)


@blueprint.post("/differences/<uuid:difference_id>")
@allow(Access.ADMIN)
def settle_difference(difference_id: UUID) -> ResponseReturnValue:
    """Book it, for a reason."""
    form = ReasonForm()
    reconciling.difference(difference_id)
    try:
        comparing.settle(
            difference_id=difference_id,
            actor_id=current_user.id,
            reason=form.reason.data or "",
        )
    except AppError as error:
        return _show(difference_id, form, error)
    flash(_("Booked. The books have what PayPal has."), "success")
    return htmx.redirect_to(url_for(".list_differences"))


def _show(
    difference_id: UUID, form: ReasonForm | None = None, error: AppError | None = None
) -> ResponseReturnValue:
    found = reconciling.difference(difference_id)
    sides = reconciling.sides_of([found.subject_id])[found.subject_id]
    return form_page(
        "payments/difference.html",
        form or ReasonForm(formdata=None),
        error,
        one=found,
        sides=sides,
        movements=MOVEMENTS,
    )
