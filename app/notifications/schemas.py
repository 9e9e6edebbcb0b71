"""Notifications as programs get them, and how they choose mails."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.kit.api.schemas import Counted, Flag, Input, Listing, Output, Paged
from app.notifications.models import MailMode, NotificationKind


class NotificationsQuery(Paged):
    """Which notifications."""

    kind: NotificationKind | None = Field(None, description="only this kind")
    unread: Flag = Field(False, description="only what is unread")


class NotificationOut(Output):
    """A notification. `title` and `detail` are in the language asked for, `data` is its facts."""

    id: UUID
    kind: NotificationKind
    title: str
    detail: str
    data: dict[str, Any]
    url: str
    created_at: datetime
    read_at: datetime | None


class NotificationList(Listing[NotificationOut]):
    """A page of notifications, newest first."""


class AllReadIn(Input):
    """What was read: everything, or one kind, or only up to the newest one that was seen."""

    kind: NotificationKind | None = None
    up_to: UUID | None = Field(None, description="id of the newest notification that was seen")


class ReadOut(Output):
    """How many were unread until now, and how many still are."""

    marked: int
    unread: Counted


class ModesOut(Output):
    """How each kind comes by email."""

    modes: dict[NotificationKind, MailMode] = Field(examples=[{"sale": "at_once"}])


class ModesIn(Input):
    """Kinds to change; kinds left out stay as they are."""

    modes: dict[NotificationKind, MailMode] = Field(examples=[{"sale": "daily"}])
