"""The checkout: PayPal's buttons, and the way without JavaScript."""

from http import HTTPStatus
from uuid import UUID

from flask import current_app, flash, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, i18n
from app.kit.access import Access, allow
from app.kit.errors import AppError, Conflict, Invalid
from app.kit.headers import allow_site, csp_nonce
from app.kit.problems import STATUS
from app.kit.requests import address
from app.orders.errors import AlreadyPaid, BasketChanged
from app.orders.models import OrderState
from app.orders.queries.basket import basket_of_user
from app.orders.queries.purchases import order_of
from app.orders.service import capturing, ending, placing
from app.orders.service.capturing import CaptureState
from app.orders.service.placing import StartedCheckout
from app.orders.views import blueprint
from app.payments import buttons
from app.products.errors import OutOfStock
from app.settings import Settings


@blueprint.get("/checkout")
@allow(Access.USER)
def checkout() -> ResponseReturnValue:
    """Show what is about to be bought, and PayPal's buttons."""
    return _show()


def _show(*, message: str | None = None, status: int = HTTPStatus.OK) -> ResponseReturnValue:
    view = basket_of_user(current_user.id)
    if view is None or not view.lines:
        flash(message or _("Your basket is empty."), "error" if message else "info")
        return htmx.redirect_to(url_for("orders.basket"))
    if view.has_problems or view.is_too_small:
        flash(message or _("Please check your basket before you pay."), "warning")
        return htmx.redirect_to(url_for("orders.basket"))
    settings: Settings = current_app.extensions["settings"]
    allow_site(buttons.paypal_site(settings.paypal_web_url))
    return htmx.page(
        "orders/checkout.html",
        status=status,
        view=view,
        message=message,
        minutes=settings.reservation_minutes,
        sdk_url=buttons.script_url(settings, i18n.locale()),
        nonce=csp_nonce(),
    )


@blueprint.post("/checkout/paypal")
@allow(Access.USER)
def create_paypal() -> ResponseReturnValue:
    """PayPal's button asks for an order: {"checkout_key"} → {"id", "order_id", addresses}."""
    body = request.get_json(silent=True)
    try:
        started = _start(body.get("checkout_key") if isinstance(body, dict) else None)
    except AlreadyPaid as paid:
        return jsonify(location=_purchase_url(UUID(paid.params["order_id"])))
    return jsonify(
        id=started.paypal_order_id,
        order_id=str(started.order_id),
        capture_url=url_for("orders.capture_paypal", order_id=started.order_id),
        cancel_url=url_for("orders.cancel", order_id=started.order_id),
        purchase_url=_purchase_url(started.order_id),
        location=None,
    )


@blueprint.post("/checkout/pay")
@allow(Access.USER)
def pay_at_paypal() -> ResponseReturnValue:
    """Without JavaScript: place the order and go to PayPal's own page."""
    try:
        started = _start(request.form.get("checkout_key"))
    except AlreadyPaid as paid:
        flash(paid.message, "info")
        return htmx.redirect_to(_purchase_url(UUID(paid.params["order_id"])))
    except AppError as error:
        return _show(message=error.message, status=STATUS[error.kind])
    if started.approve_url is None:  # the buyer has agreed already
        return htmx.redirect_to(url_for("orders.return_from_paypal", order_id=started.order_id))
    return htmx.redirect_to(started.approve_url)


def _start(checkout_key: object) -> StartedCheckout:
    try:
        key = UUID(checkout_key) if isinstance(checkout_key, str) else None
    except ValueError:
        key = None
    if key is None:
        raise Invalid("orders.bad_checkout_key", BasketChanged().message)
    try:
        return placing.start_checkout(
            buyer_id=current_user.id,
            checkout_key=key,
            address=address(),
            locale=i18n.locale(),
        )
    except OutOfStock as error:
        raise _named(error) from error


def _named(error: OutOfStock) -> Conflict:
    """Say of which product there are too few: the basket may hold many."""
    view = basket_of_user(current_user.id)
    titles = {line.product.id: line.product.title for line in view.lines} if view else {}
    title = titles.get(error.params["product_id"])
    if title is None:
        return error
    message = _("%(title)s: %(problem)s", title=title, problem=error.message)
    return Conflict(error.code, f"{message} {_('You have not been charged.')}")


@blueprint.post("/<uuid:order_id>/capture")
@allow(Access.USER)
def capture_paypal(order_id: UUID) -> ResponseReturnValue:
    """The buyer said yes in PayPal's window: take the money; {"state", "message", "location"}."""
    result = capturing.capture_for(buyer_id=current_user.id, order_id=order_id)
    return jsonify(
        state=result.state.value, message=result.message, location=_purchase_url(order_id)
    )


@blueprint.get("/<uuid:order_id>/return")
@allow(Access.USER)
def return_from_paypal(order_id: UUID) -> ResponseReturnValue:
    """Where PayPal's own page sends the buyer: one form finishes what they have agreed to."""
    order = order_of(current_user.id, order_id)
    if order.is_paid or order.state is OrderState.CANCELLED:
        return htmx.redirect_to(_purchase_url(order_id))
    agreement = capturing.agreement_of(buyer_id=current_user.id, order_id=order_id)
    return htmx.page("orders/return.html", order=order, agreement=agreement)


@blueprint.post("/<uuid:order_id>/finish")
@allow(Access.USER)
def finish_payment(order_id: UUID) -> ResponseReturnValue:
    """Take the money after PayPal's own page; the purchase says how it went."""
    result = capturing.capture_for(buyer_id=current_user.id, order_id=order_id)
    if result.message:
        flash(result.message, "error" if result.state in _SAD_ENDS else "info")
    if result.state in {CaptureState.DECLINED, CaptureState.NOT_APPROVED}:
        return htmx.redirect_to(url_for("orders.checkout"))
    return htmx.redirect_to(_purchase_url(order_id))


_SAD_ENDS = {CaptureState.DECLINED, CaptureState.NOT_APPROVED, CaptureState.STOPPED}


@blueprint.post("/<uuid:order_id>/cancel")
@allow(Access.USER)
def cancel(order_id: UUID) -> ResponseReturnValue:
    """Give up an unpaid order; what it held is for sale again, the basket stays."""
    if ending.cancel(buyer_id=current_user.id, order_id=order_id):
        flash(_("The order has been cancelled. You have not been charged."), "success")
        return htmx.redirect_to(url_for("orders.basket"))
    flash(_("It is too late to cancel: check the status of the payment."), "warning")
    return htmx.redirect_to(_purchase_url(order_id))


def _purchase_url(order_id: UUID) -> str:
    return url_for("orders.purchase", order_id=order_id)
