"""Whose basket a request is about: the user's, or the one that a guest's cookie opens."""

from flask import g, request, session
from flask_login import current_user
from werkzeug.local import LocalProxy

from app.kit import ratelimit
from app.kit.crypto import new_token, token_hash
from app.kit.requests import is_api, network
from app.orders.models import Owner
from app.orders.queries.basket import pieces_in_basket
from app.orders.service import basket as baskets
from app.orders.views import blueprint

GUEST_TOKEN = "guest_basket"  # noqa: S105  # the name of a cookie's field

NEW_GUESTS = "60/minute"  # baskets begun from one place


def owner() -> Owner | None:
    """The visitor as owner of a basket; None for a guest who has never put anything into one."""
    if current_user.is_authenticated:
        return Owner(user_id=current_user.id)
    token = session.get(GUEST_TOKEN)
    return Owner(guest_hash=token_hash(token)) if isinstance(token, str) else None


def owner_for_adding() -> Owner:
    """The visitor as owner of a basket; a guest gets the secret that opens theirs."""
    known = owner()
    if known is None:
        ratelimit.spend(NEW_GUESTS, "guest-basket", network())
        session[GUEST_TOKEN] = new_token()
        known = Owner(guest_hash=token_hash(session[GUEST_TOKEN]))
    return known


def forget_count() -> None:
    """Have the number in the header read anew: the basket was changed."""
    g.pop("basket_pieces", None)


def basket_pieces() -> int:
    """How many pieces are in the visitor's basket, read at most once a request."""
    if "basket_pieces" not in g:
        known = owner()
        g.basket_pieces = pieces_in_basket(known) if known else 0
    return int(g.basket_pieces)


@blueprint.app_context_processor
def _count_for_templates() -> dict[str, object]:
    # Read only where a template shows it.
    return {"basket_count": LocalProxy(basket_pieces)}


@blueprint.before_app_request
def _keep_the_guests_basket() -> None:
    """Somebody who has logged in keeps what they chose before."""
    if is_api() or GUEST_TOKEN not in session or request.endpoint in {None, "static"}:
        return
    if current_user.is_authenticated:
        token = session[GUEST_TOKEN]
        if isinstance(token, str):
            baskets.adopt(user_id=current_user.id, guest_token=token)
        session.pop(GUEST_TOKEN)  # only now: after a failure the next request tries again
