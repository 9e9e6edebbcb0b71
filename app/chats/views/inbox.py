"""The list of somebody's conversations, and how a new one begins."""

from http import HTTPStatus
from uuid import UUID

from flask import Response, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.chats import queries
from app.chats.errors import ChatsUnavailable
from app.chats.forms import SearchForm
from app.chats.service import opening
from app.chats.views import blueprint
from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.headers import no_store
from app.kit.words import searchable


@blueprint.get("")
@allow(Access.USER)
def inbox() -> ResponseReturnValue:
    """List the visitor's conversations, or those and the messages with some words."""
    form = SearchForm(request.args)
    valid = form.validate()
    words = searchable(form.q.data or "") if valid else ""
    unread = request.args.get("show") == "unread"
    beside = request.args.get("beside", type=UUID)
    asked = lists.asked()
    status = HTTPStatus.OK if valid else HTTPStatus.UNPROCESSABLE_ENTITY
    page, talks, found, is_reached = None, [], [], True
    try:
        if words:
            talks = queries.talks_with(current_user.id, words)
            found = queries.search(current_user.id, words)
        else:
            page = queries.inbox(
                current_user.id, after=asked.after, size=asked.size(), unread=unread
            )
    except ChatsUnavailable:
        is_reached, status = False, HTTPStatus.SERVICE_UNAVAILABLE
    return htmx.page(
        "chats/inbox.html",
        fragment="items" if asked.after or beside else "results",
        status=status,
        form=form,
        words=words,
        unread=unread,
        talks=page.items if page else talks,
        found=found,
        is_reached=is_reached,
        beside=beside,
        next_url=lists.rest_of(page, request.path) if page else None,
    )


@blueprint.get("/unread")
@allow(Access.USER)
def unread() -> ResponseReturnValue:
    """The number of conversations with something to read, for the frame of every page."""
    no_store()
    try:
        count = queries.unread_count(current_user.id)
    except ChatsUnavailable:
        return Response(status=HTTPStatus.NO_CONTENT)  # it stays as it is
    return make_response(render_template("chats/_unread.html", count=count))


@blueprint.post("/about/product/<uuid:product_id>")
@allow(Access.USER)
def about_product(product_id: UUID) -> ResponseReturnValue:
    """Open the visitor's conversation with the seller of a product."""
    opened = opening.about_product(user_id=current_user.id, product_id=product_id)
    return htmx.redirect_to(url_for("chats.thread", conversation_id=opened))


@blueprint.post("/about/order/<uuid:order_id>/<uuid:seller_id>")
@allow(Access.USER)
def about_order(order_id: UUID, seller_id: UUID) -> ResponseReturnValue:
    """Open the conversation of a buyer and a seller about an order; either of the two."""
    opened = opening.about_order(user_id=current_user.id, order_id=order_id, seller_id=seller_id)
    return htmx.redirect_to(url_for("chats.thread", conversation_id=opened))
