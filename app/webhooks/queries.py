"""Webhooks as their owners see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.kit.db import session
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.webhooks.errors import NoSuchEndpoint
from app.webhooks.models import (
    STOCK,
    EventType,
    Failure,
    MessageState,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
)


@dataclass(frozen=True)
class Attempt:
    """An attempt and its result."""

    started_at: datetime
    duration_ms: int | None
    status: int | None
    error: Failure | None
    answer: str


@dataclass(frozen=True)
class Message:
    """A message with its attempts, latest first."""

    id: UUID
    type: EventType
    payload: dict[str, Any]
    state: MessageState
    created_at: datetime
    next_at: datetime
    attempts: list[Attempt]

    @property
    def is_awaited(self) -> bool:
        """Whether its first result is still to come."""
        ended = any(attempt.duration_ms is not None for attempt in self.attempts)
        return self.state is MessageState.PENDING and not ended


def listens(kinds: Sequence[EventType]) -> str:
    """SQL: whether an endpoint is on and hears of one of these kinds."""
    return (
        "webhook_endpoint.off_reason IS NULL "
        f"AND webhook_endpoint.events && CAST('{{{','.join(kinds)}}}' AS text[])"
    )


def listen_to_order(*kinds: EventType) -> str:
    """SQL: whether any endpoint of the sellers of an order hears of one of these kinds."""
    return f"""EXISTS (
        SELECT FROM webhook_endpoint
        JOIN order_line ON order_line.seller_id = webhook_endpoint.owner_id
        WHERE order_line.order_id = %(order_id)s AND {listens(kinds)}
    )"""


def listen_to_stock() -> str:
    """SQL: whether any endpoint of a product's seller hears of its stock."""
    return f"""EXISTS (
        SELECT FROM webhook_endpoint JOIN product ON product.seller_id = webhook_endpoint.owner_id
        WHERE product.id = %(product_id)s AND {listens(STOCK)}
    )"""


def listen_to_seller(kind: EventType) -> str:
    """SQL: whether any endpoint of the event's seller hears of this kind."""
    return f"""EXISTS (
        SELECT FROM webhook_endpoint
        WHERE webhook_endpoint.owner_id = %(seller_id)s AND {listens([kind])}
    )"""


def listen_to_messages() -> str:
    """SQL: whether any endpoint of whoever is written to hears of messages."""
    return f"""EXISTS (
        SELECT FROM webhook_endpoint
        WHERE owner_id = %(recipient_id)s AND {listens([EventType.MESSAGE_RECEIVED])}
    )"""


def endpoints_of(owner_id: UUID) -> list[WebhookEndpoint]:
    """A seller's endpoints, in the order in which they were made."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.owner_id == owner_id)
    return list(session().scalars(query.order_by(WebhookEndpoint.id)))


def endpoint_of(owner_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """One of a seller's own endpoints; NoSuchEndpoint."""
    endpoint = get_endpoint(endpoint_id)
    if endpoint is None or endpoint.owner_id != owner_id:
        raise NoSuchEndpoint
    return endpoint


def get_endpoint(endpoint_id: UUID) -> WebhookEndpoint | None:
    """An endpoint whoever's it is, for rooms of the shop itself; None if there is none."""
    return session().get(WebhookEndpoint, endpoint_id, populate_existing=True)


def messages_of(
    endpoint_id: UUID, *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[Message]:
    """The messages of an endpoint, the newest first; Invalid for a broken cursor."""
    every = select(WebhookMessage).where(WebhookMessage.endpoint_id == endpoint_id)
    query = every
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(WebhookMessage.id < last)
    found = session().scalars(query.order_by(WebhookMessage.id.desc()).limit(size + 1)).all()
    page = cut(found, size, lambda message: (message.id,))
    attempts: dict[UUID, list[Attempt]] = {}
    rows = session().scalars(
        select(WebhookAttempt)
        .where(WebhookAttempt.message_id.in_([message.id for message in page.items]))
        .order_by(WebhookAttempt.id.desc())
    )
    for row in rows:
        attempts.setdefault(row.message_id, []).append(
            Attempt(row.started_at, row.duration_ms, row.status, row.error, row.answer)
        )
    items = [
        Message(
            message.id,
            message.type,
            message.payload,
            message.state,
            message.created_at,
            message.next_at,
            attempts.get(message.id, []),
        )
        for message in page.items
    ]
    shown = Page(items, page.next_cursor)
    return with_total(shown, every, after) if counted else shown
