"""A product's reviews, as a page of their own and within the product's; and what to review."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup

from app.kit import htmx, lists, slots
from app.kit.access import Access, allow
from app.kit.paging import Page
from app.orders.queries.purchases import Purchase
from app.products.queries.cards import ProductPage, visible
from app.products.ratings import STARS
from app.reviews.forms import ListForm, ReviewForm
from app.reviews.queries import reviews
from app.reviews.queries.reviews import PAGE, ReviewSort, ShownReview
from app.reviews.views import blueprint

_IN_PRODUCT = 5  # reviews that the product's own page shows


@dataclass(frozen=True)
class Reader:
    """Who looks at reviews: None is a guest."""

    id: UUID | None
    is_staff: bool
    name: str

    @classmethod
    def present(cls) -> "Reader":
        """Who asks."""
        if not current_user.is_authenticated:
            return cls(None, False, "")
        return cls(current_user.id, current_user.is_staff, current_user.display_name)


def of_product(product: ProductPage) -> Markup:
    """The section of a product's own page: what helped most, and a way to all."""
    reader = Reader.present()
    if not product.review_count and not reader.is_staff:  # nothing to look for, or to choose
        empty: Page[ShownReview] = Page([], None)
        return slots.render("reviews/_section.html", **_context(product, reader, None, empty, None))
    form = ListForm(formdata=None, data={"sort": ReviewSort.HELPFUL.value})
    page = reviews.reviews_of(
        product.id, reader_id=reader.id, sort=ReviewSort.HELPFUL, size=_IN_PRODUCT
    )
    cursor = page.next_cursor
    url = _address(product, sort=ReviewSort.HELPFUL.value, after=cursor) if cursor else None
    return slots.render("reviews/_section.html", **_context(product, reader, form, page, url))


def of_purchase(purchase: Purchase, *, oob: bool = False) -> Markup:
    """What of a purchase may be reviewed, once something of it was revealed."""
    is_open = any(piece.revealed_at for line in purchase.lines for piece in line.pieces)
    lines = reviews.lines_of_order(purchase.buyer_id, purchase.id) if is_open else []
    return slots.render("reviews/_purchase.html", lines=lines, oob=oob)


def _address(product: ProductPage, **values: Any) -> str:
    return url_for("reviews.of_product_page", product_id=product.id, **values)


def _context(
    product: ProductPage,
    reader: Reader,
    form: ListForm | None,
    page: Page[ShownReview],
    next_url: str | None,
) -> dict[str, Any]:
    lines = reviews.lines_of_product(reader.id, product.id) if reader.id else []
    to_write = next((one for one in lines if one.may_write and one.review is None), None)
    return {
        "product": product,
        "reader": reader,
        "bars": [(stars, product.histogram[stars - 1]) for stars in reversed(STARS)],
        "list_form": form,
        "page": page,
        "next_url": next_url,
        "here": _address(product),
        "own": [one for one in lines if one.review is not None],
        "to_write": to_write,
        "form": ReviewForm.of(None) if to_write else None,
        "message": "",
    }


@blueprint.get("/products/<uuid:product_id>/reviews")
@allow(Access.PUBLIC)
def of_product_page(product_id: UUID) -> ResponseReturnValue:
    """All reviews of a product, sorted and by stars."""
    reader = Reader.present()
    product = visible(product_id, reader.id)
    form = ListForm(request.args)
    asked = lists.asked()
    page = reviews.reviews_of(
        product.id,
        reader_id=reader.id,
        sort=form.chosen_sort,
        stars=form.chosen_stars,
        hidden=bool(form.hidden.data) and reader.is_staff,
        after=asked.after,
        size=asked.size(PAGE),
    )
    next_url = lists.rest_of(page, request.path)
    if asked.after and htmx.wants_fragment():
        return htmx.page("reviews/_items.html", page=page, next_url=next_url, reader=reader)
    return htmx.page(
        "reviews/product.html",
        fragment="reviews",
        **_context(product, reader, form, page, next_url),
    )
