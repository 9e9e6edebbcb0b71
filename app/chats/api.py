"""JSON routes of conversations, below /api/v1/chats."""

from uuid import UUID

from flask import url_for
from flask_login import current_user

from app.chats import queries
from app.chats.models import Message
from app.chats.queries import Talk
from app.chats.schemas import (
    ChatMessageIn,
    ChatMessageOut,
    ChatMessagesOut,
    ConversationList,
    ConversationOut,
    ConversationsQuery,
    HistoryQuery,
    OpenIn,
    PersonOut,
    ReadIn,
    TextIn,
    UnreadOut,
)
from app.chats.service import opening, order_news, reading, sending
from app.chats.store.conversations import MOST_COUNTED
from app.kit.access import Access, allow
from app.kit.api.operations import Answer, api_blueprint, operation
from app.kit.api.schemas import listing_of

blueprint = api_blueprint("chats_api", __name__, "chats")
READ, WRITE = "chats:read", "chats:write"


@blueprint.get("")
@allow(Access.USER, READ)
@operation(answers=ConversationList)
def list_conversations(query: ConversationsQuery) -> ConversationList:
    """List your conversations that have messages, the newest message first."""
    page = queries.inbox(
        current_user.id,
        after=query.after,
        size=query.limit,
        unread=query.unread,
        counted=query.total,
    )
    return listing_of(ConversationList, page, _conversation)


def _conversation(talk: Talk) -> ConversationOut:
    buyer, seller = (
        PersonOut(id=one, name=talk.names.get(one, "")) for one in talk.conversation.people
    )
    return ConversationOut.read(
        talk.part,
        id=talk.conversation.id,
        about=talk.conversation.about,
        product_id=talk.conversation.product_id,
        order_id=talk.conversation.order_id,
        title=talk.title,
        buyer=buyer,
        seller=seller,
        last_seq=talk.part.seq,
        read_seq=talk.part.read,
        created_at=talk.conversation.created_at,
    )


@blueprint.post("")
@allow(Access.USER, WRITE)
@operation(answers=ConversationOut, status=201, refusals=(404, 409, 410))
def open_conversation(body: OpenIn) -> Answer:
    """Open a conversation about a product or an order; the same again for the same thing."""
    if body.product_id is not None:
        opened = opening.about_product(user_id=current_user.id, product_id=body.product_id)
    else:
        assert body.order_id is not None  # the model sees to it
        seller_id = body.seller_id or current_user.id
        opened = opening.about_order(
            user_id=current_user.id, order_id=body.order_id, seller_id=seller_id
        )
    return Answer(
        _conversation(queries.talk_of(current_user.id, opened)),
        location=url_for(".get_conversation", conversation_id=opened),
    )


@blueprint.get("/unread")
@allow(Access.USER, READ)
@operation(answers=UnreadOut)
def count_unread() -> UnreadOut:
    """Count your conversations with something to read."""
    count = queries.unread_count(current_user.id)
    return UnreadOut(count=min(count, MOST_COUNTED), exact=count <= MOST_COUNTED)


@blueprint.get("/<uuid:conversation_id>")
@allow(Access.USER, READ)
@operation(answers=ConversationOut)
def get_conversation(conversation_id: UUID) -> ConversationOut:
    """Get a conversation that you take part in."""
    return _conversation(queries.talk_of(current_user.id, conversation_id))


@blueprint.get("/<uuid:conversation_id>/messages")
@allow(Access.USER, READ)
@operation(answers=ChatMessagesOut)
def list_messages(conversation_id: UUID, query: HistoryQuery) -> ChatMessagesOut:
    """List messages by number: the last ones, those after one, or those before one.

    To miss none, ask for those after the last number that you have. `after` wins over `before`.
    """
    taken = queries.taken_part(current_user.id, conversation_id)
    order_news.look(taken.conversation)
    page = queries.page_of(taken, after=query.after, before=query.before, size=query.limit)
    return ChatMessagesOut(
        items=[_message(message) for message in page.messages],
        last_seq=page.last_seq,
        other_read_seq=page.other_read,
    )


def _message(message: Message) -> ChatMessageOut:
    return ChatMessageOut.read(message, flags=list(message.flags))


@blueprint.post("/<uuid:conversation_id>/messages")
@allow(Access.USER, WRITE)
@operation(answers=ChatMessageOut, status=201, refusals=(409,))
def send(conversation_id: UUID, body: ChatMessageIn) -> Answer:
    """Send a message; sent again under its `client_id` it is stored once.

    What looks like a payment outside the shop or a password is refused as `needs_confirmation`
    unless it is `confirmed`. Items of the shop's stock are masked in the text.
    """
    sent = sending.send(
        user_id=current_user.id,
        conversation_id=conversation_id,
        text=body.text,
        client_id=body.client_id,
        reply_to=body.reply_to,
        is_sure=body.confirmed,
    )
    return Answer(
        _message(sent), location=url_for(".list_messages", conversation_id=sent.conversation_id)
    )


@blueprint.put("/<uuid:conversation_id>/messages/<uuid:message_id>")
@allow(Access.USER, WRITE)
@operation(answers=ChatMessageOut, refusals=(409,))
def edit(conversation_id: UUID, message_id: UUID, body: TextIn) -> ChatMessageOut:
    """Change a message of yours, within 15 minutes."""
    seq = queries.number_of(current_user.id, conversation_id, message_id)
    return _message(
        sending.edit(
            user_id=current_user.id,
            conversation_id=conversation_id,
            seq=seq,
            text=body.text,
            is_sure=body.confirmed,
        )
    )


@blueprint.delete("/<uuid:conversation_id>/messages/<uuid:message_id>")
@allow(Access.USER, WRITE)
@operation(status=204, refusals=(409,))
def delete(conversation_id: UUID, message_id: UUID) -> None:
    """Delete a message of yours, within 15 minutes; its number stays."""
    seq = queries.number_of(current_user.id, conversation_id, message_id)
    sending.delete(user_id=current_user.id, conversation_id=conversation_id, seq=seq)


@blueprint.put("/<uuid:conversation_id>/read")
@allow(Access.USER, WRITE)
@operation(status=204)
def mark_read(conversation_id: UUID, body: ReadIn) -> None:
    """Say up to which message you have read; never goes back."""
    reading.mark_read(user_id=current_user.id, conversation_id=conversation_id, seq=body.seq)
