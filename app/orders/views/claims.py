"""Claims: opened by buyers, answered by sellers, decided by moderators."""

from collections.abc import Callable
from uuid import UUID

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.orders.errors import NoSuchClaim, NoSuchPiece
from app.orders.forms import AnswerForm, ClaimForm
from app.orders.models.claims import ClaimKind
from app.orders.queries.claims import ClaimOf, called_claims, claim_with, claims_of_seller
from app.orders.queries.purchases import purchase_of
from app.orders.service import claims
from app.orders.views import blueprint
from app.orders.views.refunds import show_sale
from app.payments.labels import why_not_refunded


@blueprint.get("/purchases/<uuid:order_id>/lines/<uuid:line_id>/claim")
@allow(Access.USER)
def claim_form(order_id: UUID, line_id: UUID) -> ResponseReturnValue:
    """The form by which a buyer asks for the money of what was opened."""
    return _form(order_id, line_id)


@blueprint.post("/purchases/<uuid:order_id>/lines/<uuid:line_id>/claim")
@allow(Access.USER)
@keeps_words
def open_claim(order_id: UUID, line_id: UUID) -> ResponseReturnValue:
    """Ask for it."""
    form = ClaimForm()
    if not form.validate_on_submit():
        return _form(order_id, line_id, form)
    try:
        claims.open_claim(
            buyer_id=current_user.id,
            order_id=order_id,
            line_id=line_id,
            pieces=form.numbers,
            kind=ClaimKind(form.kind.data),
            reason=form.reason.data or "",
        )
    except AppError as error:
        return _form(order_id, line_id, form, error)
    flash(_("Your request is with the seller."), "success")
    return htmx.redirect_to(url_for("orders.purchase", order_id=order_id))


def _form(
    order_id: UUID,
    line_id: UUID,
    form: ClaimForm | None = None,
    error: AppError | None = None,
) -> ResponseReturnValue:
    bought = purchase_of(current_user.id, order_id)
    line = next((line for line in bought.lines if line.id == line_id), None)
    if line is None:
        raise NoSuchPiece
    return form_page(
        "orders/claim.html",
        form or ClaimForm(formdata=None),
        error,
        purchase=bought,
        line=line,
        chosen=request.form.getlist("pieces"),
    )


@blueprint.post("/claims/<uuid:claim_id>/call")
@allow(Access.USER)
def call_moderator(claim_id: UUID) -> ResponseReturnValue:
    """Have a moderator decide."""
    found = _found(claim_id)
    claims.call_moderator(buyer_id=current_user.id, claim_id=claim_id)
    flash(_("A moderator will decide."), "success")
    return htmx.redirect_to(url_for("orders.purchase", order_id=found.order_id))


@blueprint.post("/claims/<uuid:claim_id>/withdraw")
@allow(Access.USER)
def withdraw_claim(claim_id: UUID) -> ResponseReturnValue:
    """Give a request up."""
    found = _found(claim_id)
    claims.withdraw(buyer_id=current_user.id, claim_id=claim_id)
    return htmx.redirect_to(url_for("orders.purchase", order_id=found.order_id))


@blueprint.get("/claims")
@allow(Access.SELLER)
def seller_claims() -> ResponseReturnValue:
    """List what the visitor's buyers ask for, newest first."""
    asked = lists.asked()
    page = claims_of_seller(current_user.id, after=asked.after, size=asked.size())
    return htmx.page(
        "orders/claims.html",
        fragment="items",
        claims=page.items,
        next_url=lists.rest_of(page, request.path),
        by_staff=False,
        why_not_refunded=why_not_refunded,
    )


@blueprint.get("/moderation/claims")
@allow(Access.STAFF)
def claims_to_decide() -> ResponseReturnValue:
    """List the claims that wait for a moderator, newest first."""
    asked = lists.asked()
    page = called_claims(after=asked.after, size=asked.size())
    return htmx.page(
        "orders/claims.html",
        fragment="items",
        claims=page.items,
        next_url=lists.rest_of(page, request.path),
        by_staff=True,
        why_not_refunded=why_not_refunded,
    )


@blueprint.post("/claims/<uuid:claim_id>/answer")
@allow(Access.SELLER)
def answer_claim(claim_id: UUID) -> ResponseReturnValue:
    """Accept a claim and refund it, or decline it with a reason."""

    def act(form: AnswerForm) -> None:
        words = form.reason.data or ""
        if form.says_yes:
            claims.accept(seller_id=current_user.id, claim_id=claim_id, answer=words)
        else:
            claims.decline(seller_id=current_user.id, claim_id=claim_id, reason=words)

    return _answer(claim_id, act, by_staff=False)


@blueprint.post("/claims/<uuid:claim_id>/decide")
@allow(Access.STAFF)
def decide_on_claim(claim_id: UUID) -> ResponseReturnValue:
    """Grant a claim and refund it, or refuse it, with a reason."""

    def act(form: AnswerForm) -> None:
        claims.decide(
            moderator_id=current_user.id,
            claim_id=claim_id,
            grant=form.says_yes,
            reason=form.reason.data or "",
        )

    return _answer(claim_id, act, by_staff=True)


def _answer(
    claim_id: UUID, act: Callable[[AnswerForm], None], *, by_staff: bool
) -> ResponseReturnValue:
    found = _found(claim_id)
    form = AnswerForm()
    try:
        act(form)  # whose rules are the service's
    except NoSuchClaim:
        raise
    except AppError as error:
        return show_sale(
            found.order_id, by_staff=by_staff, claim_error=error, words=form.reason.data or ""
        )
    flash(_("Your answer is noted. The buyer is told."), "success")
    page = "orders.moderated_order" if by_staff else "orders.sale"
    return htmx.redirect_to(url_for(page, order_id=found.order_id))


def _found(claim_id: UUID) -> ClaimOf:
    found = claim_with(claim_id)
    if found is None:
        raise NoSuchClaim
    return found
