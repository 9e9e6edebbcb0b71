"""Notifications as their persons read them, and how they want them by mail."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, func, select

from app.kit.db import read, session
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.notifications.errors import NoSuchNotification
from app.notifications.kinds import default_mode, words_of
from app.notifications.kinds.shapes import Words
from app.notifications.models import (
    MailMode,
    Notification,
    NotificationDigest,
    NotificationKind,
    NotificationPreference,
)


@dataclass(frozen=True)
class Told:
    """A notification. `params` are what its words are made of."""

    id: UUID
    user_id: UUID
    kind: NotificationKind
    params: Mapping[str, Any]
    created_at: datetime
    read_at: datetime | None

    @property
    def words(self) -> Words:
        """What it says, in the language of whoever asks."""
        return words_of(self.kind, self.params)


_EVERY = select(
    Notification.id,
    Notification.user_id,
    Notification.kind,
    Notification.params,
    Notification.created_at,
    Notification.read_at,
)


def notifications_of(
    user_id: UUID,
    *,
    kind: NotificationKind | None = None,
    unread: bool = False,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[Told]:
    """A person's notifications, the newest first; Invalid for a broken cursor."""
    every = _EVERY.where(*of_person(user_id, kind=kind, unread=unread))
    query = every
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(Notification.id < last)
    rows = read(query.order_by(Notification.id.desc()).limit(size + 1)).all()
    page = cut([_told(row) for row in rows], size, lambda told: (told.id,))
    return with_total(page, every, after) if counted else page


def of_person(
    user_id: UUID, *, kind: NotificationKind | None = None, unread: bool = False
) -> list[ColumnElement[bool]]:
    """The conditions of a person's notifications: of one kind, or those unread alone."""
    conditions = [Notification.user_id == user_id]
    if kind is not None:
        conditions.append(Notification.kind == kind)
    if unread:
        conditions.append(Notification.read_at.is_(None))
    return conditions


def notification_of(user_id: UUID, notification_id: UUID) -> Told:
    """One of a person's own; NoSuchNotification."""
    found = notifications_by_id([notification_id])
    if not found or found[0].user_id != user_id:
        raise NoSuchNotification
    return found[0]


def notifications_by_id(ids: Collection[UUID]) -> list[Told]:
    """Notifications whoever's they are, the newest first; unknown ids are left out."""
    rows = read(_BY_ID, {"ids": list(ids)})
    return [_told(row) for row in rows]


_BY_ID = _EVERY.where(Notification.id.in_(bindparam("ids", expanding=True))).order_by(
    Notification.id.desc()
)


def _told(row: Row[Any]) -> Told:
    return Told(row.id, row.user_id, row.kind, row.params, row.created_at, row.read_at)


def modes_of(user_id: UUID) -> dict[NotificationKind, MailMode]:
    """How each kind goes out by mail to a person: as they chose, or by default."""
    chosen = session().execute(
        select(NotificationPreference.kind, NotificationPreference.mode).where(
            NotificationPreference.user_id == user_id
        )
    )
    return {kind: default_mode(kind) for kind in NotificationKind} | {
        row.kind: row.mode for row in chosen
    }


def due_digests(limit: int) -> list[UUID]:
    """Whose daily mail is due, who has waited longest first."""
    return list(
        session().scalars(
            select(NotificationDigest.user_id)
            .where(NotificationDigest.due_at <= func.statement_timestamp())
            .order_by(NotificationDigest.due_at)
            .limit(limit)
        )
    )
