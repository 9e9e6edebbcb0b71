"""The conversation about an order, as evidence in a dispute."""

from collections.abc import Collection, Sequence
from uuid import UUID

from app.chats.errors import ChatsUnavailable
from app.chats.models import Conversation, Message, MessageKind, about_order_id
from app.chats.store import conversations, messages
from app.kit.db import end_read
from app.orders.queries.purchases import get_order
from app.orders.service.proof.gathering import Scope, Section, SourceAway
from app.orders.service.proof.sources import moment

MOST = 300  # messages of one conversation, the last ones


def conversation(scope: Scope) -> Sequence[Section]:
    """What buyer and sellers have written to each other about an order. Raises SourceAway."""
    order = get_order(scope.order_id)
    sellers = {line.seller_id: line.seller_name for line in order.lines} if order else {}
    end_read()
    wanted = {
        about_order_id(scope.order_id, seller_id): name for seller_id, name in sellers.items()
    }
    try:
        found = conversations.find_all(set(wanted))
        return [
            section
            for one in found.values()
            if scope.seller_id in {None, one.seller_id}
            if (section := _section(one, wanted[one.id]))
        ]
    except ChatsUnavailable as error:
        raise SourceAway from error


def conversations_about(order_id: UUID, seller_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The conversations about an order, by seller; none with whom nobody has talked.

    Raises ChatsUnavailable.
    """
    wanted = {about_order_id(order_id, seller_id): seller_id for seller_id in seller_ids}
    end_read()
    return {wanted[one]: one for one in conversations.find_all(set(wanted))}


def _section(talk: Conversation, seller_name: str) -> Section | None:
    last = max((part.seq for part in conversations.parts_in(talk.id)), default=0)
    said = [
        (f"{moment(one.at)}, {_sender(one, talk)}", _text(one))
        for one in messages.between(talk.id, last - MOST + 1, last)
        if one.kind is not MessageKind.SYSTEM
    ]
    return Section(f"Conversation of the buyer with {seller_name}", tuple(said)) if said else None


def _sender(message: Message, talk: Conversation) -> str:
    if message.sender_id == talk.buyer_id:
        return "buyer"
    return "seller" if message.sender_id == talk.seller_id else "moderator"


def _text(message: Message) -> str:
    return "(taken back)" if message.deleted_at is not None else message.text
