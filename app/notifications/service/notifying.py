"""Telling somebody something, once."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.auth.service import counts
from app.kit.db import session, transactional
from app.kit.ids import new_id
from app.kit.live.publishing import announce
from app.kit.outbox import emit
from app.notifications.events import MailWanted
from app.notifications.kinds import KINDS
from app.notifications.models import UNREAD, MailMode, Notification, NotificationKind
from app.notifications.queries import modes_of
from app.notifications.service import digests

NEWS = "changed"  # the event of a person's topic


def topic_of(user_id: UUID) -> str:
    """Where it is announced that a person's notifications changed.

    Not the person's own topic: on that every socket and every server asks anew whether the login
    still stands.
    """
    return f"notifications:{user_id}"


@transactional
def notify(*, user_id: UUID, kind: NotificationKind, key: str, params: Mapping[str, Any]) -> bool:
    """Tell a person something, in the stream and by mail as they chose; whether it is new.

    What was told under this kind and key before is not told again. `params` are what the kind's
    words are made of.
    """
    mode = modes_of(user_id)[kind] if KINDS[kind].mail is not None else MailMode.NEVER
    notification_id = session().scalar(
        insert(Notification)
        .values(
            id=new_id(),
            user_id=user_id,
            kind=kind,
            key=key,
            params=dict(params),
            awaits_digest=mode is MailMode.DAILY,
        )
        .on_conflict_do_nothing(constraint="uq_notification_user_id_kind_key")
        .returning(Notification.id)
    )
    if notification_id is None:
        return False
    counts.add(user_id=user_id, name=UNREAD)
    if mode is MailMode.AT_ONCE:
        emit(MailWanted(notification_id))
    elif mode is MailMode.DAILY:
        digests.plan(user_id=user_id)
    announce(topic_of(user_id), NEWS)
    return True
