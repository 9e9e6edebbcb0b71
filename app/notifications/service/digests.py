"""The daily mail: planned when there is something for it, sent once a day at most."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, update
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import end_read, lock, session, transactional
from app.kit.outbox import emit
from app.kit.sweeping import Swept, for_each
from app.notifications.events import DigestWanted
from app.notifications.models import MailMode, Notification, NotificationDigest
from app.notifications.queries import due_digests, modes_of

HOUR = timedelta(hours=7)  # of the day, in UTC
# After a mail that was late the next morning may be an hour away: that one is left out.
APART = timedelta(hours=12)
SHOWN = 30  # in one mail; of the rest it says how many there are
LIMIT = 200


def _morning_after(moment: ColumnElement[datetime]) -> ColumnElement[datetime]:
    return func.date_trunc("day", moment - literal(HOUR), "UTC") + literal(
        HOUR + timedelta(hours=24)
    )


@transactional
def plan(*, user_id: UUID) -> None:
    """Have a person's daily mail sent the next morning, unless it is planned already."""
    now = func.clock_timestamp()
    planned = insert(NotificationDigest).values(user_id=user_id, due_at=_morning_after(now))
    earliest = func.greatest(now, NotificationDigest.sent_at + literal(APART))
    session().execute(
        planned.on_conflict_do_update(
            index_elements=[NotificationDigest.user_id],
            set_={"due_at": _morning_after(earliest)},
            where=NotificationDigest.due_at.is_(None),
        )
    )


def send_due() -> Swept:
    """Have the daily mails sent whose time has come."""
    due = due_digests(LIMIT)
    end_read()
    return for_each(due, lambda user_id: _send(user_id=user_id))


@transactional
def _send(*, user_id: UUID) -> bool:
    """Announce a person's daily mail, of what is unread and still wanted; whether there is any."""
    digest = lock(NotificationDigest, user_id, skip_locked=True)
    now = session().scalar(func.clock_timestamp())
    if digest is None or digest.due_at is None or now is None or digest.due_at > now:
        return False  # another sweep has it
    digest.due_at = None
    waiting = session().execute(
        update(Notification)
        .where(Notification.user_id == user_id, Notification.awaits_digest)
        .values(awaits_digest=False)
        .returning(Notification.id, Notification.kind, Notification.read_at)
        .execution_options(synchronize_session=False)
    )
    modes = modes_of(user_id)
    ids = sorted(
        (
            row.id
            for row in waiting
            if row.read_at is None and modes[row.kind] is not MailMode.NEVER
        ),
        reverse=True,
    )
    if not ids:
        return False
    digest.sent_at = now
    emit(DigestWanted(user_id, ids[:SHOWN], max(0, len(ids) - SHOWN)))
    return True
