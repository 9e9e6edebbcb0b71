"""Messages are sent: claimed, posted with no transaction open, and what came of it written down."""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import aliased
from standardwebhooks import Webhook

from app.kit import jobs
from app.kit.db import after_commit, db_now, end_read, lock, session, transactional
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.webhooks.events import WebhookSwitchedOff
from app.webhooks.models import (
    MessageState,
    OffReason,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
)
from app.webhooks.posting import Posted, post
from app.webhooks.service.endpoints import secret_of

# After each failed try; the Standard Webhooks' own schedule goes on for about as long.
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400)
)
LEASE = timedelta(seconds=90)
PATIENCE = timedelta(days=3)
GONE = 410
DUE_LIMIT = 200
_JITTER = 0.2


@dataclass(frozen=True)
class _Parcel:
    """All that is needed to post a message, outside any transaction."""

    message_id: UUID
    url: str
    body: str
    secret: str


def nudge_after_commit(message_id: UUID) -> None:
    """Have a message sent soon; the sweeper sends what this loses."""
    after_commit(lambda: _nudge(message_id))


def _nudge(message_id: UUID) -> bool:
    return jobs.enqueue(send, message_id, queue="webhooks", job_id=_job_id(message_id))


def _job_id(message_id: UUID) -> str:
    return f"webhook-{message_id}"


def send(message_id: UUID) -> None:
    """Try to send a message, if it is due and its turn; RQ's entry point. Safe to run twice."""
    parcel = _claim(message_id=message_id)
    if parcel is None:
        return
    started_at = datetime.now(UTC)
    end_read()
    posted = post(
        parcel.url,
        parcel.body.encode(),
        _headers(parcel, started_at),
        private=current_app.extensions["settings"].webhook_allow_private,
    )
    following = _record(message_id=message_id, started_at=started_at, posted=posted)
    if following is not None:
        _nudge(following)


def _headers(parcel: _Parcel, moment: datetime) -> dict[str, str]:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""
    signature = Webhook(parcel.secret).sign(str(parcel.message_id), moment, parcel.body)
    return {
        "Content-Type": "application/json",
        "User-Agent": "ByteShop-Webhooks/1",
        "webhook-id": str(parcel.message_id),
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }


@transactional
def _claim(*, message_id: UUID) -> _Parcel | None:
    """Take a message for the length of a lease; None if it is not due or not its turn."""
    earlier = aliased(WebhookMessage)
    message = (
        session()
        .scalars(
            select(WebhookMessage)
            .join(WebhookEndpoint, WebhookEndpoint.id == WebhookMessage.endpoint_id)
            .where(
                WebhookMessage.id == message_id,
                WebhookMessage.state == MessageState.PENDING,
                WebhookMessage.next_at <= func.clock_timestamp(),
                WebhookEndpoint.off_reason.is_(None),
                ~select(earlier.id)
                .where(
                    earlier.endpoint_id == WebhookMessage.endpoint_id,
                    earlier.subject == WebhookMessage.subject,
                    earlier.state == MessageState.PENDING,
                    earlier.id < WebhookMessage.id,
                )
                .exists(),
            )
            .with_for_update(of=WebhookMessage, skip_locked=True)
            .execution_options(populate_existing=True)
        )
        .one_or_none()
    )
    if message is None:
        return None
    endpoint = session().get_one(WebhookEndpoint, message.endpoint_id)
    # Counted at once: a process that dies over it does not try for ever without a pause.
    message.tries += 1
    message.next_at = db_now() + max(LEASE, _pause(message.tries))
    body = json.dumps(message.payload, ensure_ascii=False, separators=(",", ":"))
    return _Parcel(message.id, endpoint.url, body, secret_of(endpoint))


def _pause(tries: int) -> timedelta:
    pause = PAUSES[min(tries, len(PAUSES)) - 1]
    return pause * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # so that many do not come at once


@transactional
def _record(*, message_id: UUID, started_at: datetime, posted: Posted) -> UUID | None:
    """Write down a try; the message of the same subject whose turn has come, if there is one."""
    message = lock(WebhookMessage, message_id)
    if message is None:
        return None  # deleted meanwhile, with its endpoint
    endpoint = lock(WebhookEndpoint, message.endpoint_id)
    assert endpoint is not None
    session().add(
        WebhookAttempt(
            id=new_id(),
            message_id=message_id,
            started_at=started_at,
            duration_ms=posted.duration_ms,
            status=posted.status,
            error=posted.error,
            answer=posted.answer,
        )
    )
    now = db_now()
    if posted.taken:
        message.state = MessageState.SENT
        endpoint.failing_since = None
        return _next(message)
    endpoint.failing_since = endpoint.failing_since or now
    if posted.status == GONE:
        _switch_off(endpoint, OffReason.GONE)
    elif now - endpoint.failing_since > PATIENCE:
        _switch_off(endpoint, OffReason.FAILING)
    if message.tries > len(PAUSES):
        message.state = MessageState.FAILED
        return _next(message)
    message.next_at = now + _pause(message.tries)
    return None


def _switch_off(endpoint: WebhookEndpoint, reason: OffReason) -> None:
    if endpoint.off_reason is None:
        endpoint.off_reason = reason
        emit(WebhookSwitchedOff(endpoint.id))


def _next(message: WebhookMessage) -> UUID | None:
    session().flush()  # so that the query no longer finds this one
    return session().scalar(
        select(WebhookMessage.id)
        .where(
            WebhookMessage.endpoint_id == message.endpoint_id,
            WebhookMessage.subject == message.subject,
            WebhookMessage.state == MessageState.PENDING,
        )
        .order_by(WebhookMessage.id)
        .limit(1)
    )


def send_due() -> int:
    """Have everything sent that is due and that no job waits for; returns how many messages."""
    due = list(
        session().scalars(
            select(WebhookMessage.id)
            .join(WebhookEndpoint, WebhookEndpoint.id == WebhookMessage.endpoint_id)
            .where(
                WebhookMessage.state == MessageState.PENDING,
                WebhookMessage.next_at <= func.clock_timestamp() - timedelta(seconds=2),
                WebhookEndpoint.off_reason.is_(None),
            )
            .order_by(WebhookMessage.next_at)
            .limit(DUE_LIMIT)
        )
    )
    end_read()
    waiting = jobs.waiting([_job_id(message_id) for message_id in due])
    for message_id in due:
        if waiting is None or not (_job_id(message_id) in waiting or _nudge(message_id)):
            send(message_id)  # the queue is down
    return len(due)
