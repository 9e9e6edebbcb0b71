"""A seller's payouts: what comes when, what is under way, what came, and why nothing comes."""

from uuid import UUID

from flask import current_app, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.errors import AppError
from app.kit.problems import STATUS
from app.payments.queries.payouts import outlook_of, payouts_of
from app.payments.service.payouts import deciding, starting
from app.payments.views import blueprint

ITEMS, STATUS_PART = "items", "payout_status"


@blueprint.get("/payouts")
@allow(Access.SELLER)
def my_payouts() -> ResponseReturnValue:
    """The visitor's payouts: the next one, a live one with its steps, and past ones."""
    return _page()


def _page(error: AppError | None = None) -> ResponseReturnValue:
    settings = current_app.extensions["settings"]
    asked = lists.asked()
    page = payouts_of(current_user.id, after=asked.after, size=asked.size())
    path = url_for("payments.my_payouts")
    return htmx.page(
        "payments/payouts.html",
        fragment=STATUS_PART if request.args.get("part") == STATUS_PART else ITEMS,
        status=STATUS[error.kind] if error else 200,
        outlook=outlook_of(current_user.id, settings),
        payouts=page.items,
        next_url=lists.rest_of(page, path),
        currency=settings.currency,
        pause_hours=settings.payout_pause_hours,
        paypal_url=settings.paypal_web_url,
        message=error.message if error else "",
    )


@blueprint.post("/payouts")
@allow(Access.SELLER)
def request_payout() -> ResponseReturnValue:
    """Have all that is available paid out now."""
    try:
        starting.request(seller_id=current_user.id)
    except AppError as error:
        return _page(error)
    flash(_("Your payout is on its way."), "success")
    return htmx.redirect_to(url_for("payments.my_payouts"))


@blueprint.post("/payouts/<uuid:payout_id>/take-back")
@allow(Access.SELLER)
def take_back_payout(payout_id: UUID) -> ResponseReturnValue:
    """Take back a payout that nobody has claimed."""
    try:
        deciding.take_back(seller_id=current_user.id, payout_id=payout_id)
    except AppError as error:
        return _page(error)
    flash(_("The payout has been taken back. The money is available again."), "success")
    return htmx.redirect_to(url_for("payments.my_payouts"))
