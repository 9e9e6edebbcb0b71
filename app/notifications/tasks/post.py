"""Mails of notifications. Each has a way out that needs no login (RFC 8058)."""

from uuid import UUID

from app.auth import queries as people
from app.auth.models import User
from app.kit import mail
from app.kit.db import end_read
from app.kit.outbox import row_in_hand
from app.notifications.events import DigestWanted, MailWanted
from app.notifications.models import MailMode, NotificationKind
from app.notifications.queries import Told, modes_of, notifications_by_id
from app.notifications.service import preferences


def _reader(user_id: UUID) -> User | None:
    """The person, if mails about the shop are for them: not before the address is confirmed."""
    user = people.get_user(user_id)
    return user if user is not None and user.confirmed_at is not None else None


def _may_read(user: User, told: Told) -> bool:
    """Whether it is for somebody in their state: who is banned hears of that alone."""
    return user.banned_at is None or told.kind is NotificationKind.MODERATION


def send_notification(event: MailWanted) -> None:
    """Mail one notification, unless its kind is not wanted any more."""
    found = notifications_by_id([event.notification_id])
    user = _reader(found[0].user_id) if found else None
    wanted = user is not None and modes_of(user.id)[found[0].kind] is not MailMode.NEVER
    end_read()
    if user is None or not wanted or not _may_read(user, found[0]):
        return
    [told] = found
    mail.send(
        to=user.email,
        locale=user.locale,
        template="notification",
        key=told.id,
        unsubscribe=_way_out(user, told.kind),
        name=user.display_name,
        told=told,
        links=[
            (label, mail.link(target.endpoint, **target.values))
            for label, target in told.words.links
        ],
        url=_address(told),
        preferences_url=mail.link("notifications.preferences"),
    )


def send_digest(event: DigestWanted) -> None:
    """Mail what a person has not read since the last daily mail."""
    user = _reader(event.user_id)
    unread = [one for one in notifications_by_id(event.notification_ids) if one.read_at is None]
    end_read()
    if user is None or user.banned_at is not None or not unread:
        return
    mail.send(
        to=user.email,
        locale=user.locale,
        template="digest",
        key=row_in_hand(),
        unsubscribe=_way_out(user, preferences.DIGEST),
        name=user.display_name,
        items=[(told, _address(told)) for told in unread],
        more=event.more,
        count=len(unread) + event.more,
        url=mail.link("notifications.index"),
        preferences_url=mail.link("notifications.preferences"),
    )


def _address(told: Told) -> str:
    return mail.link("notifications.open_one", notification_id=told.id)


def _way_out(user: User, subject: NotificationKind | str) -> str:
    token = preferences.token_for(user.id, subject)
    return mail.link("notifications.unsubscribe", token=token)
