"""A seller's stock: counts, batches, units, and the way new ones come in."""

from pathlib import PurePath
from typing import Any
from uuid import UUID

from flask import Response, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from app.kit import i18n, lists, ratelimit
from app.kit.access import Access, allow
from app.kit.bodies import MIB, takes
from app.kit.csrf import keeps_words
from app.kit.errors import AppError, Invalid, NotFound
from app.kit.forms import form_page, status_of
from app.kit.htmx import page, redirect_to, wants_fragment
from app.products.errors import (
    ColumnsUnclear,
    NotAllNew,
    NothingNew,
    NotStocked,
    TakenMeanwhile,
    TooLateToUndo,
    UnitNotFree,
    UnreadableStock,
)
from app.products.forms import LayoutForm, StockForm
from app.products.models import UnitState
from app.products.queries import stock as queries
from app.products.queries.cards import ProductCard, own_card
from app.products.service import importing, reading, uploads
from app.products.service import stock as service
from app.products.service.checking import Verdict
from app.products.views import blueprint

PAGE = "products/stock.html"
BATCHES_SHOWN = 10


@blueprint.get("/products/<uuid:product_id>/stock")
@allow(Access.SELLER)
def stock(product_id: UUID) -> Response:
    """The stock's page; for htmx the counts, or the next batches or units alone."""
    product = own_card(product_id=product_id, seller_id=current_user.id)
    part = request.args.get("part", "")
    fragment = part if part in {"counts", "batches", "units"} else None
    return stock_page(product, fragment=fragment)


def stock_page(
    product: ProductCard,
    *,
    form: StockForm | None = None,
    error: AppError | None = None,
    fragment: str | None = None,
    refused: ProductCard | None = None,
) -> Response:
    """The stock's page, with a form that is shown again or what was refused of the product."""
    state = _state_asked()
    path = url_for("products.stock", product_id=product.id)
    of_batches, of_units = lists.asked("batches"), lists.asked("units")
    batches = queries.batches(
        product.id, after=of_batches.after, size=of_batches.size(BATCHES_SHOWN)
    )
    units = queries.units(product.id, state=state, after=of_units.after, size=of_units.size())
    context: dict[str, Any] = {
        "product": product,
        "refused": refused,
        "counts": queries.counts(product.id),
        "batches": batches,
        "next_batches_url": lists.rest_of(batches, path, "batches"),
        "units": units,
        "next_units_url": lists.rest_of(units, path, "units"),
        "state": state,
        "states": list(UnitState),
        "max_stock_bytes": reading.MAX_BYTES,
    }
    shown = form or StockForm(formdata=None)
    return form_page(PAGE, shown, error, fragment=fragment, **context)


def _state_asked() -> UnitState:
    asked = request.args.get("state", "")
    return UnitState(asked) if asked in UnitState.__members__.values() else UnitState.FREE


@blueprint.post("/products/<uuid:product_id>/stock/import")
@allow(Access.SELLER)
@takes(reading.MAX_BYTES + MIB)
@keeps_words
def import_stock(product_id: UUID) -> ResponseReturnValue:
    """Keep what was sent and show what taking it in would come to."""
    product = own_card(product_id=product_id, seller_id=current_user.id)
    form = StockForm()
    if not form.validate_on_submit():
        return stock_page(product, form=form)
    try:
        ratelimit.spend(uploads.IMPORT_LIMIT, "stock-import", str(current_user.id))
        upload_id = uploads.keep(product_id=product_id, seller_id=current_user.id, **_sent(form))
    except NotFound:
        raise
    except AppError as error:
        return stock_page(product, form=form, error=error)
    return redirect_to(url_for("products.stock_upload", product_id=product_id, upload_id=upload_id))


def _sent(form: StockForm) -> dict[str, Any]:
    """What of the form is to be kept: the pasted lines or the file."""
    pasted = form.lines.data or ""
    upload = form.file.data
    if not upload:
        return {"content": pasted}
    if pasted.strip():
        raise UnreadableStock.twice()
    name = PurePath(upload.filename or "").name
    suffix = PurePath(name).suffix.lower()
    if suffix not in {".txt", ".csv"}:
        raise UnreadableStock.file_type()
    return {"content": upload.read(), "source": name, "is_table": suffix == ".csv"}


@blueprint.get("/products/<uuid:product_id>/stock/uploads/<uuid:upload_id>")
@allow(Access.SELLER)
def stock_upload(product_id: UUID, upload_id: UUID) -> Response:
    """What taking in the kept lines would come to, as things are now."""
    product = own_card(product_id=product_id, seller_id=current_user.id)
    return _upload_page(product, upload_id)


def _upload_page(
    product: ProductCard,
    upload_id: UUID,
    refusal: AppError | None = None,
    form: LayoutForm | None = None,
) -> Response:
    run = importing.dry_run(upload_id=upload_id, product_id=product.id, seller_id=current_user.id)
    return page(
        "products/stock_upload.html",
        status=status_of(None, refusal),
        product=product,
        run=run,
        form=form or LayoutForm.of(run.layout, heading=run.heading),
        verdicts=list(Verdict),
        refusal=refusal,
    )


@blueprint.post("/products/<uuid:product_id>/stock/uploads/<uuid:upload_id>/layout")
@allow(Access.SELLER)
def lay_out_stock(product_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """Read what is kept in another way."""
    product = own_card(product_id=product_id, seller_id=current_user.id)
    form = LayoutForm()
    try:
        uploads.lay_out(
            upload_id=upload_id,
            product_id=product_id,
            seller_id=current_user.id,
            layout=form.layout(),
        )
    except Invalid as refusal:
        return _upload_page(product, upload_id, refusal, form)
    return redirect_to(url_for("products.stock_upload", product_id=product_id, upload_id=upload_id))


@blueprint.post("/products/<uuid:product_id>/stock/uploads/<uuid:upload_id>/take-in")
@allow(Access.SELLER)
def take_in_stock(product_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """Take the kept lines in; a second click answers as the first."""
    product = own_card(product_id=product_id, seller_id=current_user.id)
    try:
        taken = importing.take_in(
            upload_id=upload_id,
            product_id=product_id,
            seller_id=current_user.id,
            only_new=request.form.get("only_new") == "yes",
        )
    except (ColumnsUnclear, NotAllNew, NothingNew, NotStocked, TakenMeanwhile) as refusal:
        return _upload_page(product, upload_id, refusal)
    flash(
        ngettext(
            "%(count)s item was added.",
            "%(count)s items were added.",
            taken.units,
            count=i18n.number(taken.units),
        ),
        "success",
    )
    return redirect_to(url_for("products.stock", product_id=product_id))


@blueprint.post("/products/<uuid:product_id>/stock/uploads/<uuid:upload_id>/cancel")
@allow(Access.SELLER)
def cancel_stock_upload(product_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """Drop the kept lines."""
    own_card(product_id=product_id, seller_id=current_user.id)
    uploads.cancel(upload_id=upload_id, product_id=product_id, seller_id=current_user.id)
    flash(_("Nothing was added."), "info")
    return redirect_to(url_for("products.stock", product_id=product_id))


@blueprint.post("/products/<uuid:product_id>/stock/units/<uuid:unit_id>/withdraw")
@allow(Access.SELLER)
def withdraw_unit(product_id: UUID, unit_id: UUID) -> ResponseReturnValue:
    """Take one free unit off sale; htmx gets its row anew."""
    try:
        service.withdraw_unit(seller_id=current_user.id, product_id=product_id, unit_id=unit_id)
    except UnitNotFree as error:
        if wants_fragment():
            raise
        product = own_card(product_id=product_id, seller_id=current_user.id)
        return stock_page(product, error=error, refused=product)
    if wants_fragment():
        return page(
            "products/stock_unit.html",
            product=own_card(product_id=product_id, seller_id=current_user.id),
            unit=queries.unit(product_id, unit_id),
            counts=queries.counts(product_id),
        )
    flash(_("The item was withdrawn."), "success")
    return redirect_to(url_for("products.stock", product_id=product_id))


@blueprint.post("/products/<uuid:product_id>/stock/batches/<uuid:batch_id>/withdraw")
@allow(Access.SELLER)
def withdraw_batch(product_id: UUID, batch_id: UUID) -> ResponseReturnValue:
    """Withdraw all unsold items of a batch."""
    count = service.withdraw_batch(
        seller_id=current_user.id, product_id=product_id, batch_id=batch_id
    )
    flash(
        ngettext(
            "%(count)s item was withdrawn.",
            "%(count)s items were withdrawn.",
            count,
            count=i18n.number(count),
        ),
        "success" if count else "info",
    )
    return redirect_to(url_for("products.stock", product_id=product_id))


@blueprint.post("/products/<uuid:product_id>/stock/batches/<uuid:batch_id>/undo")
@allow(Access.SELLER)
def undo_import(product_id: UUID, batch_id: UUID) -> ResponseReturnValue:
    """Take back an import of the last hour."""
    try:
        count = service.undo_import(
            seller_id=current_user.id, product_id=product_id, batch_id=batch_id
        )
    except TooLateToUndo as error:
        product = own_card(product_id=product_id, seller_id=current_user.id)
        return stock_page(product, error=error, refused=product)
    flash(
        ngettext(
            "The import was undone: %(count)s item was taken back.",
            "The import was undone: %(count)s items were taken back.",
            count,
            count=i18n.number(count),
        ),
        "success" if count else "info",
    )
    return redirect_to(url_for("products.stock", product_id=product_id))
