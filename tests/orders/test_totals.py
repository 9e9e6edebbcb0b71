"""How many there are: every list says so when asked, and counts no further than people care."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from app.auth.service import signing
from app.chats.service import reporting
from app.kit.api.operations import operation_of
from app.kit.api.schemas import Listing, Paged
from app.kit.db import session, transactional
from app.kit.money import Money
from app.kit.paging import MOST_COUNTED
from app.orders.models.claims import ClaimKind
from app.orders.service import claims
from app.products.service import commission
from app.reviews.service import moderation, writing
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product
from tests.factories.reviews import line_of
from tests.support.bought import approved, delivered, told
from tests.support.chats import say, talking
from tests.support.money import differing, disputed, payout_of, told_of
from tests.support.programs import program_of
from tests.support.refunds import buy
from tests.support.sale import SandboxControl


def lists_of(app: Flask) -> set[str]:
    found = set()
    for rule in app.url_map.iter_rules():
        spec = operation_of(app.view_functions[rule.endpoint])
        answers = spec and spec.answers
        if isinstance(answers, type) and issubclass(answers, Listing):
            assert spec
            assert spec.query
            assert issubclass(spec.query, Paged)
            found.add(rule.rule)
    return found


def test_every_list_tells_its_total_when_asked(
    app: Flask,
    query_counter: list[str],
    drain: Callable[[], None],
    paypal: SandboxControl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signing, "_KNOWN_FOR", 10**6)  # the keys are read once, not now and then
    seller = make_user(roles=("seller", "admin"))
    product = make_product(seller, stock=tuple("ABCDEFGHIJ"))
    make_product(seller)
    buyer = make_user()
    for _ in range(2):
        line_id = line_of(delivered(buyer, {product.id: 1}))
        review_id = writing.write(author_id=buyer.id, line_id=line_id, stars=5, text="Fine")
        moderation.report(user_id=seller.id, review_id=review_id, reason="Not fine")
        talk = talking(seller=seller)
        say(talk, talk.buyer)
        reporting.report(user_id=seller.id, conversation_id=talk.id, reason="Not nice")
        told(approved(buyer, {product.id: 1}), "COMPLETED", amount=Money(999, "EUR"))
        bought = buy(paypal, buyer, {product.id: 1})
        bought.reveal(0)
        claim = claims.open_claim(
            buyer_id=buyer.id,
            order_id=bought.order_id,
            line_id=bought.order.lines[0].id,
            pieces=frozenset({1}),
            kind=ClaimKind.INVALID,
            reason="It was used before",
        )
        claims.decline(seller_id=seller.id, claim_id=claim, reason="It was not")
        claims.call_moderator(buyer_id=buyer.id, claim_id=claim)
        told_of(bought.order_id)
        differing(bought.order_id)
        disputed(buy(paypal, buyer, {product.id: 1}).order_id, paypal)
        payout_of(seller, "failed")
    set_rate = partial(commission.set_of_category, admin_id=seller.id)
    for basis_points in (400, 500):
        set_rate(category_id=make_category().id, basis_points=basis_points)
    program = program_of(app, seller)
    hook = program.post(
        "/webhooks", json={"url": "https://example.com/x", "events": ["order.delivered"]}
    ).json["id"]
    for _ in range(2):
        assert program.post(f"/webhooks/{hook}/test").status_code == 202
    drain()
    places = {
        "/api/v1/products": "/products",
        "/api/v1/products/mine": "/products/mine",
        "/api/v1/products/mine/<uuid:product_id>/stock/units": f"/products/mine/{product.id}"
        "/stock/units",
        "/api/v1/order": "/order",
        "/api/v1/payments/sales": "/payments/sales",
        "/api/v1/admin/users": "/admin/users",
        "/api/v1/admin/commission/rates": "/admin/commission/rates",
        "/api/v1/admin/commission/changes": "/admin/commission/changes",
        "/api/v1/webhooks/<uuid:endpoint_id>/messages": f"/webhooks/{hook}/messages",
        "/api/v1/notifications": "/notifications",
        "/api/v1/products/<uuid:product_id>/reviews": f"/products/{product.id}/reviews",
        "/api/v1/admin/payments/stuck": "/admin/payments/stuck",
        "/api/v1/admin/reviews/reports": "/admin/reviews/reports",
        "/api/v1/chats": "/chats",
        "/api/v1/payments/entries": "/payments/entries",
        "/api/v1/payments/claims": "/payments/claims",
        "/api/v1/payments/payouts": "/payments/payouts",
        "/api/v1/payments/disputes": "/payments/disputes",
        "/api/v1/admin/payouts": "/admin/payouts",
        "/api/v1/admin/disputes": "/admin/disputes",
        "/api/v1/admin/claims": "/admin/claims",
        "/api/v1/admin/conversations/reports": "/admin/conversations/reports",
        "/api/v1/admin/payments/events": "/admin/payments/events",
        "/api/v1/admin/payments/differences": "/admin/payments/differences",
    }
    assert places.keys() == lists_of(app)
    for place in places.values():
        program = program_of(app, buyer if place == "/order" else seller)
        query_counter.clear()
        first = program.get(f"{place}?limit=1").json
        without = len(query_counter)
        assert (first["total"], bool(first["next"])) == (None, True), place
        everything = program.get(f"{place}?limit=100&total=true").json
        there = {"count": len(everything["items"]), "exact": True}
        assert everything["total"] == there
        for more in ("", f"&after={first['next']}"):
            query_counter.clear()
            assert program.get(f"{place}?limit=1&total=true{more}").json["total"] == there, place
            assert len(query_counter) <= without + 1
    assert program_of(app, None).get("/products?total=1").status_code == 422


def test_count_ends_somewhere(app: Flask) -> None:
    sample = make_product(make_user(roles=("seller",)))
    anybody = program_of(app, None)
    for more, exact in ((MOST_COUNTED - 1, True), (1, False)):
        multiply(sample.id, more)
        total = anybody.get("/products?limit=1&total=true").json["total"]
        assert total == {"count": MOST_COUNTED, "exact": exact}


@transactional
def multiply(product_id: UUID, count: int) -> None:
    session().execute(
        text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title, description,
                price_minor, currency, state, sold_count, version, published_at)
            SELECT gen_random_uuid(), seller_id, category_id, kind, shared, title, description,
                price_minor, currency, state, sold_count, version, published_at
            FROM product, generate_series(1, :count) WHERE id = :id"""),
        {"id": product_id, "count": count},
    )
