"""A seller's products: listed, made, changed, published, hidden, removed."""

from uuid import UUID

from flask import flash, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.files import service as files
from app.kit import htmx, i18n, ratelimit
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.kit.money import Money
from app.products import markdown
from app.products.errors import ProductChanged
from app.products.forms import ProductForm
from app.products.models import Kind
from app.products.queries.cards import ProductPage, own_product
from app.products.queries.categories import category_choices
from app.products.queries.seller import products_of
from app.products.service import products
from app.products.views import blueprint


@blueprint.get("/products/mine")
@allow(Access.SELLER)
def seller_products() -> ResponseReturnValue:
    """All products of the seller, newest first."""
    page = products_of(current_user.id, after=request.args.get("after"))
    return htmx.page(
        "products/mine.html",
        fragment="items",
        page=page,
        next_url=page.next_cursor and url_for("products.seller_products", after=page.next_cursor),
    )


@blueprint.get("/products/new")
@allow(Access.SELLER)
def create() -> ResponseReturnValue:
    """An empty form."""
    return _form(ProductForm())


@blueprint.post("/products/new")
@allow(Access.SELLER)
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
    form = ProductForm(
        data={
            "title": product.title,
            "category_id": str(product.category_id),
            "kind": product.kind.value,
            "shared": product.shared,
            "description": product.description,
            "version": str(product.version),
            "price": Money(product.price_minor, product.currency).typed(i18n.locale()),
        }
    )
    return _form(form, product=product)


@blueprint.post("/products/<uuid:product_id>/edit")
@allow(Access.SELLER)
@keeps_words
def save(product_id: UUID) -> ResponseReturnValue:
    """Save the changes."""
    product = own_product(current_user.id, product_id)
    form = ProductForm()
    if not form.validate_on_submit():
        return _form(form, product=product)
    try:
        products.edit_product(
            seller_id=current_user.id,
            product_id=product_id,
            version=int(form.version.data),
            draft=form.draft(),
            photo=_photo(form),
            without_photo=bool(form.without_photo.data),
        )
    except ProductChanged as error:
        # Saving once more is the seller's yes to put theirs over the other one.
        form.version.data = str(own_product(current_user.id, product_id).version)
        return _form(form, error, product)
    except AppError as error:
        return _form(form, error, product)
    flash(_("Saved."), "success")
    return htmx.redirect_to(url_for("products.edit", product_id=product_id))


@blueprint.post("/products/<uuid:product_id>/publish")
@allow(Access.SELLER)
def publish(product_id: UUID) -> ResponseReturnValue:
    """Offer the product."""
    products.publish(seller_id=current_user.id, product_id=product_id)
    flash(_("The product is now in the catalogue."), "success")
    return htmx.redirect_to(url_for("products.seller_products"))


@blueprint.post("/products/<uuid:product_id>/hide")
@allow(Access.SELLER)
def hide(product_id: UUID) -> ResponseReturnValue:
    """Take the product out of the catalogue for a while."""
    products.hide(seller_id=current_user.id, product_id=product_id)
    flash(_("The product is hidden. Buyers keep what they bought."), "success")
    return htmx.redirect_to(url_for("products.seller_products"))


@blueprint.post("/products/<uuid:product_id>/remove")
@allow(Access.SELLER)
def remove(product_id: UUID) -> ResponseReturnValue:
    """Take the product out of the shop."""
    products.remove(
        seller_id=current_user.id, product_id=product_id, reason=request.form.get("reason", "")
    )
    flash(_("The product has been removed. Buyers keep what they bought."), "success")
    return htmx.redirect_to(url_for("products.seller_products"))


@blueprint.post("/products/preview")
@allow(Access.SELLER)
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
    form: ProductForm, error: AppError | None = None, product: ProductPage | None = None
) -> ResponseReturnValue:
    """The form, again with what was typed where something is wrong with it."""
    if (error or form.errors) and form.photo.data and not form.photo.errors:
        form.photo.errors = [_("Please choose the photo again: it was not saved.")]
    groups = category_choices(i18n.locale())
    form.category_id.choices = dict(groups)
    return form_page(
        "products/form.html",
        form,
        error,
        product=product,
        max_photo_bytes=files.MAX_BYTES,
        description=markdown.render((form.description.data or "")[: products.DESCRIPTION_MAX]),
    )
