"""A seller's products for programs."""

from uuid import UUID

from flask import request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.exceptions import UnsupportedMediaType

from app.files.service import MAX_BYTES as MAX_PHOTO
from app.kit import ratelimit
from app.kit.access import Access, allow
from app.kit.api.operations import Answer, operation
from app.kit.api.schemas import Money, listing_of
from app.kit.api.versions import expected_version, stale
from app.kit.bodies import KIB, takes
from app.products.api import blueprint
from app.products.api.catalogue import photo_url
from app.products.errors import BadProduct, ProductChanged
from app.products.queries.cards import ProductPage, own_product
from app.products.queries.commission import rates_of
from app.products.queries.seller import OwnCard, products_of
from app.products.queries.stock import counts
from app.products.schemas import (
    OwnProductList,
    OwnProductListed,
    OwnProductOut,
    OwnProductsQuery,
    ProductChange,
    ProductIn,
    RemovalQuery,
    StockCounts,
)
from app.products.service import products
from app.products.service.products import PHOTO_LIMIT, Draft

SCOPE = "products"
PHOTO_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")


@blueprint.get("/mine")
@allow(Access.SELLER, SCOPE)
@operation(answers=OwnProductList)
def list_own(query: OwnProductsQuery) -> OwnProductList:
    """List your products, newest first, without removed ones."""
    page = products_of(current_user.id, after=query.after, size=query.limit, counted=query.total)
    return listing_of(OwnProductList, page, _listed)


def _listed(product: OwnCard) -> OwnProductListed:
    return OwnProductListed.read(
        product,
        price=Money.of(product.price_minor, product.currency),
        photo_url=photo_url(product.photo_id),
        stock=product.counts,
    )


@blueprint.post("")
@allow(Access.SELLER, SCOPE)
@takes(512 * KIB)
@operation(answers=OwnProductOut, status=201)
def create(body: ProductIn) -> Answer:
    """Create a draft; publish it to put it on sale."""
    product_id = products.create_product(
        seller_id=current_user.id,
        draft=Draft(
            category_id=body.category_id,
            kind=body.kind,
            shared=body.shared,
            title=body.title,
            description=body.description,
            price_minor=body.price_minor,
            content=body.content,
            low_stock_at=body.low_stock_at,
            refund_days=body.refund_days,
        ),
    )
    return _own(product_id, location=True)


@blueprint.get("/mine/<uuid:product_id>")
@allow(Access.SELLER, SCOPE)
@operation(answers=OwnProductOut, versioned=True)
def get_own(product_id: UUID) -> Answer:
    """Get your product for editing."""
    return _own(product_id)


def _own(product_id: UUID, *, location: bool = False) -> Answer:
    product = own_product(current_user.id, product_id)
    return Answer(
        OwnProductOut.read(
            product,
            has_content=product.content_id is not None,
            price=Money.of(product.price_minor, product.currency),
            photo_url=photo_url(product.photo_id),
            stock=StockCounts.read(counts(product.id)),
            commission_basis_points=rates_of([product.id])[product.id],
        ),
        version=str(product.version),
        location=url_for(".get_own", product_id=product_id) if location else None,
    )


@blueprint.patch("/mine/<uuid:product_id>")
@allow(Access.SELLER, SCOPE)
@takes(512 * KIB)
@operation(answers=OwnProductOut, refusals=(409,), versioned=True, edits=True)
def change(product_id: UUID, body: ProductChange) -> Answer:
    """Change the given fields; past purchases stay as they were."""
    product = own_product(current_user.id, product_id)
    changes = body.model_dump(exclude_unset=True)
    _edit(product, _draft({**_as_is(product), **changes}))
    return _own(product_id)


def _as_is(product: ProductPage) -> dict[str, object]:
    return {
        "category_id": product.category_id,
        "kind": product.kind,
        "shared": product.shared,
        "title": product.title,
        "description": product.description,
        "price_minor": product.price_minor,
        "content": None,
        "low_stock_at": product.low_stock_at,
        "refund_days": product.refund_days,
    }


def _draft(values: dict[str, object]) -> Draft:
    return Draft(**values)  # type: ignore[arg-type]  # read by the schema


def _edit(
    product: ProductPage,
    draft: Draft,
    photo: bytes | None = None,
    *,
    without_photo: bool = False,
) -> None:
    expected = expected_version()
    if expected != str(product.version):
        raise stale()
    try:
        products.edit_product(
            seller_id=current_user.id,
            product_id=product.id,
            version=product.version,
            draft=draft,
            photo=photo,
            without_photo=without_photo,
        )
    except ProductChanged as error:
        raise stale() from error


@blueprint.put("/mine/<uuid:product_id>/photo")
@allow(Access.SELLER, SCOPE)
@takes(MAX_PHOTO)
@operation(
    answers=OwnProductOut, refusals=(409,), content_types=PHOTO_TYPES, versioned=True, edits=True
)
def put_photo(product_id: UUID) -> Answer:
    """Set the cover photo: an image of up to 8 MB, which is re-encoded."""
    product = own_product(current_user.id, product_id)
    if request.mimetype not in PHOTO_TYPES:
        raise UnsupportedMediaType
    ratelimit.spend(PHOTO_LIMIT, "photo", str(current_user.id))
    data = request.get_data()
    if not data:
        raise BadProduct({"photo": _("There is no image in the request.")})
    _edit(product, _draft(_as_is(product)), data)
    return _own(product_id)


@blueprint.delete("/mine/<uuid:product_id>/photo")
@allow(Access.SELLER, SCOPE)
@operation(answers=OwnProductOut, refusals=(409,), versioned=True, edits=True)
def remove_photo(product_id: UUID) -> Answer:
    """Remove the cover photo; another one can be set at any time."""
    product = own_product(current_user.id, product_id)
    _edit(product, _draft(_as_is(product)), without_photo=True)
    return _own(product_id)


@blueprint.post("/mine/<uuid:product_id>/publish")
@allow(Access.SELLER, SCOPE)
@operation(answers=OwnProductOut, versioned=True)
def publish(product_id: UUID) -> Answer:
    """Publish a product; without stock it is shown as sold out."""
    products.publish(seller_id=current_user.id, product_id=product_id, even_empty=True)
    return _own(product_id)


@blueprint.post("/mine/<uuid:product_id>/hide")
@allow(Access.SELLER, SCOPE)
@operation(answers=OwnProductOut, versioned=True)
def hide(product_id: UUID) -> Answer:
    """Hide a product."""
    products.hide(seller_id=current_user.id, product_id=product_id)
    return _own(product_id)


@blueprint.delete("/mine/<uuid:product_id>")
@allow(Access.SELLER, SCOPE)
@operation(status=204, refusals=(409,))
def remove(product_id: UUID, query: RemovalQuery) -> None:
    """Remove a product for good; buyers keep what they bought."""
    products.remove(seller_id=current_user.id, product_id=product_id, reason=query.reason)
