"""Messages are written for each endpoint that listens, in the listener's own transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, text
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import db_now, lock, session, transactional
from app.kit.ids import ids_from, new_id
from app.kit.states import move
from app.orders.queries.claims import claim_with
from app.orders.queries.refunds import refund_to_tell
from app.orders.queries.sales import SoldLine, sold_lines
from app.payments.models.payouts import CAME_BACK, PayoutState
from app.payments.queries import payouts
from app.products.queries import cards
from app.reviews.queries.reviews import public_review
from app.webhooks import queries
from app.webhooks.errors import NoSuchEndpoint, NoSuchMessage, SwitchedOff
from app.webhooks.models import (
    STOCK,
    TRANSITIONS,
    EventType,
    MessageState,
    WebhookEndpoint,
    WebhookMessage,
    WebhookStockLevel,
)
from app.webhooks.service import turns
from app.webhooks.service.sending import nudge_after_commit

_PAYOUT_KINDS = {PayoutState.PAID: EventType.PAYOUT_PAID} | dict.fromkeys(
    CAME_BACK, EventType.PAYOUT_FAILED
)
LOW = 5  # free units and fewer
CLOCKS_APART = timedelta(minutes=1)
SEND_LIMIT = "30/minute"  # of one seller, by hand


@transactional
def tell_of_order(*, order_id: UUID, kinds: Sequence[EventType]) -> None:
    """Tell every seller of an order of their own lines, and of nothing else of it.

    `kinds` in their order; what an endpoint has been told already it is not told again.
    """
    lines = sold_lines(order_id)
    endpoints = _listening({line.seller_id for line in lines}, kinds)
    subject, now = f"order:{order_id}", db_now()
    for endpoint in endpoints:
        own = [line for line in lines if line.seller_id == endpoint.owner_id]
        told = _told(endpoint.id, subject)
        for kind in kinds:
            if kind in endpoint.events and kind not in told:
                _write(endpoint, kind, subject, _order(order_id, own), now)


@transactional
def tell_once(*, subject: str, kind: EventType, data: Mapping[UUID, Mapping[str, Any]]) -> None:
    """Tell each of these sellers' endpoints of a subject, once for its kind."""
    now = db_now()
    for endpoint in _listening(set(data), [kind]):
        if kind not in _told(endpoint.id, subject):
            _write(endpoint, kind, subject, dict(data[endpoint.owner_id]), now)


def _told(endpoint_id: UUID, subject: str) -> set[EventType]:
    return set(
        session().scalars(
            select(WebhookMessage.type).where(
                WebhookMessage.endpoint_id == endpoint_id, WebhookMessage.subject == subject
            )
        )
    )


def _order(order_id: UUID, lines: Sequence[SoldLine]) -> dict[str, Any]:
    return {
        "order_id": str(order_id),
        "order_number": lines[0].order_number,
        "lines": [
            {
                "line_id": str(line.line_id),
                "product_id": str(line.product_id),
                "title": line.title,
                "quantity": line.quantity,
                "price": {"minor": line.unit_price_minor, "currency": line.currency},
                "share": {"minor": line.share_minor, "currency": line.currency},
            }
            for line in lines
        ],
    }


@transactional
def tell_of_refund(*, order_id: UUID, refund_id: UUID) -> None:
    """Tell every seller whose lines a refund gives back what goes back of them."""
    told = refund_to_tell(order_id, refund_id)
    if told is None:
        return
    subject, now = f"order:{order_id}", db_now()
    for endpoint in _listening(set(told.sellers), [EventType.ORDER_REFUNDED]):
        minor = told.sellers[endpoint.owner_id]
        data = {
            "order_id": str(order_id),
            "order_number": told.number,
            "refund_id": str(refund_id),
            "amount": {"minor": minor, "currency": told.refund.currency},
            "source": told.refund.source.value,
            "reason": told.refund.reason,
        }
        _write(endpoint, EventType.ORDER_REFUNDED, subject, data, now)


@transactional
def tell_of_claim(*, claim_id: UUID) -> None:
    """Tell a seller what a buyer says is wrong, and with which items."""
    claim = claim_with(claim_id)
    if claim is None:
        return
    data = {
        "claim_id": str(claim_id),
        "order_id": str(claim.order_id),
        "order_number": claim.order_number,
        "line_id": str(claim.line_id),
        "title": claim.title,
        "pieces": list(claim.pieces),
        "kind": claim.kind.value,
        "reason": claim.reason,
    }
    for endpoint in _listening({claim.seller_id}, [EventType.CLAIM_OPENED]):
        _write(endpoint, EventType.CLAIM_OPENED, f"order:{claim.order_id}", data, db_now())


@transactional
def tell_of_stock(*, product_id: UUID) -> None:
    """Tell the seller of a product whose stock has become low, or none: once for each fall."""
    [product] = cards.by_id([product_id])
    if product.shared:
        return
    endpoints = _listening({product.seller_id}, STOCK)
    if not endpoints:
        return
    free = cards.free_counts([product_id]).get(product_id, 0)
    level = EventType.STOCK_OUT if free == 0 else EventType.STOCK_LOW if free <= LOW else None
    now = db_now()
    for endpoint in endpoints:
        if _set_level(endpoint.id, product_id, level) and level in endpoint.events:
            assert level is not None
            data = {"product_id": str(product_id), "title": product.title, "free": free}
            _write(endpoint, level, f"product:{product_id}", data, now)


@transactional
def tell_of_payout(*, payout_id: UUID, state: str) -> None:
    """Tell a seller that a payout has arrived, or came back; nothing of what lies between."""
    payout = payouts.payout(payout_id)
    kind = _PAYOUT_KINDS.get(PayoutState(state))
    if payout is None or kind is None:
        return
    data = {
        "payout_id": str(payout_id),
        "payout_number": payout.number,
        "amount": {"minor": payout.amount_minor, "currency": payout.currency},
        "state": state,
        "reason": payout.issue if kind is EventType.PAYOUT_FAILED else None,
    }
    for endpoint in _listening({payout.seller_id}, [kind]):
        if kind not in _told(endpoint.id, f"payout:{payout_id}"):
            _write(endpoint, kind, f"payout:{payout_id}", data, db_now())


@transactional
def tell_of_review(*, review_id: UUID, seller_id: UUID) -> None:
    """Tell a seller what a buyer says of a product, unless it was deleted or hidden by now."""
    review = public_review(review_id)
    if review is None:
        return
    [product] = cards.by_id([review.product_id])
    data = {
        "review_id": str(review_id),
        "product_id": str(product.id),
        "title": product.title,
        "stars": review.stars,
        "text": review.text,
    }
    for endpoint in _listening({seller_id}, [EventType.REVIEW_WRITTEN]):
        _write(endpoint, EventType.REVIEW_WRITTEN, f"review:{review_id}", data, db_now())


@transactional
def tell_of_message(*, owner_id: UUID, data: Mapping[str, Any], written_at: datetime) -> None:
    """Tell somebody's endpoints of a message in a conversation, each once.

    `data` has its `message_id` and `conversation_id`; those of one conversation go out in order.
    """
    subject, now = f"chat:{data['conversation_id']}", db_now()
    for endpoint in _listening({owner_id}, [EventType.MESSAGE_RECEIVED]):
        is_told = select(WebhookMessage.id).where(
            WebhookMessage.endpoint_id == endpoint.id,
            WebhookMessage.id >= ids_from(written_at - CLOCKS_APART),
            WebhookMessage.subject == subject,
            WebhookMessage.payload["data"]["message_id"].astext == data["message_id"],
        )
        if session().execute(is_told.limit(1)).first() is None:
            _write(endpoint, EventType.MESSAGE_RECEIVED, subject, dict(data), now)


def _set_level(endpoint_id: UUID, product_id: UUID, level: EventType | None) -> bool:
    """Remember the level; whether it is a fall that the endpoint has not heard of."""
    key = {"endpoint_id": endpoint_id, "product_id": product_id}
    session().execute(insert(WebhookStockLevel).values(**key).on_conflict_do_nothing())
    row = session().get_one(WebhookStockLevel, key, with_for_update=True, populate_existing=True)
    before, row.level = row.level, level
    fell_further = before is None or level is EventType.STOCK_OUT
    return level is not None and level is not before and fell_further


@transactional
def send_test(*, owner_id: UUID, endpoint_id: UUID) -> None:
    """Send an event that means nothing. Raises NoSuchEndpoint, SwitchedOff."""
    endpoint = _own(owner_id, endpoint_id)
    _write(endpoint, EventType.TEST, f"test:{new_id()}", {"hello": "from ByteShop"}, db_now())


@transactional
def send_again(*, owner_id: UUID, endpoint_id: UUID, message_id: UUID) -> None:
    """Send a message again under the same id.

    Raises NoSuchEndpoint, NoSuchMessage, SwitchedOff.
    """
    endpoint = _own(owner_id, endpoint_id)
    message = lock(WebhookMessage, message_id)
    if message is None or message.endpoint_id != endpoint.id:
        raise NoSuchMessage
    if message.state is not MessageState.PENDING:
        move(message, MessageState.PENDING, TRANSITIONS)
    message.tries = 0
    message.next_at = func.clock_timestamp()
    nudge_after_commit(message.id)


def _own(owner_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = lock(WebhookEndpoint, endpoint_id)
    if endpoint is None or endpoint.owner_id != owner_id:
        raise NoSuchEndpoint
    if endpoint.off_reason is not None:
        raise SwitchedOff
    return endpoint


def _listening(sellers: set[UUID], kinds: Sequence[EventType]) -> Sequence[WebhookEndpoint]:
    """The endpoints, locked: two listeners at once must not change the order of what they tell."""
    return (
        session()
        .scalars(
            select(WebhookEndpoint)
            .where(WebhookEndpoint.owner_id.in_(sellers), text(queries.listens(kinds)))
            .order_by(WebhookEndpoint.id)
            .with_for_update()
        )
        .all()
    )


def _write(
    endpoint: WebhookEndpoint, kind: EventType, subject: str, data: dict[str, Any], now: datetime
) -> None:
    is_served = turns.is_served(endpoint.owner_id)
    message = WebhookMessage(
        id=new_id(),
        endpoint_id=endpoint.id,
        type=kind,
        subject=subject,
        payload={"type": kind.value, "timestamp": now.isoformat(), "data": data},
    )
    session().add(message)
    session().flush()  # so that the next one sees that there is one
    if not is_served:  # else the attempt before brings this one about
        nudge_after_commit(message.id)


def is_over(before: datetime) -> ColumnElement[bool]:
    """Whether a message is older, and is not to be sent any more; its tries go with it."""
    # By the key, whose order is that of time.
    return and_(WebhookMessage.id < ids_from(before), WebhookMessage.state != MessageState.PENDING)
