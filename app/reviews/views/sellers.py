"""A seller's public page."""

from http import HTTPStatus
from uuid import UUID

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.words import searchable
from app.products.queries import catalogue as goods
from app.products.queries.catalogue import Filters, Listing
from app.products.ratings import PRIOR_REVIEWS, PRIOR_STARS
from app.reviews.forms import GoodsForm
from app.reviews.queries.sellers import profile_of, seller_called, seller_with
from app.reviews.views import blueprint


@blueprint.get("/sellers/<seller_name:name>")
@allow(Access.PUBLIC)
def seller(name: str) -> ResponseReturnValue:
    """What is said of a seller, and what they sell; at the one address that their name has."""
    found = seller_called(searchable(name))
    if found.display_name != name:
        return _at_home(found.display_name)
    form = GoodsForm(request.args)
    valid = form.validate()
    asked = lists.asked()
    page = Listing([], None)
    if valid:
        page = goods.listing(
            Filters(words=form.words, seller_id=found.id),
            form.chosen_sort,
            after=asked.after,
            size=asked.size(),
            counted=not asked.after,
        )
    here = url_for("reviews.seller", name=name)
    return htmx.page(
        "reviews/seller.html",
        fragment="items" if asked.after else "results",
        status=HTTPStatus.OK if valid else HTTPStatus.UNPROCESSABLE_ENTITY,
        profile=profile_of(found),
        form=form,
        page=page,
        here=here,
        next_url=lists.rest_of(page, here),
        prior_reviews=PRIOR_REVIEWS,
        prior_stars=PRIOR_STARS,
    )


@blueprint.get("/sellers/-/<uuid:seller_id>")
@allow(Access.PUBLIC)
def seller_with_id(seller_id: UUID) -> ResponseReturnValue:
    """The page of a seller, whatever they are called by now."""
    return _at_home(seller_with(seller_id).display_name)


def _at_home(name: str) -> ResponseReturnValue:
    query = request.query_string.decode("ascii", "ignore")
    address = url_for("reviews.seller", name=name)
    return redirect(f"{address}?{query}" if query else address, HTTPStatus.FOUND)
