"""Reported conversations, as moderators see them: their words are not shown."""

from collections.abc import Sequence
from uuid import UUID

from app.chats.errors import NoSuchConversation
from app.chats.models import Conversation, Membership, Side
from app.chats.queries import Talk, talks_of
from app.chats.store import conversations, reports
from app.kit.paging import MOST_COUNTED, PAGE_SIZE, Moment, Page, cut, decode_cursor


def reported(
    *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[Talk]:
    """The conversations that were reported, the latest first; Invalid for a broken cursor."""
    before = decode_cursor(after, tuple[Moment])[0] if after else None
    rows = reports.reported(before=before, size=size + 1)
    page = cut(rows, size, lambda row: (row.reported_at,))
    total = reports.count(most=MOST_COUNTED + 1) if counted else None
    return Page(_talks(page.items), page.next_cursor, total, MOST_COUNTED)


def reported_talk(conversation_id: UUID) -> Talk:
    """One of them; NoSuchConversation for any other."""
    row = conversations.find(conversation_id)
    if row is None or row.reported_at is None:
        raise NoSuchConversation
    [talk] = _talks([row])
    return talk


def _talks(rows: Sequence[Conversation]) -> list[Talk]:
    parts = [
        Membership(row.id, row.buyer_id, None, Side.MODERATOR, last_at=row.reported_at)
        for row in rows
    ]
    return talks_of(parts, {row.id: row for row in rows})
