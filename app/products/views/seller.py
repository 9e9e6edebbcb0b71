"""A seller's products: listed, made, changed, published, hidden, removed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import flash, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.files import service as files
from app.kit import htmx, i18n, lists, ratelimit
from app.kit.access import Access, allow
from app.kit.bodies import KIB, takes
from app.kit.csrf import keeps_words
from app.kit.errors import AppError, Conflict
from app.kit.forms import form_page
from app.kit.money import Money, commission
from app.products import markdown
from app.products.errors import NotThisState, ProductChanged
from app.products.forms import ProductForm
from app.products.models import Kind
from app.products.queries.cards import ProductPage, own_card, own_product
from app.products.queries.categories import category_choices
from app.products.queries.commission import rates_of, terms_of
from app.products.queries.seller import products_of
from app.products.service import products
from app.products.service.products import Step
from app.products.views import blueprint
from app.products.views.stock import stock_page


@dataclass(frozen=True)
class Difference:
    """A field that was saved elsewhere meanwhile: both values, in words."""

    name: str
    label: str
    mine: str
    theirs: str


# Description and content, with a margin for the rest. Of a photo that is too large twice as much is
# taken, for the form to come back as it was filled in.
TEXT = 256 * KIB


@blueprint.get("/products/mine")
@allow(Access.SELLER)
def seller_products() -> ResponseReturnValue:
    """All products of the seller, newest first."""
    return _list()


def _list(error: AppError | None = None, product_id: UUID | None = None) -> ResponseReturnValue:
    """The list; with what was refused of one of its products."""
    asked = lists.asked()
    page = products_of(current_user.id, after=asked.after, size=asked.size())
    return form_page(
        "products/mine.html",
        None,
        error,
        fragment="items",
        page=page,
        refused=product_id and own_product(current_user.id, product_id),
        next_url=lists.rest_of(page, url_for("products.seller_products")),
    )


@blueprint.get("/products/new")
@allow(Access.SELLER)
def create() -> ResponseReturnValue:
    """An empty form."""
    return _form(ProductForm())


@blueprint.post("/products/new")
@allow(Access.SELLER)
@takes(2 * files.MAX_BYTES + TEXT, text=TEXT)
@keeps_words
def create_product() -> ResponseReturnValue:
    """Make a draft."""
    form = ProductForm()
    if not form.validate_on_submit():
        return _form(form)
    try:
        product_id = products.create_product(
            seller_id=current_user.id, draft=form.draft(), photo=_photo(form)
        )
    except AppError as error:
        return _form(form, error)
    shared = form.kind.data == Kind.TEXT or form.shared.data
    flash(_("Draft saved. Only you can see it until you publish it."), "success")
    next_page = "products.edit" if shared else "products.stock"
    return htmx.redirect_to(url_for(next_page, product_id=product_id))


@blueprint.get("/products/<uuid:product_id>/edit")
@allow(Access.SELLER)
def edit(product_id: UUID) -> ResponseReturnValue:
    """The form as the product stands."""
    product = own_product(current_user.id, product_id)
    form = ProductForm(data=_values(product) | {"version": str(product.version)})
    return _form(form, product=product)


def _values(product: ProductPage) -> dict[str, str | bool]:
    """What the form shows of a product."""
    return {
        "title": product.title,
        "kind": product.kind.value,
        "shared": product.shared and product.kind is Kind.LINK,
        "category_id": str(product.category_id),
        "price": Money(product.price_minor, product.currency).typed(i18n.locale()),
        "description": product.description,
        "low_stock_at": str(product.low_stock_at),
        "refund_days": str(product.refund_days),
    }


@blueprint.post("/products/<uuid:product_id>/edit")
@allow(Access.SELLER)
@takes(2 * files.MAX_BYTES + TEXT, text=TEXT)
@keeps_words
def save(product_id: UUID) -> ResponseReturnValue:
    """Save the changes, and offer or hide the product where that was asked for."""
    product = own_product(current_user.id, product_id)
    form = ProductForm()
    saved = _values(product)
    form.take({name: saved[name] for name in saved if request.form.get(f"take-{name}") == "theirs"})
    if not form.validate_on_submit():
        return _form(form, product=product)
    asked = request.form.get("act", "")
    step = Step(asked) if asked in Step.__members__.values() else None
    try:
        products.edit_product(
            seller_id=current_user.id,
            product_id=product_id,
            version=int(form.version.data),
            draft=form.draft(),
            photo=_photo(form),
            without_photo=bool(form.without_photo.data),
            step=step,
        )
    except ProductChanged as error:
        product = own_product(current_user.id, product_id)
        form.version.data = str(product.version)
        return _form(form, error, product, differences=_differences(form, product))
    except AppError as error:
        return _form(form, error, product)
    flash(_SAVED[step](), "success")
    return htmx.redirect_to(url_for("products.edit", product_id=product_id))


_SAVED: dict[Step | None, Callable[[], str]] = {
    None: lambda: _("Saved."),
    Step.PUBLISH: lambda: _("Saved. The product is now in the catalogue."),
    Step.PUBLISH_EMPTY: lambda: _("Saved. The product is now in the catalogue."),
    Step.HIDE: lambda: _("Saved. The product is hidden. Buyers keep what they bought."),
}


def _differences(form: ProductForm, product: ProductPage) -> list[Difference]:
    """The fields in which the form is not what is saved, both values as people read them."""
    entered = form.draft()
    mine = {
        "title": entered.title.strip(),
        "kind": entered.kind.value,
        "shared": bool(form.shared.data) and entered.kind is Kind.LINK,
        "category_id": str(entered.category_id),
        "price": Money(entered.price_minor, product.currency).typed(i18n.locale()),
        "description": entered.description.strip(),
        "low_stock_at": str(entered.low_stock_at),
        "refund_days": str(entered.refund_days),
    }
    named: dict[str, dict[str | bool, str]] = {
        "kind": {str(choice.value): str(choice.label) for choice in form.kind.choices},
        "category_id": dict(_categories()),
        "shared": {True: _("Yes"), False: _("No")},
    }
    return [
        Difference(
            name,
            form[name].label.text,
            str(named.get(name, {}).get(mine[name], mine[name])),
            str(named.get(name, {}).get(theirs, theirs)),
        )
        for name, theirs in _values(product).items()
        if mine[name] != theirs
    ]


def _categories() -> Iterator[tuple[str | bool, str]]:
    for _group, choices in category_choices(i18n.locale()):
        yield from choices


@blueprint.post("/products/<uuid:product_id>/publish")
@allow(Access.SELLER)
def publish(product_id: UUID) -> ResponseReturnValue:
    """Offer the product."""
    try:
        products.publish(
            seller_id=current_user.id,
            product_id=product_id,
            even_empty=request.form.get("even_empty") == "yes",
        )
    except Conflict as error:
        return _refused(product_id, error)
    flash(_("The product is now in the catalogue."), "success")
    return _back(product_id)


@blueprint.post("/products/<uuid:product_id>/hide")
@allow(Access.SELLER)
def hide(product_id: UUID) -> ResponseReturnValue:
    """Take the product out of the catalogue for a while."""
    try:
        products.hide(seller_id=current_user.id, product_id=product_id)
    except Conflict as error:
        return _refused(product_id, error)
    flash(_("The product is hidden. Buyers keep what they bought."), "success")
    return _back(product_id)


def _refused(product_id: UUID, error: AppError) -> ResponseReturnValue:
    """The page on which it was asked for, with the refusal."""
    if request.form.get("page") == "stock":
        product = own_card(product_id=product_id, seller_id=current_user.id)
        return stock_page(product, error=error, refused=product)
    return _list(error, product_id)


def _back(product_id: UUID) -> ResponseReturnValue:
    if request.form.get("page") == "stock":
        return htmx.redirect_to(url_for("products.stock", product_id=product_id))
    return htmx.redirect_to(url_for("products.seller_products"))


@blueprint.post("/products/<uuid:product_id>/remove")
@allow(Access.SELLER)
def remove(product_id: UUID) -> ResponseReturnValue:
    """Take the product out of the shop."""
    try:
        products.remove(
            seller_id=current_user.id, product_id=product_id, reason=request.form.get("reason", "")
        )
    except NotThisState as error:  # removed already: its own page is no more
        flash(error.message, "warning")
        return htmx.redirect_to(url_for("products.seller_products"))
    flash(_("The product has been removed. Buyers keep what they bought."), "success")
    return htmx.redirect_to(url_for("products.seller_products"))


@blueprint.post("/products/preview")
@allow(Access.SELLER)
@takes(TEXT)
def preview() -> ResponseReturnValue:
    """The description as buyers will see it."""
    text = request.form.get("description", "")[: products.DESCRIPTION_MAX]
    return make_response(
        render_template("products/_preview.html", description=markdown.render(text))
    )


def _photo(form: ProductForm) -> bytes | None:
    """The photo that was sent, if any; TooMany."""
    data = form.photo_bytes()
    if data:
        ratelimit.spend(products.PHOTO_LIMIT, "photo", str(current_user.id))
    return data


def _form(
    form: ProductForm,
    error: AppError | None = None,
    product: ProductPage | None = None,
    differences: Sequence[Difference] = (),
) -> ResponseReturnValue:
    """The form, again with what was typed where something is wrong with it."""
    if (error or form.errors) and form.photo.data and not form.photo.errors:
        form.photo.errors = [_("Please choose the photo again: it was not saved.")]
    groups = category_choices(i18n.locale())
    form.category_id.choices = dict(groups)
    rate = rates_of([product.id])[product.id] if product else 0
    return form_page(
        "products/form.html",
        form,
        error,
        product=product,
        differences=differences,
        max_photo_bytes=files.MAX_BYTES,
        terms=terms_of(current_user.id, i18n.locale()),
        basis_points=rate,
        share_minor=product.price_minor - commission(product.price_minor, rate) if product else 0,
        description=markdown.render((form.description.data or "")[: products.DESCRIPTION_MAX]),
    )
