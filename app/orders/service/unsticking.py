"""What an operator does about a stuck payment: each act for a reason, and written down."""

from uuid import UUID

from flask_babel import gettext as _

from app.kit.db import end_read, session, transactional
from app.orders.errors import NoReason, NotStuck
from app.orders.models import OperatorAct, OperatorDecision
from app.orders.policy import REASON_MAX, REASON_MIN
from app.orders.queries.stuck import StuckKind, stuck_payment
from app.orders.service import basket as baskets
from app.orders.service import capturing, delivering, settling
from app.payments.errors import PaymentUnavailable
from app.payments.gateway import PaypalOrder, PaypalUnknown
from app.payments.service import paying, recording


def decide(*, actor_id: UUID, order_id: UUID, act: OperatorAct, reason: str) -> None:
    """Do what an operator decided about a stuck payment.

    Raises NotStuck where there is nothing to decide, or not by this act, NoReason, NotBookable,
    PaymentUnavailable, and OutOfStock where the goods are not there yet; then nothing has happened.
    """
    reason = _reason(reason)
    stuck = stuck_payment(order_id)
    end_read()
    if stuck is None or act not in stuck.acts:
        raise NotStuck
    if act is OperatorAct.WAIT_FOR_STOCK:
        _note(order_id=order_id, actor_id=actor_id, act=act, reason=reason)
    elif stuck.kind is StuckKind.UNDELIVERED:
        _deliver(order_id=order_id, actor_id=actor_id, reason=reason)
    elif stuck.kind is StuckKind.UNSETTLED:
        _note(order_id=order_id, actor_id=actor_id, act=act, reason=reason)
        capturing.capture(order_id=order_id)  # asks PayPal, and books what it says
    else:
        seen = _seen(order_id)
        _book(order_id=order_id, seen=seen, actor_id=actor_id, reason=reason)


def _reason(text: str) -> str:
    reason = text.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise NoReason(
            _(
                "Say why, in %(least)s to %(most)s characters.",
                least=REASON_MIN,
                most=REASON_MAX,
            )
        )
    return reason


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
    _add(order_id, actor_id, OperatorAct.BOOK_AND_DELIVER, reason)


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
