"""How long a seller's buyers wait for an answer, as their page tells it."""

from uuid import UUID

from flask import Flask

from app.chats.service import opening, sending
from app.kit.db import session
from app.kit.ids import new_id
from app.reviews.models import SellerReplies
from tests.factories.auth import make_user
from tests.factories.products import make_product


def test_an_answer_counts_from_the_first_unanswered_word(app: Flask) -> None:
    seller, buyer = make_user(roles=("seller",)), make_user()
    product = make_product(seller, stock=("KEY-1",))
    talk = opening.about_product(user_id=buyer.id, product_id=product.id)

    def say(user_id: UUID, text: str) -> None:
        sending.send(user_id=user_id, conversation_id=talk, text=text, client_id=new_id())

    def told() -> list[int]:
        session().expire_all()
        found = session().get(SellerReplies, seller.id)
        return list(found.last_seconds) if found else []

    say(seller.id, "Welcome")
    assert told() == []
    say(buyer.id, "Is it new?")
    say(buyer.id, "And red?")
    assert told() == []
    say(seller.id, "It is")
    say(seller.id, "And red, too")
    assert len(told()) == 1
