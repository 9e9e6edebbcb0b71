"""Pages of administrators."""

from uuid import UUID

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.admin.forms import CategoryRateForm, ReasonForm, SellerRateForm
from app.auth import queries as people
from app.auth.errors import NoSuchUser
from app.kit import htmx, i18n, lists, promises
from app.kit.access import Access, allow
from app.kit.csrf import keeps_words
from app.kit.errors import AppError
from app.kit.forms import form_page
from app.orders.errors import NoSuchOrder
from app.orders.models import OperatorAct
from app.orders.queries.purchases import get_order
from app.orders.queries.stuck import decisions_on, stuck_payment, stuck_payments
from app.orders.service import unsticking
from app.products.errors import NoSuchCategory
from app.products.queries import commission as rates
from app.products.queries.categories import category_choices
from app.products.service import commission as service

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
RATES, HISTORY = "rates", "history"


@blueprint.get("/commission")
@allow(Access.ADMIN)
def commission() -> ResponseReturnValue:
    """What the shop takes of each sale: the default, what differs from it, and who changed it."""
    return _page()


def _page(
    category_form: CategoryRateForm | None = None,
    seller_form: SellerRateForm | None = None,
    error: AppError | None = None,
) -> ResponseReturnValue:
    categories = category_form or CategoryRateForm(formdata=None)
    categories.category_id.choices = dict(category_choices(i18n.locale()))
    fragment = HISTORY if request.args.get("part") == HISTORY else RATES
    asked, asked_history = lists.asked(RATES), lists.asked(HISTORY)
    set_rates = rates.set_rates(i18n.locale(), after=asked.after, size=asked.size())
    changes = rates.changes(i18n.locale(), after=asked_history.after, size=asked_history.size())
    path = url_for("admin.commission")
    return form_page(
        "admin/commission.html",
        seller_form or categories,
        error,
        fragment=fragment,
        category_form=categories,
        seller_form=seller_form or SellerRateForm(formdata=None),
        default=rates.default(),
        rates=set_rates.items,
        rates_url=lists.rest_of(set_rates, path, RATES),
        changes=changes.items,
        changes_url=lists.rest_of(changes, path, HISTORY),
    )


@blueprint.post("/commission/category")
@allow(Access.ADMIN)
@keeps_words
def set_category_commission() -> ResponseReturnValue:
    """Set what is taken of a category's sales."""
    form = CategoryRateForm()
    if not form.validate_on_submit():
        return _page(form)
    try:
        category_id = _id(form.category_id.data)
        if category_id is None:
            raise NoSuchCategory
        service.set_of_category(
            admin_id=current_user.id,
            category_id=category_id,
            basis_points=form.category_percent.basis_points,
        )
    except AppError as error:
        return _page(form, error=error)
    return _done()


@blueprint.post("/commission/seller")
@allow(Access.ADMIN)
@keeps_words
def set_seller_commission() -> ResponseReturnValue:
    """Set what is taken of a seller's sales."""
    form = SellerRateForm()
    if not form.validate_on_submit():
        return _page(seller_form=form)
    try:
        who = form.seller.data.strip()
        seller = people.user_by_email(who) if "@" in who else people.seller_called(who)
        if seller is None:
            raise NoSuchUser
        service.set_of_seller(
            admin_id=current_user.id,
            seller_id=seller.id,
            basis_points=form.seller_percent.basis_points,
        )
    except AppError as error:
        return _page(seller_form=form, error=error)
    return _done()


@blueprint.post("/commission/lift")
@allow(Access.ADMIN)
def lift_commission() -> ResponseReturnValue:
    """Have a category or a seller pay what they would without a rate of their own."""
    category_id, seller_id = _id(request.form.get("category")), _id(request.form.get("seller"))
    try:
        if category_id is not None:
            service.set_of_category(
                admin_id=current_user.id, category_id=category_id, basis_points=None
            )
        elif seller_id is not None:
            service.set_of_seller(admin_id=current_user.id, seller_id=seller_id, basis_points=None)
    except AppError as error:
        return _page(error=error)
    return _done()


def _id(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _done() -> ResponseReturnValue:
    flash(_("Saved. What is ordered already keeps its commission."), "success")
    return htmx.redirect_to(url_for("admin.commission"))


@blueprint.get("/payments/stuck")
@allow(Access.ADMIN)
def list_stuck_payments() -> ResponseReturnValue:
    """List payments that wait for a person, and say what is wrong with each."""
    asked = lists.asked()
    page = stuck_payments(after=asked.after, size=asked.size())
    return htmx.page(
        "admin/stuck_payments.html",
        fragment="items",
        payments=page.items,
        next_url=lists.rest_of(page, request.path),
    )


@blueprint.get("/payments/stuck/<uuid:order_id>")
@allow(Access.ADMIN)
def show_stuck_payment(order_id: UUID) -> ResponseReturnValue:
    """One of them, with what may be done about it and what was decided before."""
    return _show_payment(order_id, None)


@blueprint.post(
    "/payments/stuck/<uuid:order_id>/<any(book_and_deliver, wait_for_stock, refund_whole):act>"
)
@allow(Access.ADMIN)
def decide_on_payment(order_id: UUID, act: str) -> ResponseReturnValue:
    """Do it, for a reason."""
    if get_order(order_id) is None:
        raise NoSuchOrder
    form = ReasonForm()
    try:
        unsticking.decide(
            actor_id=current_user.id,
            order_id=order_id,
            act=OperatorAct(act),
            reason=form.reason.data or "",
        )
    except AppError as error:
        return _show_payment(order_id, act, form, error)
    if stuck_payment(order_id) is None:
        flash(_("The payment is settled."), "success")
    else:
        flash(_("Your decision is noted."), "success")
    return htmx.redirect_to(url_for("admin.show_stuck_payment", order_id=order_id))


def _show_payment(
    order_id: UUID,
    act: str | None,
    form: ReasonForm | None = None,
    error: AppError | None = None,
) -> ResponseReturnValue:
    order = get_order(order_id)
    if order is None:
        raise NoSuchOrder
    return form_page(
        "admin/stuck_payment.html",
        form or ReasonForm(formdata=None),
        error,
        order=order,
        stuck=stuck_payment(order_id),
        decisions=decisions_on(order_id),
        act=act,
    )


@blueprint.get("/promises")
@allow(Access.ADMIN)
def list_promises() -> ResponseReturnValue:
    """What the shop promises itself, when each was last checked, and what breaks it."""
    return htmx.page("admin/promises.html", promises=promises.kept())


@blueprint.post("/promises/check")
@allow(Access.ADMIN)
def check_promises() -> ResponseReturnValue:
    """Have them all checked soon."""
    promises.check_soon()
    flash(_("They are checked within the next minutes."), "success")
    return htmx.redirect_to(url_for("admin.list_promises"))


from app.admin.views import disputes  # noqa: E402,F401  # adds its routes to the blueprint
