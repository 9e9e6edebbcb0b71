"""JSON routes of administrators, below /api/v1/admin."""

from uuid import UUID

from flask_login import current_user

from app.admin.schemas import (
    CommissionIn,
    CommissionOut,
    DecidedOut,
    DecisionOut,
    HidingIn,
    ModeratedOut,
    ModeratedReviewOut,
    OrderRefundIn,
    PaymentDecisionIn,
    PromiseOut,
    PromisesOut,
    RateChangeList,
    RateChangeOut,
    RateChangesQuery,
    RateList,
    RateOut,
    RatesQuery,
    RefundedOut,
    RemovalIn,
    ReportList,
    ReportOut,
    ReportsQuery,
    StuckPaymentList,
    StuckPaymentOut,
    StuckPaymentsQuery,
    UserList,
    UserOut,
    UsersQuery,
)
from app.auth import queries as people
from app.auth.errors import NoSuchUser
from app.auth.identity import insist_on_login
from app.auth.models import Role, User
from app.auth.service import moderation as people_moderation
from app.kit import i18n, promises
from app.kit.access import Access, allow
from app.kit.api.operations import api_blueprint, operation
from app.kit.api.schemas import Money, listing_of
from app.kit.words import searchable
from app.orders.errors import NoSuchOrder
from app.orders.models import OperatorAct
from app.orders.queries.purchases import get_order
from app.orders.queries.stuck import StuckPayment, stuck_payment, stuck_payments
from app.orders.service import returning, unsticking
from app.products.queries import commission as rates
from app.products.queries.cards import page_of
from app.products.service import commission
from app.products.service import moderation as goods
from app.reviews.queries.reports import open_reports
from app.reviews.queries.reviews import review_for
from app.reviews.service import moderation as opinions

blueprint = api_blueprint("admin_api", __name__, "admin")
SCOPE = "admin"


@blueprint.get("/users")
@allow(Access.ADMIN, SCOPE)
@operation(answers=UserList)
def list_users(query: UsersQuery) -> UserList:
    """List users, newest first."""
    page = people.users(
        words=searchable(query.q),
        role=query.role,
        banned=query.banned,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    return listing_of(UserList, page, _user)


def _user(user: User) -> UserOut:
    return UserOut.read(
        user,
        roles=sorted(user.role_names),
    )


def _found(user_id: UUID) -> UserOut:
    user = people.get_user(user_id, fresh=True)
    if user is None:
        raise NoSuchUser
    return _user(user)


@blueprint.get("/users/<uuid:user_id>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=UserOut)
def get_user(user_id: UUID) -> UserOut:
    """Get a user."""
    return _found(user_id)


@blueprint.post("/users/<uuid:user_id>/ban")
@allow(Access.ADMIN, SCOPE)
@operation(answers=UserOut)
def ban(user_id: UUID) -> UserOut:
    """Ban a user: all sessions and tokens end, and their products leave the catalogue."""
    people_moderation.ban_user(user_id=user_id, by=current_user.id)
    return _found(user_id)


@blueprint.post("/users/<uuid:user_id>/unban")
@allow(Access.ADMIN, SCOPE)
@operation(answers=UserOut)
def unban(user_id: UUID) -> UserOut:
    """Unban a user."""
    people_moderation.unban_user(user_id=user_id)
    return _found(user_id)


@blueprint.put("/users/<uuid:user_id>/roles/<any(seller, moderator, admin):role>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=UserOut, refusals=(409,))
def grant_role(user_id: UUID, role: str) -> UserOut:
    """Give a role; a new seller is paid at their own address. Not available to API keys."""
    insist_on_login()
    people_moderation.grant_role(user_id=user_id, role=Role(role))
    return _found(user_id)


@blueprint.delete("/users/<uuid:user_id>/roles/<any(seller, moderator, admin):role>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=UserOut, refusals=(409,))
def take_role(user_id: UUID, role: str) -> UserOut:
    """Remove a role."""
    people_moderation.revoke_role(user_id=user_id, role=Role(role), by=current_user.id)
    return _found(user_id)


@blueprint.post("/products/<uuid:product_id>/remove")
@allow(Access.ADMIN, SCOPE)
@operation(answers=ModeratedOut)
def remove_product(product_id: UUID, body: RemovalIn) -> ModeratedOut:
    """Remove a product from the shop; its seller and buyers keep what they have."""
    goods.remove(moderator_id=current_user.id, product_id=product_id, reason=body.reason)
    return _decided(product_id)


@blueprint.post("/products/<uuid:product_id>/restore")
@allow(Access.ADMIN, SCOPE)
@operation(answers=ModeratedOut)
def restore_product(product_id: UUID) -> ModeratedOut:
    """Restore a removed product as hidden; its seller can publish it again."""
    goods.restore(product_id=product_id)
    return _decided(product_id)


@blueprint.get("/payments/stuck")
@allow(Access.ADMIN, SCOPE)
@operation(answers=StuckPaymentList)
def list_stuck_payments(query: StuckPaymentsQuery) -> StuckPaymentList:
    """List payments that wait for a person, newest order first."""
    page = stuck_payments(after=query.after, size=query.limit, counted=query.total)
    return listing_of(StuckPaymentList, page, _stuck)


def _stuck(stuck: StuckPayment) -> StuckPaymentOut:
    taken = None
    if stuck.taken_minor is not None and stuck.taken_currency is not None:
        taken = Money.of(stuck.taken_minor, stuck.taken_currency)
    return StuckPaymentOut.read(
        stuck,
        total=Money.of(stuck.total_minor, stuck.currency),
        taken=taken,
        acts=list(stuck.acts),
        decision=DecisionOut.read(stuck.decision) if stuck.decision else None,
    )


@blueprint.post("/payments/stuck/<uuid:order_id>/book-and-deliver")
@allow(Access.ADMIN, SCOPE)
@operation(answers=DecidedOut, refusals=(409, 503))
def book_and_deliver(order_id: UUID, body: PaymentDecisionIn) -> DecidedOut:
    """Book what PayPal took for an order, and deliver it."""
    return _decided_payment(order_id, OperatorAct.BOOK_AND_DELIVER, body.reason)


@blueprint.post("/payments/stuck/<uuid:order_id>/wait-for-stock")
@allow(Access.ADMIN, SCOPE)
@operation(answers=DecidedOut, refusals=(409,))
def wait_for_stock(order_id: UUID, body: PaymentDecisionIn) -> DecidedOut:
    """Note that a paid order waits for its seller's stock; it is delivered by itself then."""
    return _decided_payment(order_id, OperatorAct.WAIT_FOR_STOCK, body.reason)


@blueprint.post("/payments/stuck/<uuid:order_id>/refund-whole")
@allow(Access.ADMIN, SCOPE)
@operation(answers=DecidedOut, refusals=(409, 503))
def refund_whole(order_id: UUID, body: PaymentDecisionIn) -> DecidedOut:
    """Refund all that is left of a stuck payment."""
    return _decided_payment(order_id, OperatorAct.REFUND_WHOLE, body.reason)


@blueprint.post("/orders/<uuid:order_id>/refund")
@allow(Access.ADMIN, SCOPE)
@operation(answers=RefundedOut, refusals=(409,))
def refund_order(order_id: UUID, body: OrderRefundIn) -> RefundedOut:
    """Refund a paid order: all of it, a line, items of a line, or an amount."""
    refund_id = returning.refund(
        actor_id=current_user.id,
        by_staff=True,
        order_id=order_id,
        scope=returning.Scope.within(body.line_id, body.pieces, body.amount_minor),
        reason=body.reason,
    )
    return RefundedOut(order_id=order_id, refund_id=refund_id)


def _decided_payment(order_id: UUID, act: OperatorAct, reason: str) -> DecidedOut:
    if get_order(order_id) is None:
        raise NoSuchOrder
    unsticking.decide(actor_id=current_user.id, order_id=order_id, act=act, reason=reason)
    order = get_order(order_id)
    assert order is not None
    return DecidedOut(
        order_id=order_id, state=order.state, stuck=stuck_payment(order_id) is not None
    )


@blueprint.get("/reviews/reports")
@allow(Access.ADMIN, SCOPE)
@operation(answers=ReportList)
def list_reports(query: ReportsQuery) -> ReportList:
    """List reported reviews that wait for a decision, newest report first."""
    page = open_reports(after=query.after, size=query.limit, counted=query.total)
    return listing_of(ReportList, page, ReportOut.read)


@blueprint.post("/reviews/<uuid:review_id>/hide")
@allow(Access.ADMIN, SCOPE)
@operation(answers=ModeratedReviewOut)
def hide_review(review_id: UUID, body: HidingIn) -> ModeratedReviewOut:
    """Hide a review: it counts no longer, and its author is told why."""
    opinions.hide(moderator_id=current_user.id, review_id=review_id, reason=body.reason)
    return _decided_review(review_id)


@blueprint.post("/reviews/<uuid:review_id>/unhide")
@allow(Access.ADMIN, SCOPE)
@operation(answers=ModeratedReviewOut)
def unhide_review(review_id: UUID) -> ModeratedReviewOut:
    """Show a hidden review again."""
    opinions.unhide(review_id=review_id)
    return _decided_review(review_id)


@blueprint.post("/reviews/<uuid:review_id>/dismiss-reports")
@allow(Access.ADMIN, SCOPE)
@operation(answers=ModeratedReviewOut)
def dismiss_reports(review_id: UUID) -> ModeratedReviewOut:
    """Leave a reported review as it is, and close its reports."""
    opinions.dismiss(review_id=review_id)
    return _decided_review(review_id)


def _decided_review(review_id: UUID) -> ModeratedReviewOut:
    return ModeratedReviewOut.read(review_for(review_id, reader_id=None, is_staff=True))


def _decided(product_id: UUID) -> ModeratedOut:
    product = page_of(product_id)
    return ModeratedOut(id=product.id, state=product.state, removed_reason=product.removed_reason)


@blueprint.get("/commission")
@allow(Access.ADMIN, SCOPE)
@operation(answers=CommissionOut)
def get_commission() -> CommissionOut:
    """Get the default commission, and the order in which more specific rates win."""
    return CommissionOut(
        default_basis_points=rates.default(),
        order=["seller", "category", "parent_category", "default"],
    )


@blueprint.get("/commission/rates")
@allow(Access.ADMIN, SCOPE)
@operation(answers=RateList)
def list_commission_rates(query: RatesQuery) -> RateList:
    """List the rates of categories and sellers, newest first."""
    page = rates.set_rates(i18n.locale(), after=query.after, size=query.limit, counted=query.total)
    return listing_of(RateList, page, RateOut.read)


@blueprint.get("/commission/changes")
@allow(Access.ADMIN, SCOPE)
@operation(answers=RateChangeList)
def list_commission_changes(query: RateChangesQuery) -> RateChangeList:
    """List who changed which rate, newest first."""
    page = rates.changes(i18n.locale(), after=query.after, size=query.limit, counted=query.total)
    return listing_of(RateChangeList, page, RateChangeOut.read)


@blueprint.put("/commission/categories/<uuid:category_id>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=CommissionIn)
def set_category_commission(category_id: UUID, body: CommissionIn) -> CommissionIn:
    """Set a category's rate, or lift it with null. What is ordered already keeps its own."""
    commission.set_of_category(
        admin_id=current_user.id, category_id=category_id, basis_points=body.basis_points
    )
    return body


@blueprint.put("/commission/sellers/<uuid:seller_id>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=CommissionIn, refusals=(409,))
def set_seller_commission(seller_id: UUID, body: CommissionIn) -> CommissionIn:
    """Set a seller's rate, or lift it with null. What is ordered already keeps its own."""
    commission.set_of_seller(
        admin_id=current_user.id, seller_id=seller_id, basis_points=body.basis_points
    )
    return body


@blueprint.get("/promises")
@allow(Access.ADMIN, SCOPE)
@operation(answers=PromisesOut)
def list_promises() -> PromisesOut:
    """List what the shop promises itself, the broken ones first, and when each was checked."""
    return PromisesOut(items=[PromiseOut.read(one) for one in promises.kept()])


from app.admin.api import claims, conversations, disputes  # noqa: E402, F401  # they add their routes
