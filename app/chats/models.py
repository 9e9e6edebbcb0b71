"""What conversations are made of, as the rest of the shop sees them.

What people wrote stands in no `repr`, so that it gets into no log.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

CHANGEABLE_FOR = timedelta(minutes=15)
HIGHEST = 2**31 - 1  # number of a message that anybody may ask for


class About(StrEnum):
    """What a conversation is bound to."""

    PRODUCT = "product"
    ORDER = "order"


class Side(StrEnum):
    """In what role somebody takes part."""

    BUYER = "buyer"
    SELLER = "seller"
    MODERATOR = "moderator"


class MessageKind(StrEnum):
    """Who speaks: a person, or the shop about what happened."""

    TEXT = "text"
    SYSTEM = "system"


class Flag(StrEnum):
    """What the other one is warned of."""

    PAYMENT = "payment"  # a way to pay outside the shop
    PASSWORD = "password"  # noqa: S105  # the name of a warning


# One conversation for each thing and pair of people, whoever opens it, and however often.
NAMES = UUID("3c7d1d0e-52a3-4c39-8f51-0a3f6a6e9d0b")


def about_order_id(order_id: UUID, seller_id: UUID) -> UUID:
    """The id of the conversation about what a seller sold in an order, whether there is one yet."""
    return uuid5(NAMES, f"order:{order_id}:{seller_id}")


class SystemEvent(StrEnum):
    """What the shop says in a conversation."""

    PAID = "paid"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    REPORTED = "reported"
    MODERATOR_JOINED = "moderator_joined"
    REPORT_CLOSED = "report_closed"


@dataclass(frozen=True)
class Report:
    """Why somebody who takes part wants moderators to look, or a moderator is done with that."""

    user_id: UUID
    reason: str = field(repr=False)
    at: datetime


@dataclass(frozen=True)
class Conversation:
    """Two people's talk about one thing.

    `reported_at`, when it was reported last, opens it to moderators, until they close that;
    `reports` has one of each person who has. `closings` are those of earlier reports.
    """

    id: UUID
    about: About
    product_id: UUID | None
    order_id: UUID | None
    buyer_id: UUID
    seller_id: UUID
    created_at: datetime
    reported_at: datetime | None = None
    reports: tuple[Report, ...] = ()
    closings: tuple[Report, ...] = ()

    def other(self, user_id: UUID) -> UUID:
        """Whom this one of the two talks with."""
        return self.seller_id if user_id == self.buyer_id else self.buyer_id

    @property
    def people(self) -> tuple[UUID, UUID]:
        """The two."""
        return self.buyer_id, self.seller_id

    @property
    def named(self) -> frozenset[UUID]:
        """Whose names stand where moderators read of it: the two, and who reported or closed."""
        return frozenset(self.people) | {one.user_id for one in (*self.reports, *self.closings)}


@dataclass(frozen=True)
class Membership:
    """One person's part in a conversation: where they have read to, and what they set.

    `seq` is the number of its last message, `shut` says that the other one takes no more.
    """

    conversation_id: UUID
    user_id: UUID
    other_id: UUID | None
    side: Side
    seq: int = 0
    read: int = 0
    unread: bool = False
    last_at: datetime | None = None
    preview: str = field(default="", repr=False)
    preview_kind: MessageKind = MessageKind.TEXT
    preview_by: UUID | None = None
    muted: bool = False
    shut: bool = False


@dataclass(frozen=True)
class Quote:
    """The message that another one answers. Its text is not kept with the answer, only shown."""

    seq: int
    sender_id: UUID | None
    text: str = field(default="", repr=False)


@dataclass(frozen=True)
class Message:
    """A message. `client_id` is what its sender's page called it; what the shop says has none.

    `files` is for what is sent along with it, which the shop doesn't take yet.
    """

    id: UUID
    conversation_id: UUID
    seq: int
    client_id: str
    kind: MessageKind
    sender_id: UUID | None
    text: str = field(repr=False)
    at: datetime
    event: SystemEvent | None = None
    reply: Quote | None = None
    flags: tuple[Flag, ...] = ()
    files: tuple[Any, ...] = ()
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    history: tuple[tuple[str, datetime], ...] = field(default=(), repr=False)

    def is_changeable_by(self, user_id: UUID, now: datetime) -> bool:
        """Whether this person may still change or delete it."""
        return (
            self.kind is MessageKind.TEXT
            and self.sender_id == user_id
            and self.deleted_at is None
            and now - self.at < CHANGEABLE_FOR
        )


@dataclass(frozen=True)
class Settings:
    """What a person has set for all their conversations."""

    user_id: UUID
    answers: tuple[str, ...] = field(default=(), repr=False)  # ready to be put into a message
    away: str = field(default="", repr=False)  # what others read meanwhile; empty while here
    blocked: frozenset[UUID] = frozenset()
    enter_sends: bool = True
