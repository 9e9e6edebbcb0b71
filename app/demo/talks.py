"""A conversation of the demo's buyer with a seller, the last word of it unread."""

from uuid import UUID, uuid5

from app.chats.errors import ChatsUnavailable
from app.chats.service import opening, sending

_NAMES = UUID("5f0a7a0c-8f0a-4a35-9f7b-6b0b3a1f6d21")
_WORDS = (
    ("buyer", "Hello! Does the licence work on two computers?", None),
    ("seller", "Hi! Yes, on up to three, as long as they are yours.", 1),
    ("buyer", "Great, then I'll take one.", None),
    ("seller", "You're welcome. The manual: https://example.com/manual", None),
)


def fill(*, buyer_id: UUID, seller_id: UUID, product_id: UUID) -> None:
    """Have the two talk about a product; again without harm."""
    people = {"buyer": buyer_id, "seller": seller_id}
    try:
        talk = opening.about_product(user_id=buyer_id, product_id=product_id)
        for number, (who, words, reply_to) in enumerate(_WORDS):
            sending.send(
                user_id=people[who],
                conversation_id=talk,
                text=words,
                client_id=uuid5(_NAMES, f"{product_id}:{number}"),
                reply_to=reply_to,
            )
    except ChatsUnavailable:
        return  # the shop sells without
