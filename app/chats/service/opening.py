"""Beginning to talk: about a product, or about one seller's part of an order."""

from datetime import UTC, datetime
from uuid import UUID, uuid5

from app.chats.errors import OwnProduct
from app.chats.models import NAMES, About, Conversation, about_order_id
from app.chats.service import order_news
from app.chats.store import conversations, people
from app.kit import ratelimit
from app.kit.db import end_read
from app.orders.errors import NoSuchOrder
from app.orders.queries.talks import sellers_part
from app.products.queries import cards

OPENED = "60/hour"  # conversations by one person


def about_product(*, user_id: UUID, product_id: UUID) -> UUID:
    """The conversation of a buyer with the seller of a product.

    NoSuchProduct, ProductGone; OwnProduct where the seller asks.
    """
    product = cards.visible(product_id, user_id)
    if product.seller_id == user_id:
        raise OwnProduct
    end_read()
    conversation = Conversation(
        id=uuid5(NAMES, f"product:{product_id}:{user_id}"),
        about=About.PRODUCT,
        product_id=product_id,
        order_id=None,
        buyer_id=user_id,
        seller_id=product.seller_id,
        created_at=datetime.now(UTC),
    )
    return _open(conversation, user_id)


def about_order(*, user_id: UUID, order_id: UUID, seller_id: UUID) -> UUID:
    """The conversation of a buyer and a seller about what that one sold in an order.

    Either of the two opens it; NoSuchOrder for anybody else.
    """
    part = sellers_part(order_id, seller_id)
    if user_id not in {part.buyer_id, part.seller_id} or (
        user_id == part.seller_id and part.paid_at is None
    ):
        raise NoSuchOrder
    end_read()
    conversation = Conversation(
        id=about_order_id(order_id, seller_id),
        about=About.ORDER,
        product_id=None,
        order_id=order_id,
        buyer_id=part.buyer_id,
        seller_id=part.seller_id,
        created_at=datetime.now(UTC),
    )
    opened = _open(conversation, user_id)
    order_news.tell(conversation, part)
    return opened


def _open(conversation: Conversation, user_id: UUID) -> UUID:
    there = {part.user_id for part in conversations.parts_in(conversation.id)}
    if not there.issuperset(conversation.people):  # new, or left half made
        ratelimit.spend(OPENED, "chat-open", str(user_id))
        conversations.make(conversation, shut=_shut(conversation))
        # Whoever has blocked the other one meanwhile may not have found this conversation.
        for one in _shut(conversation):
            conversations.shut(one, conversation.other(one), is_shut=True)
    return conversation.id


def _shut(conversation: Conversation) -> set[UUID]:
    """Those of the two whom the other one has blocked."""
    return {one for one in conversation.people if one in _blocked_by(conversation.other(one))}


def _blocked_by(user_id: UUID) -> frozenset[UUID]:
    return people.settings_of(user_id).blocked
