"""Messages are sent: an attempt is begun, posted with no transaction open, and ended.

Each attempt is a row before anything is sent. One that has begun and never ended, since its process
was killed, counts as failed.
"""

import json
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import current_app
from sqlalchemy import select
from standardwebhooks import Webhook

from app.kit import jobs
from app.kit.db import after_commit, db_now, end_read, lock, session, transactional
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.kit.states import move
from app.kit.sweeping import for_each
from app.webhooks.events import WebhookSwitchedOff
from app.webhooks.models import (
    TRANSITIONS,
    Failure,
    MessageState,
    OffReason,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
)
from app.webhooks.posting import Posted, post
from app.webhooks.service import turns
from app.webhooks.service.endpoints import secret_of

# After each failed attempt; the Standard Webhooks' own schedule goes on for about as long.
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400)
)
PATIENCE = timedelta(days=3)
GONE = 410
_JITTER = 0.2
_SWEEP_SECONDS = 20.0  # of sending by the clock's own work, while the queue is down


@dataclass(frozen=True)
class _Parcel:
    """All that is needed to post a message, outside any transaction."""

    message_id: UUID
    attempt_id: UUID
    url: str
    body: str
    secret: str


def nudge_after_commit(message_id: UUID) -> None:
    """Have a message sent soon; the clock has sent what this loses."""
    after_commit(lambda: _nudge(message_id))


def _nudge(message_id: UUID) -> bool:
    return jobs.enqueue(send, message_id, queue="webhooks", job_id=turns.job_id(message_id))


def send(message_id: UUID) -> None:
    """Try to send a message, if it is due and its turn; RQ's entry point. Safe to run twice."""
    parcel = _begin(message_id=message_id)
    if parcel is None:
        return
    moment = datetime.now(UTC)
    end_read()
    posted = post(
        parcel.url,
        parcel.body.encode(),
        _headers(parcel, moment),
        private=current_app.extensions["settings"].webhook_allow_private,
    )
    following = _end(attempt_id=parcel.attempt_id, posted=posted)
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
def _begin(*, message_id: UUID) -> _Parcel | None:
    """Begin an attempt; None if the message is not due, or it is another's turn."""
    siblings = turns.endpoints_of_sender(message_id)
    now = db_now()
    message = session().scalar(
        select(WebhookMessage)
        .where(WebhookMessage.id == message_id, *turns.is_due())
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if message is None or any(one.rests_until > now for one in siblings):
        return None
    [endpoint] = [one for one in siblings if one.id == message.endpoint_id]
    if endpoint.off_reason is not None or _end_what_was_cut_off(endpoint, message, now):
        return None
    attempt = WebhookAttempt(id=new_id(), message_id=message_id, started_at=now)
    session().add(attempt)
    message.tries += 1
    message.next_at = endpoint.rests_until = now + turns.LEASE
    body = json.dumps(message.payload, ensure_ascii=False, separators=(",", ":"))
    return _Parcel(message.id, attempt.id, endpoint.url, body, secret_of(endpoint))


def _end_what_was_cut_off(
    endpoint: WebhookEndpoint, message: WebhookMessage, now: datetime
) -> bool:
    """End an attempt whose process was killed over it; whether there was one."""
    begun = session().scalars(
        select(WebhookAttempt).where(
            WebhookAttempt.message_id == message.id, WebhookAttempt.duration_ms.is_(None)
        )
    )
    found = False
    for attempt in begun:
        found = True
        attempt.error = Failure.CUT_OFF
        attempt.duration_ms = _milliseconds(turns.LEASE)
        _count_failure(endpoint, message, attempt, now)
    return found


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


@transactional
def _end(*, attempt_id: UUID, posted: Posted) -> UUID | None:
    """Write down what came of an attempt; the seller's message whose turn it is, if there is one.

    Endpoint, message and attempt may have been deleted meanwhile.
    """
    attempt = session().get(WebhookAttempt, attempt_id)
    siblings = turns.endpoints_of_sender(attempt.message_id) if attempt else []
    attempt = lock(WebhookAttempt, attempt_id)
    message = lock(WebhookMessage, attempt.message_id) if attempt else None
    if attempt is None or message is None:
        return None
    [endpoint] = [one for one in siblings if one.id == message.endpoint_id]
    if attempt.duration_ms is not None and not posted.taken:
        return None  # given up as cut off meanwhile, and counted as failed
    now = db_now()
    attempt.duration_ms, attempt.status = posted.duration_ms, posted.status
    attempt.error, attempt.answer = posted.error, posted.answer
    endpoint.rests_until = now + turns.rest_after(timedelta(milliseconds=posted.duration_ms))
    if posted.taken:
        if message.state is not MessageState.SENT:
            move(message, MessageState.SENT, TRANSITIONS)
        endpoint.failing_since = None
    else:
        _count_failure(endpoint, message, attempt, now)
    session().flush()  # so that the query sees what has changed
    return turns.next_of(endpoint.owner_id)


def _count_failure(
    endpoint: WebhookEndpoint, message: WebhookMessage, attempt: WebhookAttempt, now: datetime
) -> None:
    endpoint.failing_since = endpoint.failing_since or attempt.started_at
    if attempt.status == GONE:
        _switch_off(endpoint, OffReason.GONE, endpoint.failing_since)
    elif now - endpoint.failing_since > PATIENCE:
        _switch_off(endpoint, OffReason.FAILING, endpoint.failing_since)
    if message.tries > len(PAUSES):
        move(message, MessageState.FAILED, TRANSITIONS)
    else:
        message.next_at = now + _pause(message.tries)


def _pause(tries: int) -> timedelta:
    pause = PAUSES[min(tries, len(PAUSES)) - 1]
    return pause * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # so that many do not come at once


def _switch_off(endpoint: WebhookEndpoint, reason: OffReason, since: datetime) -> None:
    if endpoint.off_reason is None:
        endpoint.off_reason = reason
        emit(WebhookSwitchedOff(endpoint.id, since))


def send_due() -> int:
    """Have each seller's next message sent that no job waits for; returns how many are due."""
    due = turns.all_due()
    end_read()
    waiting = jobs.waiting([turns.job_id(message_id) for message_id in due])
    ends = time.monotonic() + _SWEEP_SECONDS

    def send_unless_queued(message_id: UUID) -> bool:
        if waiting is not None and (turns.job_id(message_id) in waiting or _nudge(message_id)):
            return False
        if time.monotonic() < ends:
            send(message_id)  # the queue is down
            return True
        return False

    for_each(due, send_unless_queued)
    return len(due)
