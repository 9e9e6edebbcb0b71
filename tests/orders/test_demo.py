"""The demo shop has customers, who pay at the sandbox and say what they think."""

from flask import Flask
from sqlalchemy import text

from app.demo import data, sales
from app.demo.opinions import OPINIONS
from app.kit.db import session
from app.products.models import Product
from app.products.queries import cards
from tests.support.sale import SandboxControl, assert_promises_hold, count


def test_they_buy_and_review_once(app: Flask, paypal: SandboxControl) -> None:
    data.fill()
    titles = set(session().scalars(text("SELECT title FROM product WHERE state = 'published'")))
    assert {one.title for one in OPINIONS} <= titles
    assert {one.email for one in OPINIONS} == {person.email for person in sales.PEOPLE}
    for _time in range(2):
        sales.run()
        assert count("orders", "state = 'delivered'") == len(sales.PEOPLE)
        said = [one for one in OPINIONS if one.stars]
        assert count("review") == len(said)
        assert (count("claim", "state = 'open'"), count("refund")) == (1, 1)
        assert count("review", "reply IS NOT NULL") == sum(bool(one.reply) for one in said)
    game = session().query(Product).filter_by(title="Orbital Gardener").one()
    assert cards.page_of(game.id).own_rating.tenths == 45
    assert_promises_hold()
