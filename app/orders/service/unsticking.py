"""What an operator does about a stuck payment: each act for a reason, and written down."""

from uuid import UUID

from app.kit.db import end_read, session, transactional
from app.orders.errors import NotStuck
from app.orders.models import OperatorAct, OperatorDecision
from app.orders.queries.stuck import StuckKind, stuck_payment
from app.orders.service import basket as baskets
from app.orders.service import capturing, delivering, refunding, returning, settling
from app.orders.service.refunding import Author
from app.orders.service.returning import reason_of
from app.payments.errors import PaymentUnavailable
from app.payments.gateway import PaypalOrder, PaypalUnknown
from app.payments.models.refunds import RefundSource
from app.payments.service import paying, recording


def decide(*, actor_id: UUID, order_id: UUID, act: OperatorAct, reason: str) -> None:
    """Do what an operator decided about a stuck payment.

    Raises NotStuck where there is nothing to decide, or not by this act, NoReason, NotBookable,
    NotRefundable, PaymentUnavailable, and OutOfStock where the goods are not there yet; then
    nothing has happened.
    """
    reason = reason_of(reason)
    stuck = stuck_payment(order_id)
    end_read()
    if stuck is None or act not in stuck.acts:
        raise NotStuck
    if act is OperatorAct.REFUND_WHOLE:
        seen = None if stuck.kind is StuckKind.UNDELIVERED else _seen(order_id)
        _refund(order_id=order_id, seen=seen, actor_id=actor_id, reason=reason)
    elif act is OperatorAct.WAIT_FOR_STOCK:
        _note(order_id=order_id, actor_id=actor_id, act=act, reason=reason)
    elif stuck.kind is StuckKind.UNDELIVERED:
        _deliver(order_id=order_id, actor_id=actor_id, reason=reason)
    elif stuck.kind is StuckKind.UNSETTLED:
        _note(order_id=order_id, actor_id=actor_id, act=act, reason=reason)
        capturing.capture(order_id=order_id)  # asks PayPal, and books what it says
    else:
        seen = _seen(order_id)
        _book(order_id=order_id, seen=seen, actor_id=actor_id, reason=reason)


def _seen(order_id: UUID) -> PaypalOrder:
    """PayPal's order as it stands now: what was taken may have gone back since."""
    try:
        seen = paying.look(reference=order_id)
    except PaypalUnknown as error:
        raise PaymentUnavailable from error
    if seen is None:
        raise NotStuck
    return seen


@transactional
def _book(*, order_id: UUID, seen: PaypalOrder, actor_id: UUID, reason: str) -> None:
    """Book what PayPal took as if it were what was asked for, and have the goods delivered."""
    _basket, order = baskets.locked_with_order(order_id)
    settling.pay(order, recording.accept(reference=order_id, order=seen))
    refunding.apply(order_id=order_id, seen=seen)  # what went back of it before it was booked
    _add(order_id, actor_id, OperatorAct.BOOK_AND_DELIVER, reason)


@transactional
def _refund(*, order_id: UUID, seen: PaypalOrder | None, actor_id: UUID, reason: str) -> None:
    """Have all go back that is left: of a booked order, or of what PayPal took unasked."""
    if seen is None:
        returning.refund(
            actor_id=actor_id,
            by_staff=True,
            order_id=order_id,
            scope=returning.Scope(),
            reason=reason,
        )
    else:
        author = Author(RefundSource.MODERATOR, actor_id, reason)
        refunding.refund_unbooked(order_id=order_id, seen=seen, author=author)
    _add(order_id, actor_id, OperatorAct.REFUND_WHOLE, reason)


@transactional
def _deliver(*, order_id: UUID, actor_id: UUID, reason: str) -> None:
    if not delivering.deliver(order_id=order_id):
        raise NotStuck
    _add(order_id, actor_id, OperatorAct.BOOK_AND_DELIVER, reason)


@transactional
def _note(*, order_id: UUID, actor_id: UUID, act: OperatorAct, reason: str) -> None:
    _add(order_id, actor_id, act, reason)


def _add(order_id: UUID, actor_id: UUID, act: OperatorAct, reason: str) -> None:
    session().add(OperatorDecision(order_id=order_id, act=act, reason=reason, actor_id=actor_id))
