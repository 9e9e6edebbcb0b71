"""What notifications announce: mails that are to be sent, each to one address."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class MailWanted:
    """A notification is to go out by mail at once."""

    notification_id: UUID


@dataclass(frozen=True)
class DigestWanted:
    """These unread notifications are to go out in one mail; there are `more` besides."""

    user_id: UUID
    notification_ids: list[UUID]
    more: int
