"""JSON routes of notifications, below /api/v1/notifications."""

from uuid import UUID

from flask_login import current_user

from app.auth.queries import count_of
from app.kit import mail
from app.kit.access import Access, allow
from app.kit.api.operations import api_blueprint, operation
from app.kit.api.schemas import listing_of
from app.notifications import kinds, queries
from app.notifications.models import UNREAD
from app.notifications.queries import Told
from app.notifications.schemas import (
    AllReadIn,
    ModesIn,
    ModesOut,
    NotificationList,
    NotificationOut,
    NotificationsQuery,
    ReadOut,
)
from app.notifications.service import preferences, reading

blueprint = api_blueprint("notifications_api", __name__, "notifications")
SCOPE = "notifications"


@blueprint.get("")
@allow(Access.USER, SCOPE)
@operation(answers=NotificationList)
def list_notifications(query: NotificationsQuery) -> NotificationList:
    """List your notifications, newest first."""
    page = queries.notifications_of(
        current_user.id,
        kind=query.kind,
        unread=query.unread,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    return listing_of(NotificationList, page, _shown)


def _shown(told: Told) -> NotificationOut:
    target = kinds.target_of(told.kind, told.params)
    return NotificationOut.read(
        told,
        title=told.words.title,
        detail=told.words.detail,
        data=dict(told.params),
        url=mail.link(target.endpoint, **target.values),
    )


@blueprint.post("/<uuid:notification_id>/read")
@allow(Access.USER, SCOPE)
@operation(answers=ReadOut)
def mark_read(notification_id: UUID) -> ReadOut:
    """Mark a notification as read."""
    told = reading.mark_read(user_id=current_user.id, notification_id=notification_id)
    return _read(int(told.read_at is None))


def _read(marked: int) -> ReadOut:
    return ReadOut(marked=marked, unread=count_of(current_user.id, UNREAD))


@blueprint.post("/read")
@allow(Access.USER, SCOPE)
@operation(answers=ReadOut)
def mark_all_read(body: AllReadIn) -> ReadOut:
    """Mark all notifications as read, or those of a kind."""
    return _read(reading.mark_all_read(user_id=current_user.id, kind=body.kind, up_to=body.up_to))


@blueprint.get("/preferences")
@allow(Access.USER, SCOPE)
@operation(answers=ModesOut)
def get_preferences() -> ModesOut:
    """Get how each kind comes by email: `at_once`, `daily` or `never`."""
    return _modes()


def _modes() -> ModesOut:
    modes = queries.modes_of(current_user.id)
    chosen = kinds.chosen_by(current_user.role_names)
    return ModesOut(modes={kind: modes[kind] for kind in chosen})


@blueprint.patch("/preferences")
@allow(Access.USER, SCOPE)
@operation(answers=ModesOut)
def change_preferences(body: ModesIn) -> ModesOut:
    """Choose how the given kinds come by email."""
    preferences.choose(user_id=current_user.id, modes=body.modes)
    return _modes()
