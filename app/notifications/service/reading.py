"""What a person has read."""

import time
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Update, func, select, update

from app.auth.service import counts
from app.kit.db import db_now, end_read, session, transactional
from app.kit.live.publishing import announce
from app.kit.sweeping import Swept, for_each
from app.notifications.models import UNREAD, Notification, NotificationKind
from app.notifications.queries import Told, notification_of, of_person
from app.notifications.service.notifying import NEWS, topic_of

# What nobody has opened by then counts as read, and goes with the rest in its time.
OLD = timedelta(days=90)
OLD_LIMIT = 500
BATCH = 2000
SECONDS = 3.0


@transactional
def mark_read(*, user_id: UUID, notification_id: UUID) -> Told:
    """Note that a person has read one of theirs; which one. Raises NoSuchNotification."""
    told = notification_of(user_id, notification_id)
    if told.read_at is None:
        _mark(user_id, Notification.id == notification_id)
    return told


@transactional
def mark_read_about(*, user_id: UUID, kind: NotificationKind, key_begins: str) -> None:
    """Note that a person has read elsewhere what those of a kind with such a key tell of."""
    _mark(
        user_id, Notification.kind == kind, Notification.key.startswith(key_begins, autoescape=True)
    )


def mark_all_read(
    *, user_id: UUID, kind: NotificationKind | None = None, up_to: UUID | None = None
) -> int:
    """Note that a person has read all of theirs, or of a kind; how many were unread.

    `up_to` is the newest that they saw: what came since is left. In batches, so that nobody waits
    for what has piled up; after some seconds the rest stays unread.
    """
    began, marked = time.monotonic(), 0
    while True:
        batch = _mark_some(user_id=user_id, kind=kind, up_to=up_to)
        marked += batch
        if batch < BATCH or time.monotonic() - began > SECONDS:
            return marked


@transactional
def _mark_some(*, user_id: UUID, kind: NotificationKind | None, up_to: UUID | None) -> int:
    conditions = of_person(user_id, kind=kind)
    if up_to is not None:
        conditions.append(Notification.id <= up_to)
    return _mark(user_id, *conditions)


def _mark(user_id: UUID, *which: ColumnElement[bool]) -> int:
    # In one order, so that of two who do the same at once one waits for the other, and no more.
    unread = (
        select(Notification.id)
        .where(Notification.user_id == user_id, Notification.read_at.is_(None), *which)
        .order_by(Notification.id)
        .limit(BATCH)
        .with_for_update()
        .cte("unread")
    )
    statement: Update = (
        update(Notification)
        .where(Notification.id == unread.c.id, Notification.read_at.is_(None))
        .values(read_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
    marked = len(session().execute(statement.returning(Notification.id)).all())
    if marked:
        counts.take(user_id=user_id, name=UNREAD, number=marked)
        announce(topic_of(user_id), NEWS)
    return marked


def lay_aside_old() -> Swept:
    """Count as read what nobody has opened for months."""
    before = db_now() - OLD
    people = session().scalars(
        select(Notification.user_id)
        .where(Notification.read_at.is_(None), Notification.created_at < before)
        .limit(OLD_LIMIT)
    )
    whose = sorted(set(people))
    end_read()
    return for_each(whose, lambda user_id: _lay_aside(user_id=user_id, before=before))


@transactional
def _lay_aside(*, user_id: UUID, before: datetime) -> bool:
    return _mark(user_id, Notification.created_at < before) > 0


def is_over(before: datetime) -> ColumnElement[bool]:
    """Which notifications had served their purpose by then: read ones of that age."""
    return (Notification.created_at < before) & Notification.read_at.is_not(None)
