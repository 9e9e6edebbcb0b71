"""A seller's stock for programs: counts, units, and the way new ones come in."""

from uuid import UUID

from flask import url_for
from flask_login import current_user

from app.kit import ratelimit
from app.kit.access import Access, allow
from app.kit.api.operations import Answer, operation
from app.kit.api.schemas import listing_of
from app.kit.bodies import MIB, takes
from app.products.api import blueprint
from app.products.api.selling import SCOPE
from app.products.queries import stock as queries
from app.products.queries.cards import ProductCard, own_card
from app.products.schemas import (
    DryRunOut,
    FindingsOut,
    ImportIn,
    StockCounts,
    TakeIn,
    TakenOut,
    UndoneOut,
    UnitList,
    UnitOut,
    UnitsQuery,
    WithdrawnOut,
)
from app.products.service import importing, uploads
from app.products.service import stock as service
from app.products.service.layouts import Layout, Parts
from app.products.service.reading import MAX_BYTES
from app.products.service.uploads import IMPORT_LIMIT


def _own(product_id: UUID) -> ProductCard:
    return own_card(product_id=product_id, seller_id=current_user.id)


@blueprint.get("/mine/<uuid:product_id>/stock")
@allow(Access.SELLER, SCOPE)
@operation(answers=StockCounts)
def get_stock(product_id: UUID) -> StockCounts:
    """Count stock by state."""
    return StockCounts.read(queries.counts(_own(product_id).id))


@blueprint.get("/mine/<uuid:product_id>/stock/units")
@allow(Access.SELLER, SCOPE)
@operation(answers=UnitList)
def list_units(product_id: UUID, query: UnitsQuery) -> UnitList:
    """List stock items in one state, newest first; never their text."""
    product = _own(product_id)
    page = queries.units(
        product.id,
        state=query.state,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    return listing_of(UnitList, page, UnitOut.read)


@blueprint.delete("/mine/<uuid:product_id>/stock/units/<uuid:unit_id>")
@allow(Access.SELLER, SCOPE)
@operation(status=204, refusals=(409,))
def withdraw(product_id: UUID, unit_id: UUID) -> None:
    """Withdraw one unsold item."""
    service.withdraw_unit(seller_id=current_user.id, product_id=product_id, unit_id=unit_id)


@blueprint.delete("/mine/<uuid:product_id>/stock/batches/<uuid:batch_id>")
@allow(Access.SELLER, SCOPE)
@operation(answers=WithdrawnOut)
def withdraw_batch_units(product_id: UUID, batch_id: UUID) -> WithdrawnOut:
    """Withdraw all unsold items of a batch."""
    units = service.withdraw_batch(
        seller_id=current_user.id, product_id=product_id, batch_id=batch_id
    )
    return WithdrawnOut(units=units)


@blueprint.post("/mine/<uuid:product_id>/stock/batches/<uuid:batch_id>/undo")
@allow(Access.SELLER, SCOPE)
@operation(answers=UndoneOut)
def undo_import(product_id: UUID, batch_id: UUID) -> UndoneOut:
    """Undo an import of the last hour: its unsold items are gone as if never added."""
    units = service.undo_import(seller_id=current_user.id, product_id=product_id, batch_id=batch_id)
    return UndoneOut(units=units)


@blueprint.post("/mine/<uuid:product_id>/stock/imports")
@allow(Access.SELLER, SCOPE)
@takes(MAX_BYTES + MIB)
@operation(answers=DryRunOut, status=201, refusals=(410,))
def look_through(product_id: UUID, body: ImportIn) -> Answer:
    """Upload up to 100,000 items and see what adding them would do.

    Nothing is on sale yet: the items are kept encrypted for an hour until you add them.
    """
    ratelimit.spend(IMPORT_LIMIT, "stock-import", str(current_user.id))
    upload_id = uploads.keep(
        product_id=product_id,
        seller_id=current_user.id,
        content=body.content,
        source=body.source,
        layout=Layout(
            Parts.TABLE if body.csv else Parts(body.separator),
            tuple(body.columns),
            body.template,
            body.heading,
        ),
    )
    return Answer(
        _dry_run(product_id, upload_id),
        location=url_for(".get_import", product_id=product_id, upload_id=upload_id),
    )


@blueprint.get("/mine/<uuid:product_id>/stock/imports/<uuid:upload_id>")
@allow(Access.SELLER, SCOPE)
@operation(answers=DryRunOut, refusals=(410,))
def get_import(product_id: UUID, upload_id: UUID) -> DryRunOut:
    """Get the current result of checking an upload."""
    return _dry_run(product_id, upload_id)


def _dry_run(product_id: UUID, upload_id: UUID) -> DryRunOut:
    _own(product_id)
    run = importing.dry_run(upload_id=upload_id, product_id=product_id, seller_id=current_user.id)
    return DryRunOut.read(
        run,
        id=run.upload_id,
        columns=run.columns if run.layout.parts is Parts.TABLE else [],
        findings=[
            FindingsOut.read(
                found,
                verdict=verdict,
            )
            for verdict, found in run.findings.items()
        ],
    )


@blueprint.post("/mine/<uuid:product_id>/stock/imports/<uuid:upload_id>/take-in")
@allow(Access.SELLER, SCOPE)
@operation(answers=TakenOut, refusals=(410,))
def take_in(product_id: UUID, upload_id: UUID, body: TakeIn) -> TakenOut:
    """Add the uploaded items to stock, all or none; repeated calls give the same answer."""
    _own(product_id)
    taken = importing.take_in(
        upload_id=upload_id,
        product_id=product_id,
        seller_id=current_user.id,
        only_new=body.only_new,
    )
    return TakenOut(batch_id=taken.batch_id, units=taken.units)


@blueprint.delete("/mine/<uuid:product_id>/stock/imports/<uuid:upload_id>")
@allow(Access.SELLER, SCOPE)
@operation(status=204)
def cancel(product_id: UUID, upload_id: UUID) -> None:
    """Discard an upload."""
    _own(product_id)
    uploads.cancel(upload_id=upload_id, product_id=product_id, seller_id=current_user.id)
