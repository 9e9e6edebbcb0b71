"""Whose turn it is: no seller's slow service holds up what others hear.

A seller has one attempt under way at a time, over all their webhooks. One that took long is
followed by a rest four times as long, so that a service that never answers takes a fifth of a
worker's time. Each attempt brings about the next: the queue holds about one job for each seller,
and they come one after the other.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from app.kit.db import session
from app.webhooks.models import MessageState, WebhookEndpoint, WebhookMessage

LEASE = timedelta(seconds=30)  # three times what an attempt may take
_QUICK = timedelta(seconds=1)
_REST = 4  # times as long as the attempt
_PATIENCE = timedelta(seconds=2)  # the clock leaves younger messages to their first nudge
_DUE_LIMIT = 200


def job_id(message_id: UUID) -> str:
    """The name of the job that sends a message."""
    return f"webhook-{message_id}"


def endpoints_of_sender(message_id: UUID) -> list[WebhookEndpoint]:
    """All endpoints of the seller that a message is from, locked, so that one has its turn."""
    owner = (
        select(WebhookEndpoint.owner_id)
        .join(WebhookMessage, WebhookMessage.endpoint_id == WebhookEndpoint.id)
        .where(WebhookMessage.id == message_id)
    )
    query = select(WebhookEndpoint).where(WebhookEndpoint.owner_id.in_(owner))
    return list(
        session().scalars(
            query.order_by(WebhookEndpoint.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def is_due() -> list[Any]:
    """The conditions under which a message may be sent: it waits, and no earlier one before it."""
    earlier = aliased(WebhookMessage)
    return [
        WebhookMessage.state == MessageState.PENDING,
        WebhookMessage.next_at <= func.statement_timestamp(),
        ~select(earlier.id)
        .where(
            earlier.endpoint_id == WebhookMessage.endpoint_id,
            earlier.subject == WebhookMessage.subject,
            earlier.state == MessageState.PENDING,
            earlier.id < WebhookMessage.id,
        )
        .exists(),
    ]


def next_of(owner_id: UUID) -> UUID | None:
    """The seller's message whose turn it is; None if none is due, or the seller rests."""
    if _is_resting(owner_id):
        return None
    first = _first_of_endpoint()
    return session().scalar(
        select(first.c.id)
        .select_from(WebhookEndpoint)
        .join(first, true())
        .where(
            WebhookEndpoint.owner_id == owner_id,
            WebhookEndpoint.off_reason.is_(None),
        )
        .order_by(first.c.next_at, first.c.id)
        .limit(1)
    )


def is_served(owner_id: UUID) -> bool:
    """Whether the seller's messages are sent one after the other now, or after a rest."""
    return _is_resting(owner_id) or next_of(owner_id) is not None


def _is_resting(owner_id: UUID) -> bool:
    resting = select(WebhookEndpoint.id).where(
        WebhookEndpoint.owner_id == owner_id,
        WebhookEndpoint.rests_until > func.clock_timestamp(),
    )
    return bool(session().scalar(select(resting.exists())))


def all_due() -> list[UUID]:
    """A message of each seller who has one due for some seconds and does not rest."""
    other = aliased(WebhookEndpoint)
    resting = select(other.id).where(
        other.owner_id == WebhookEndpoint.owner_id, other.rests_until > func.clock_timestamp()
    )
    first = _first_of_endpoint(_PATIENCE)
    return list(
        session().scalars(
            select(first.c.id)
            .select_from(WebhookEndpoint)
            .join(first, true())
            .where(WebhookEndpoint.off_reason.is_(None), ~resting.exists())
            .ext(distinct_on(WebhookEndpoint.owner_id))
            .order_by(WebhookEndpoint.owner_id, first.c.next_at, first.c.id)
            .limit(_DUE_LIMIT)
        )
    )


def _first_of_endpoint(patience: timedelta = timedelta()) -> Any:
    return (
        select(WebhookMessage.id, WebhookMessage.next_at)
        .where(
            WebhookMessage.endpoint_id == WebhookEndpoint.id,
            WebhookMessage.next_at <= func.statement_timestamp() - patience,
            *is_due(),
        )
        .order_by(WebhookMessage.next_at, WebhookMessage.id)
        .limit(1)
        .correlate(WebhookEndpoint)
        .lateral()
    )


def rest_after(took: timedelta) -> timedelta:
    """How long a seller's messages wait after an attempt that took this long."""
    return timedelta() if took < _QUICK else took * _REST
