"""The basket."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from flask import flash, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.kit import htmx
from app.kit.access import Access, allow
from app.kit.errors import AppError, TooMany
from app.kit.headers import no_store
from app.kit.problems import STATUS
from app.orders.errors import NoSuchProduct
from app.orders.forms import PiecesForm, ProductForm
from app.orders.queries.basket import basket_of
from app.orders.service import basket as baskets
from app.orders.service.basket import Removed
from app.orders.views import blueprint
from app.orders.views.visitor import forget_count, owner, owner_for_adding
from app.products.queries import cards

QUANTITY_SIGNS = 12  # as much of a wrong quantity as is shown again


@dataclass(frozen=True)
class Refused:
    """A wish that could not be met: what was typed for which product, and why not."""

    product_id: UUID | None
    quantity: str
    message: str
    title: str = ""


@dataclass(frozen=True)
class Settled:
    """A line that was put right just now, and what there is to say of it."""

    product_id: UUID
    message: str = ""


@blueprint.get("/basket")
@allow(Access.PUBLIC)
def basket() -> ResponseReturnValue:
    """Show the basket with today's prices and stock."""
    return _show()


@blueprint.post("/basket/add")
@allow(Access.PUBLIC)
def add_to_basket() -> ResponseReturnValue:
    """Add a product to the basket."""
    form = PiecesForm()
    if not form.validate():
        return _refuse_adding(form, _first_error(form), HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        pieces = baskets.add(
            owner=owner_for_adding(), product_id=form.product, quantity=form.quantity.data
        )
    except TooMany:
        raise  # its page can send the same later
    except AppError as error:
        return _refuse_adding(form, error.message, STATUS[error.kind])
    forget_count()
    if htmx.is_htmx():
        return htmx.into_notices(
            make_response(
                render_template(
                    "orders/_added.html",
                    message=_("In your basket: %(count)s", count=pieces),
                    category="success",
                )
            )
        )
    flash(_("Added to your basket."), "success")
    return htmx.redirect_to(url_for("orders.basket"))


@blueprint.post("/basket/change")
@allow(Access.PUBLIC)
def change_line() -> ResponseReturnValue:
    """Set how many pieces of a product there are."""
    form = PiecesForm()
    if not form.validate():
        return _show(
            changing=_refused(form, _first_error(form)), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    known = owner()
    try:
        left = (
            baskets.change_as_far_as_possible(
                owner=known, product_id=form.product, quantity=form.quantity.data
            )
            if known is not None
            else None
        )
    except AppError as error:
        return _show(changing=_refused(form, error.message), status=STATUS[error.kind])
    if left is None:
        return _changed()
    message = _("Only %(left)s left, so the quantity is now %(left)s.", left=left)
    return _changed(Settled(form.product, message))


@blueprint.post("/basket/remove")
@allow(Access.PUBLIC)
def remove_line() -> ResponseReturnValue:
    """Take a product out, and offer to put it back."""
    form = ProductForm()
    if not form.validate():
        return _show(status=HTTPStatus.UNPROCESSABLE_ENTITY)
    known = owner()
    removed = baskets.remove(owner=known, product_id=form.product) if known else None
    forget_count()
    return _show(removed=removed)


@blueprint.post("/basket/put-back")
@allow(Access.PUBLIC)
def put_back() -> ResponseReturnValue:
    """Put a product that was just taken out back in; the keyboard goes on in its line."""
    form = PiecesForm()
    if not form.validate():
        return _show(
            adding=_refused(form, _first_error(form)), status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    try:
        baskets.add(owner=owner_for_adding(), product_id=form.product, quantity=form.quantity.data)
    except AppError as error:
        return _show(adding=_refused(form, error.message), status=STATUS[error.kind])
    return _changed(Settled(form.product))


@blueprint.post("/basket/prices")
@allow(Access.PUBLIC)
def accept_prices() -> ResponseReturnValue:
    """Take today's prices."""
    known = owner()
    if known is not None:
        baskets.accept_prices(owner=known)
    return _changed()


def _changed(settled: Settled | None = None) -> ResponseReturnValue:
    forget_count()
    if htmx.wants_fragment():
        return _show(settled=settled)
    if settled and settled.message:
        flash(settled.message, "warning")
    anchor = f"quantity-{settled.product_id}" if settled else None
    return htmx.redirect_to(url_for("orders.basket", _anchor=anchor))


def _show(
    *,
    adding: Refused | None = None,
    changing: Refused | None = None,
    removed: Removed | None = None,
    settled: Settled | None = None,
    status: int = HTTPStatus.OK,
) -> ResponseReturnValue:
    no_store()
    known = owner()
    return htmx.page(
        "orders/basket.html",
        fragment="basket_body",
        status=status,
        view=basket_of(known) if known else None,
        adding=adding,
        changing=changing,
        removed=removed,
        settled=settled,
        counts=request.method == "POST" and htmx.wants_fragment(),
    )


def _refuse_adding(form: PiecesForm, message: str, status: int) -> ResponseReturnValue:
    """Among the notices for htmx, else on the product's page, with the quantity that was asked for.

    What has no page is refused on the basket's.
    """
    if htmx.is_htmx():
        return htmx.into_notices(
            make_response(
                render_template("orders/_added.html", message=message, category="error"), status
            )
        )
    refused = _refused(form, message)
    if not refused.title:
        return _show(adding=refused, status=status)
    flash(message, "error")
    quantity = form.quantity.data
    return htmx.redirect_to(
        url_for("products.detail", product_id=refused.product_id, quantity=quantity)
    )


def _refused(form: PiecesForm, message: str) -> Refused:
    product_id = None if form.product_id.errors else form.product
    listed = cards.by_id([product_id]) if product_id else []
    return Refused(
        product_id=product_id,
        quantity=request.form.get("quantity", "").replace("\x00", "")[:QUANTITY_SIGNS],
        message=message,
        title=listed[0].title if listed and listed[0].for_sale else "",
    )


def _first_error(form: PiecesForm) -> str:
    for messages in form.errors.values():
        return str(messages[0])
    return NoSuchProduct().message
