"""What happened to an order, said in its conversation by the shop itself.

It is looked for whenever somebody looks at the conversation, so a sale waits for no chat; each
thing is said once, by the unique key of its message.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from app.chats.models import Conversation, SystemEvent
from app.chats.service import saying
from app.chats.store import messages
from app.kit.db import end_read
from app.orders.models import OrderState
from app.orders.queries.disputes import disputes_of_order
from app.orders.queries.talks import SellersPart, sellers_part
from app.payments.models.disputes import DisputeState


def look(conversation: Conversation) -> None:
    """Say what is not said yet in this conversation, if it is about an order."""
    if conversation.order_id is None:
        return
    part = sellers_part(conversation.order_id, conversation.seller_id)
    end_read()
    tell(conversation, part)


def tell(conversation: Conversation, part: SellersPart) -> None:
    """Say what is not said yet."""
    happened = [*_happened(part), *_disputed(part.order_id)]
    end_read()
    keys = [saying.client_id(event, about) for event, about, _at in happened]
    said = messages.said_by_shop(conversation.id, keys)
    for event, about, at in happened:
        if saying.client_id(event, about) not in said:
            saying.say(conversation.id, event, about=about, at=at)


Happened = tuple[SystemEvent, UUID | None, datetime]


def _happened(part: SellersPart) -> Iterator[Happened]:
    if part.paid_at is not None:
        yield SystemEvent.PAID, None, part.paid_at
    if part.delivered_at is not None:
        yield SystemEvent.DELIVERED, None, part.delivered_at
    if part.given_back_at is not None:
        whole = part.given_back_minor == part.total_minor
        event = SystemEvent.REFUNDED if whole else SystemEvent.PARTLY_REFUNDED
        yield event, None, part.given_back_at
    if part.state is OrderState.CANCELLED:
        event = SystemEvent.REFUNDED if part.was_refunded else SystemEvent.CANCELLED
        yield event, None, part.paid_at or part.created_at


def _disputed(order_id: UUID) -> Iterator[Happened]:
    for dispute in reversed(disputes_of_order(order_id)):
        yield SystemEvent.DISPUTED, dispute.id, dispute.opened_at
        if dispute.ended_at is not None:
            lost = dispute.state is DisputeState.LOST
            event = SystemEvent.DISPUTE_LOST if lost else SystemEvent.DISPUTE_WON
            yield event, dispute.id, dispute.ended_at
