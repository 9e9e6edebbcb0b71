"""The cabinet: what the visitor has bought, and the reveal of it."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.requests import address
from app.kit.words import searchable
from app.orders.errors import NoSuchPiece
from app.orders.forms import SearchForm
from app.orders.policy import can_cancel, can_pay
from app.orders.queries.basket import basket_of_user
from app.orders.queries.purchase_list import purchases_of
from app.orders.queries.purchases import Purchase, purchase_of
from app.orders.service import reveal as reveals
from app.orders.service.reveal import Viewer
from app.orders.views import blueprint
from app.payments.labels import why_not_refunded
from app.products import markdown
from app.products.queries import cards


@blueprint.get("/purchases")
@allow(Access.USER)
def cabinet() -> ResponseReturnValue:
    """List the visitor's purchases, newest first, with a search."""
    form = SearchForm(request.args)
    valid = form.validate()
    words = searchable(form.q.data or "") if valid else ""
    unfinished = request.args.get("show") == "unfinished"
    asked = lists.asked()
    page = purchases_of(
        current_user.id,
        words=words,
        unfinished=unfinished,
        after=asked.after,
        size=asked.size(),
        counted=not asked.after,
    )
    return htmx.page(
        "orders/cabinet.html",
        fragment="items" if asked.after else "results",
        status=HTTPStatus.OK if valid else HTTPStatus.UNPROCESSABLE_ENTITY,
        form=form,
        words=words,
        unfinished=unfinished,
        page=page,
        next_url=lists.rest_of(page, request.path),
    )


@blueprint.get("/purchases/<uuid:order_id>")
@allow(Access.USER)
def purchase(order_id: UUID) -> ResponseReturnValue:
    """One purchase. Its open page asks for block `order_status` until nothing more can happen."""
    bought = purchase_of(current_user.id, order_id)
    if htmx.wants_fragment() and request.args.get("seen") == bought.shown:
        return Response(status=HTTPStatus.NO_CONTENT)  # nothing new: the page stays untouched
    return _show(bought, fragment="order_status")


@blueprint.get("/purchases/<uuid:order_id>/lines/<uuid:line_id>")
@allow(Access.USER)
def bought_listing(order_id: UUID, line_id: UUID) -> ResponseReturnValue:
    """The listing as it was bought, whatever became of the product."""
    bought = purchase_of(current_user.id, order_id)
    line = next((line for line in bought.lines if line.id == line_id), None)
    if line is None:
        raise NoSuchPiece
    return htmx.page(
        "orders/listing.html",
        purchase=bought,
        line=line,
        description=markdown.render(line.description),
        for_sale=cards.by_id([line.product_id])[0].for_sale,
    )


@blueprint.post("/purchases/<uuid:order_id>/pieces/<uuid:delivery_id>/reveal")
@allow(Access.USER)
def reveal(order_id: UUID, delivery_id: UUID) -> ResponseReturnValue:
    """Show one piece, for the record."""
    value = reveals.reveal(viewer=_viewer(), order_id=order_id, delivery_id=delivery_id)
    bought = purchase_of(current_user.id, order_id)
    if not htmx.wants_fragment():
        return _show(bought, values={delivery_id: value})
    [(line, piece)] = [
        (line, piece) for line in bought.lines for piece in line.pieces if piece.id == delivery_id
    ]
    return make_response(
        render_template(
            "orders/_piece.html", purchase=bought, line=line, piece=piece, value=value, alone=True
        )
    )


@blueprint.post("/purchases/<uuid:order_id>/reveal")
@allow(Access.USER)
def reveal_all(order_id: UUID) -> ResponseReturnValue:
    """Show every piece, for the record."""
    values = reveals.reveal_all(viewer=_viewer(), order_id=order_id)
    return _show(purchase_of(current_user.id, order_id), values=values, fragment="order_status")


@blueprint.post("/purchases/<uuid:order_id>/download")
@allow(Access.USER)
def download(order_id: UUID) -> ResponseReturnValue:
    """Every piece as a text file, for the record."""
    values = reveals.download(viewer=_viewer(), order_id=order_id)
    bought = purchase_of(current_user.id, order_id)
    response = Response(
        render_template("orders/download.txt", purchase=bought, values=values),
        content_type="text/plain; charset=utf-8",
    )
    response.headers.set(
        "Content-Disposition", "attachment", filename=f"byteshop-{bought.number}.txt"
    )
    return response


def _show(
    bought: Purchase,
    *,
    values: Mapping[UUID, str] | None = None,
    fragment: str | None = None,
) -> ResponseReturnValue:
    pays = can_pay(bought.state, bought.payment)
    basket = basket_of_user(current_user.id) if pays else None
    return htmx.page(
        "orders/purchase.html",
        fragment=fragment,
        purchase=bought,
        values=values or {},
        can_cancel=can_cancel(bought.state, bought.payment),
        # The basket may have become another one since.
        can_pay=basket is not None and basket.checkout_key == bought.checkout_key,
        counts=fragment is not None and htmx.wants_fragment(),
        news=request.method == "GET" and htmx.wants_fragment(),
        why_not_refunded=why_not_refunded,
        descriptions={line.id: markdown.render(line.description) for line in bought.lines},
    )


def _viewer() -> Viewer:
    return Viewer(current_user.id, address(), request.user_agent.string)
