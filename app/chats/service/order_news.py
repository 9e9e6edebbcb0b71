"""What happened to an order, said in its conversation by the shop itself.

It is looked for whenever somebody looks at the conversation, so a sale waits for no chat; each
thing is said once, by the unique key of its message.
"""

from collections.abc import Iterator
from datetime import datetime

from app.chats.models import Conversation, SystemEvent
from app.chats.service import saying
from app.chats.store import messages
from app.kit.db import end_read
from app.orders.models import OrderState
from app.orders.queries.talks import SellersPart, sellers_part


def look(conversation: Conversation) -> None:
    """Say what is not said yet in this conversation, if it is about an order."""
    if conversation.order_id is None:
        return
    part = sellers_part(conversation.order_id, conversation.seller_id)
    end_read()
    tell(conversation, part)


def tell(conversation: Conversation, part: SellersPart) -> None:
    """Say what is not said yet."""
    happened = list(_happened(part))
    said = messages.said_by_shop(conversation.id, [event.value for event, _at in happened])
    for event, at in happened:
        if event.value not in said:
            saying.say(conversation.id, event, at=at)


def _happened(part: SellersPart) -> Iterator[tuple[SystemEvent, datetime]]:
    if part.paid_at is not None:
        yield SystemEvent.PAID, part.paid_at
    if part.delivered_at is not None:
        yield SystemEvent.DELIVERED, part.delivered_at
    if part.given_back_at is not None:
        whole = part.given_back_minor == part.total_minor
        yield SystemEvent.REFUNDED if whole else SystemEvent.PARTLY_REFUNDED, part.given_back_at
    if part.state is OrderState.CANCELLED:
        event = SystemEvent.REFUNDED if part.was_refunded else SystemEvent.CANCELLED
        yield event, part.paid_at or part.created_at
