"""Everybody's payouts, for administrators: which wait for something, and having it seen to."""

from uuid import UUID

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.payments.errors import NoSuchPayout
from app.payments.forms import ReasonForm
from app.payments.models.payouts import PayoutAct, PayoutState
from app.payments.queries import payouts
from app.payments.service.payouts import deciding
from app.payments.views import blueprint

ODD = "odd"


@blueprint.get("/payouts/all")
@allow(Access.ADMIN)
def all_payouts() -> ResponseReturnValue:
    """List payouts, the newest first: all, in one state, or those that need a person."""
    asked, chosen = lists.asked(), request.args.get("state", "")
    state = PayoutState(chosen) if chosen in set(PayoutState) else None
    page = payouts.all_payouts(state=state, odd=chosen == ODD, after=asked.after, size=asked.size())
    return htmx.page(
        "payments/all_payouts.html",
        fragment="items",
        payouts=page.items,
        next_url=lists.rest_of(page, request.path),
        states=list(PayoutState),
        chosen=chosen if state or chosen == ODD else "",
    )


@blueprint.get("/payouts/all/<uuid:payout_id>")
@allow(Access.ADMIN)
def show_payout(payout_id: UUID) -> ResponseReturnValue:
    """One payout, with what may be done about it and what was."""
    return _show(payout_id, None)


@blueprint.post("/payouts/all/<uuid:payout_id>/<any(check, cancel, give_up):act>")
@allow(Access.ADMIN)
def decide_on_payout(payout_id: UUID, act: str) -> ResponseReturnValue:
    """Do it, for a reason."""
    form = ReasonForm()
    try:
        deciding.decide(
            actor_id=current_user.id,
            payout_id=payout_id,
            act=PayoutAct(act),
            reason=form.reason.data or "",
        )
    except NoSuchPayout:
        raise
    except AppError as error:
        return _show(payout_id, act, form, error)
    flash(_("Done. Your reason is kept with it."), "success")
    return htmx.redirect_to(url_for("payments.show_payout", payout_id=payout_id))


def _show(
    payout_id: UUID,
    act: str | None,
    form: ReasonForm | None = None,
    error: AppError | None = None,
) -> ResponseReturnValue:
    payout = payouts.payout(payout_id)
    if payout is None:
        raise NoSuchPayout
    return form_page(
        "payments/payout.html",
        form or ReasonForm(formdata=None),
        error,
        payout=payout,
        decisions=payouts.decisions_on(payout_id),
        act=act,
    )
