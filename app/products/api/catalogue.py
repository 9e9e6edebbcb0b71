"""The catalogue for programs."""

from uuid import UUID

from flask import url_for
from flask_login import current_user

from app.kit import i18n
from app.kit.access import Access, allow
from app.kit.api.operations import Answer, operation
from app.kit.api.schemas import Money, listing_of
from app.kit.requests import public
from app.kit.words import searchable
from app.products import markdown
from app.products.api import blueprint
from app.products.errors import BadFilters
from app.products.models import Sort
from app.products.queries import catalogue as goods
from app.products.queries.cards import ProductPage, visible
from app.products.queries.catalogue import Filters, Listed
from app.products.queries.categories import find, shelves
from app.products.schemas import (
    CatalogueQuery,
    Categories,
    CategoryOut,
    ProductList,
    ProductListed,
    ProductOut,
    rating_out,
)

PHOTO_SIZE = 960


@blueprint.get("")
@allow(Access.PUBLIC)
@operation(answers=ProductList, refusals=(404,))
def list_products(query: CatalogueQuery) -> ProductList:
    """Search, filter and sort the catalogue.

    An unknown category is 404. Titles and descriptions are searched, in Russian and English.
    """
    words = searchable(query.q)
    sort = query.sort or (Sort.RELEVANCE if words else Sort.NEW)
    if sort is Sort.RELEVANCE and not words:
        sort = Sort.NEW
    page = goods.listing(
        _filters(query, words), sort, after=query.after, size=query.limit, counted=query.total
    )
    return listing_of(ProductList, page, _listed)


def _filters(query: CatalogueQuery, words: str) -> Filters:
    least, most = query.price_from, query.price_to
    if least is not None and most is not None and most < least:
        raise BadFilters.empty_range()
    shelf = find(shelves(i18n.locale()), query.category) if query.category is not None else None
    return Filters(
        words=words,
        category_ids=tuple(shelf.ids) if shelf else (),
        kinds=tuple(query.kind),
        price_from=least,
        price_to=most,
        in_stock=query.in_stock,
        seller_id=query.seller_id,
    )


def _listed(product: Listed) -> ProductListed:
    return ProductListed.read(
        product,
        price=Money.of(product.price_minor, product.currency),
        photo_url=photo_url(product.photo_id),
        rating=rating_out(product.own_rating),
        seller_rating=rating_out(product.seller_rating),
    )


def photo_url(photo_id: UUID | None) -> str | None:
    """Where a cover can be had, None for a product without one."""
    if photo_id is None:
        return None
    return public(url_for("files.photo", photo_id=photo_id, size=PHOTO_SIZE))


@blueprint.get("/categories")
@allow(Access.PUBLIC)
@operation(answers=Categories)
def list_categories() -> Categories:
    """List the categories (two levels), named in the requested language."""
    return Categories(items=[CategoryOut.read(shelf) for shelf in shelves(i18n.locale())])


@blueprint.get("/<uuid:product_id>")
@allow(Access.PUBLIC)
@operation(answers=ProductOut, refusals=(401, 410))
def get_product(product_id: UUID) -> Answer:
    """Get a product on sale; sellers see their own in any state."""
    viewer_id = current_user.id if current_user.is_authenticated else None
    return Answer(_shown(visible(product_id, viewer_id)))


def _shown(product: ProductPage) -> ProductOut:
    return ProductOut.read(
        product,
        description_html=markdown.render(product.description),
        price=Money.of(product.price_minor, product.currency),
        photo_url=photo_url(product.photo_id),
        rating=rating_out(product.own_rating),
        histogram=list(product.histogram),
        seller_rating=rating_out(product.seller_rating),
    )
