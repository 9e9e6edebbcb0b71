"""The catalogue: front page, listings, a product's page."""

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.auth import queries as people
from app.kit import htmx, i18n, lists
from app.kit.access import Access, allow
from app.kit.paging import PAGE_SIZE
from app.kit.words import searchable
from app.products import markdown
from app.products.forms import FilterForm
from app.products.models import Sort
from app.products.queries import catalogue as goods
from app.products.queries.cards import visible
from app.products.queries.catalogue import Filters, Listing
from app.products.queries.categories import Shelf, find, find_by_id, shelves, upper_shelves
from app.products.views import blueprint

SHOWN_IN_FRONT = 8


@blueprint.get("/")
@allow(Access.PUBLIC)
def catalogue() -> ResponseReturnValue:
    """The front page: shelves, what is new, what is bought most."""
    tops = shelves(i18n.locale())
    counts = goods.counts_by_shelf()
    buyable = Filters(in_stock=True)
    newest = goods.listing(buyable, Sort.NEW, size=SHOWN_IN_FRONT)
    popular = goods.listing(buyable, Sort.POPULAR, size=SHOWN_IN_FRONT)
    return htmx.page(
        "products/front.html",
        tiles=[(shelf, counts[shelf.id]) for shelf in tops],
        newest=newest.items,
        popular=[product for product in popular.items if product.sold_count],
    )


@blueprint.get("/products")
@allow(Access.PUBLIC)
def listing() -> ResponseReturnValue:
    """Everything for sale, searched, filtered, sorted."""
    return _listing(None)


@blueprint.get("/products/category/<slug>")
@allow(Access.PUBLIC)
def category(slug: str) -> ResponseReturnValue:
    """One shelf and those below it."""
    return _listing(find(shelves(i18n.locale()), slug))


def _listing(shelf: Shelf | None) -> ResponseReturnValue:
    form = FilterForm(request.args)
    valid = form.validate()
    asked = lists.asked()
    page = Listing([], None)
    seller_id = _seller(form) if valid else None
    valid = valid and not form.errors
    if valid:
        filters = form.filters(tuple(shelf.ids) if shelf else (), seller_id)
        page = goods.listing(
            filters,
            form.chosen_sort(),
            after=asked.after,
            size=asked.size(),
            counted=not asked.after,
        )
    if valid and not form.sort.raw_data:
        form.sort.data = form.chosen_sort().value
    args = request.args
    sought = [(field.name, value) for field in form for value in args.getlist(field.name)]
    return htmx.page(
        "products/listing.html",
        fragment="items" if asked.after else "results",
        status=HTTPStatus.OK if valid else HTTPStatus.UNPROCESSABLE_ENTITY,
        form=form,
        refilled=htmx.wants_fragment(),
        shelves=tuple((one.slug, one.name) for one in _beside(shelf, page)),
        shelf=shelf,
        query=f"?{urlencode(sought)}" if sought else "",
        page=page,
        here=request.path,
        next_url=lists.rest_of(page, request.path),
    )


def _seller(form: FilterForm) -> UUID | None:
    """Whose goods alone are asked for; an error of the form where nobody is called so."""
    name = searchable(form.seller.data or "")
    seller = people.seller_called(name) if name else None
    if name and seller is None:
        form.seller.errors = [_("There is no such seller.")]
    return seller.id if seller else None


def _beside(shelf: Shelf | None, page: Listing) -> Sequence[Shelf]:
    """Where one may go on from a shelf: below it, or beside it; to the upper ones from none."""
    if shelf is None:
        return upper_shelves(i18n.locale(), page.categories)
    return shelf.children or (shelf.parent.children if shelf.parent else ())


@blueprint.get("/products/left")
@allow(Access.PUBLIC)
def left() -> ResponseReturnValue:
    """How many are left of some products: an open listing asks when the stock of one has moved."""
    if not htmx.wants_fragment():
        return htmx.redirect_to(url_for("products.listing"))
    ids = request.args.getlist("id", type=UUID)[:PAGE_SIZE]
    return htmx.page("products/left.html", left=goods.left(ids))


@blueprint.get("/products/<uuid:product_id>")
@allow(Access.PUBLIC)
def detail(product_id: UUID) -> ResponseReturnValue:
    """A product. Its open page asks for block `stock` when the stock has moved."""
    viewer_id = current_user.id if current_user.is_authenticated else None
    product = visible(product_id, viewer_id)
    shelf = find_by_id(shelves(i18n.locale()), product.category_id)
    return htmx.page(
        "products/detail.html",
        fragment="stock",
        product=product,
        own=product.seller_id == viewer_id,
        # What the visitor has typed stays when the stock moves.
        quantity=max(request.args.get("quantity", default=1, type=int), 1),
        shelf=shelf,
        description=markdown.render(product.description),
    )
