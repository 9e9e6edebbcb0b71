"""Reviews and sellers for programs."""

import pytest
from flask import Flask

from app.auth.models import User
from app.products.models import Product
from app.reviews.service.replies import note_reply_time
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import bought, make_review
from tests.support.programs import Program, program_of


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",), display_name="Ann's Keys")


@pytest.fixture
def product(seller: User) -> Product:
    return make_product(seller, kind="text")


@pytest.fixture
def anybody(app: Flask) -> Program:
    return program_of(app, None)


def test_a_buyer_writes_changes_and_deletes(app: Flask, product: Product, anybody: Program) -> None:
    buyer, line_id = bought(product)
    program = program_of(app, buyer)
    place = f"/reviews/lines/{line_id}"
    written = program.ask("PUT", place, json={"stars": 5, "text": "Fine"})
    assert written.status_code == 200
    assert (written.json["stars"], written.json["author_name"]) == (5, buyer.display_name)
    changed = program.ask("PUT", place, json={"stars": 3, "text": "Okay"}).json
    assert changed["id"] == written.json["id"]
    listed = anybody.get(f"/products/{product.id}/reviews?total=true").json
    assert [one["text"] for one in listed["items"]] == ["Okay"]
    assert listed["total"] == {"count": 1, "exact": True}
    assert anybody.get(f"/reviews/{changed['id']}").json["edited_at"] is not None
    stranger = program_of(app, make_user())
    assert stranger.ask("DELETE", f"/reviews/{changed['id']}").status_code == 404
    assert stranger.ask("PUT", place, json={"stars": 1, "text": "Mine"}).status_code == 404
    assert program.ask("DELETE", f"/reviews/{changed['id']}").status_code == 204
    assert anybody.get(f"/reviews/{changed['id']}").status_code == 404
    for body in ({"stars": 6, "text": "Fine"}, {"stars": 1}, {"stars": 1, "text": "   "}):
        assert program.ask("PUT", place, json=body).status_code == 422


def test_lists_are_sorted_and_narrowed(product: Product, anybody: Program) -> None:
    for stars in (3, 5, 1):
        make_review(product, stars=stars)
    listed = f"/products/{product.id}/reviews"
    for query, expected in {
        "": [1, 5, 3],
        "?sort=best": [5, 3, 1],
        "?sort=worst": [1, 3, 5],
        "?stars=5": [5],
    }.items():
        found = anybody.get(listed + query).json["items"]
        assert [one["stars"] for one in found] == expected, query
    for query in ("?sort=x", "?stars=0", "?stars=6", "?stars=x", "?after=x"):
        assert anybody.get(listed + query).status_code == 422, query


def test_reactions(app: Flask, seller: User, product: Product, anybody: Program) -> None:
    place = f"/reviews/{make_review(product)}"
    selling, reader = program_of(app, seller), program_of(app, make_user())
    assert reader.ask("PUT", f"{place}/helpful").json == {"helpful_count": 1}
    assert reader.get(place).json["voted"]
    assert reader.ask("DELETE", f"{place}/helpful").json == {"helpful_count": 0}
    assert selling.ask("PUT", f"{place}/helpful").status_code == 409
    answered = selling.ask("PUT", f"{place}/reply", json={"text": "Thanks"})
    assert answered.json["reply"] == "Thanks"
    assert selling.ask("DELETE", f"{place}/reply").status_code == 204
    assert anybody.get(place).json["reply"] is None
    assert reader.ask("PUT", f"{place}/reply", json={"text": "Me"}).status_code == 403
    assert reader.post(f"{place}/report", json={"reason": "Insults"}).status_code == 204


def test_a_token_needs_the_scope(app: Flask, product: Product) -> None:
    buyer, line_id = bought(product)
    program = program_of(app, buyer, ["orders"])
    answer = program.ask("PUT", f"/reviews/lines/{line_id}", json={"stars": 5, "text": "Fine"})
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")


def test_administrators_decide(app: Flask, product: Product, anybody: Program) -> None:
    review_id = make_review(product, stars=1)
    reader = program_of(app, make_user())
    admin = program_of(app, make_user(roles=("admin",)))
    reader.post(f"/reviews/{review_id}/report", json={"reason": "Insults people"})
    [report] = admin.get("/admin/reviews/reports").json["items"]
    assert (report["review_id"], report["reason"]) == (str(review_id), "Insults people")
    place = f"/admin/reviews/{review_id}"
    hidden = admin.post(f"{place}/hide", json={"reason": "Insults"}).json
    assert hidden["hidden_reason"] == "Insults"
    assert anybody.get(f"/reviews/{review_id}").status_code == 404
    assert anybody.get(f"/products/{product.id}").json["rating"] is None
    assert admin.get("/admin/reviews/reports").json["items"] == []
    assert admin.post(f"{place}/unhide").json["hidden_at"] is None
    assert admin.post(f"{place}/unhide").status_code == 409
    reader.post(f"/reviews/{review_id}/report", json={"reason": "Insults people"})
    assert admin.post(f"{place}/dismiss-reports").status_code == 200
    assert admin.get("/admin/reviews/reports").json["items"] == []
    assert reader.post(f"{place}/hide", json={"reason": "Insults"}).status_code == 403


def test_ratings_stand_beside_products_and_sellers(
    seller: User, product: Product, anybody: Program
) -> None:
    other = make_product(seller, kind="text")
    make_product(make_user(roles=("seller",)), kind="text")
    for stars in (5, 4):
        make_review(product, stars=stars)
    note_reply_time(seller_id=seller.id, seconds=60)
    shown = anybody.get(f"/products/{product.id}").json
    assert shown["rating"] == {"average": 4.5, "count": 2}
    assert shown["histogram"] == [0, 0, 0, 1, 1]
    listed = anybody.get(f"/products?seller_id={seller.id}").json["items"]
    assert [one["id"] for one in listed] == [str(other.id), str(product.id)]
    assert listed[0]["rating"] is None
    assert listed[0]["seller_rating"] == {"average": 4.1, "count": 2}
    profile = anybody.get(f"/sellers/{seller.id}").json
    assert profile["rating"] == {"average": 4.1, "count": 2}
    assert (profile["name"], profile["sales"]) == ("Ann's Keys", 2)
    assert profile["median_reply_seconds"] == 60
    assert profile["median_delivery_seconds"] >= 0
    assert anybody.get(f"/sellers/{make_user().id}").status_code == 404
