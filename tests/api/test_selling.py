"""A seller's goods, stock and money by JSON; and what administrators do."""

import io

import pytest
from flask import Flask
from PIL import Image

from app.auth import queries
from app.auth.models import User
from app.auth.service import api_keys
from tests.api.test_manners import a_product
from tests.factories.auth import PASSWORD, make_user
from tests.factories.products import make_product
from tests.support.bought import delivered
from tests.support.programs import Program, program_of


def test_a_product_from_draft_to_the_shelf(selling: Program, anybody: Program) -> None:
    made = selling.post("/products", json=a_product(description="**Fast**"))
    own = made.json
    path = f"/products/mine/{own['id']}"
    assert own["state"] == "draft"
    assert anybody.get(f"/products/{own['id']}").status_code == 404
    looked = selling.post(f"{path}/stock/imports", json={"content": "AAAA-1\nBBBB-2\nAAAA-1"})
    assert looked.status_code == 201
    assert (looked.json["lines"], looked.json["new"], looked.json["all_new"]) == (3, 2, False)
    shown = {found["verdict"]: found["count"] for found in looked.json["findings"]}
    assert (shown["new"], shown["repeated"]) == (2, 1)
    take = looked.headers["Location"].removeprefix("/api/v1") + "/take-in"
    assert selling.post(take, json={}).json["code"] == "products.not_all_new"
    taken = selling.post(take, json={"only_new": True})
    assert taken.json["units"] == 2
    assert selling.post(take, json={"only_new": True}).json == taken.json
    assert selling.post(f"{path}/publish").json["state"] == "published"
    seen = anybody.get(f"/products/{own['id']}").json
    assert (seen["stock"], seen["description_html"]) == (2, "<p><strong>Fast</strong></p>\n")
    [listed] = anybody.get("/products?q=moonbase").json["items"]
    assert listed["price"] == {"minor": 1250, "currency": "EUR"}
    units = selling.get(f"{path}/stock/units").json["items"]
    assert "AAAA" not in str(units)
    assert selling.ask("DELETE", f"{path}/stock/units/{units[0]['id']}").status_code == 204
    assert selling.get(f"{path}/stock").json == {
        "free": 1, "reserved": 0, "sold": 0, "withdrawn": 1,
    }  # fmt: skip
    batch = selling.ask("DELETE", f"{path}/stock/batches/{taken.json['batch_id']}")
    assert batch.json == {"units": 1}
    assert selling.post(f"{path}/hide").json["state"] == "hidden"
    assert selling.ask("DELETE", path).status_code == 204
    assert selling.get(path).status_code == 404


def test_a_cover_is_sent_as_it_is(selling: Program) -> None:
    made = selling.post("/products", json=a_product())
    path, tag = made.headers["Location"].removeprefix("/api/v1"), made.headers["ETag"]
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(picture, "PNG")
    put = lambda data, kind: selling.ask(  # noqa: E731
        "PUT", f"{path}/photo", data=data, content_type=kind, headers={"If-Match": tag}
    )
    assert put(picture.getvalue(), "text/plain").status_code == 415
    assert put(b"no picture", "image/png").status_code == 422
    assert put(b"", "image/png").status_code == 422
    done = put(picture.getvalue(), "image/png")
    assert done.status_code == 200
    address = done.json["photo_url"].removeprefix("http://localhost")
    assert selling.browser.get(address).mimetype == "image/webp"
    stale = selling.ask("DELETE", f"{path}/photo", headers={"If-Match": tag})
    assert stale.status_code == 412
    gone = selling.ask("DELETE", f"{path}/photo", headers={"If-Match": done.headers["ETag"]})
    assert gone.json["photo_url"] is None
    again = selling.ask(
        "PUT",
        f"{path}/photo",
        data=picture.getvalue(),
        content_type="image/png",
        headers={"If-Match": gone.headers["ETag"]},
    )
    assert again.json["photo_url"] not in {None, done.json["photo_url"]}


def test_a_text_needs_something_to_deliver(selling: Program) -> None:
    made = selling.post("/products", json=a_product(kind="text"))
    path = made.headers["Location"].removeprefix("/api/v1")
    assert selling.post(f"{path}/publish").status_code == 409
    change = {"content": "The secret recipe"}
    tagged = {"If-Match": made.headers["ETag"]}
    changed = selling.ask("PATCH", path, json=change, headers=tagged)
    assert changed.json["has_content"]
    assert "recipe" not in changed.text
    assert selling.post(f"{path}/publish").status_code == 200


def test_null_is_no_value(selling: Program) -> None:
    made = selling.post("/products", json=a_product())
    path = made.headers["Location"].removeprefix("/api/v1")
    answer = selling.ask(
        "PATCH", path, json={"title": None}, headers={"If-Match": made.headers["ETag"]}
    )
    assert answer.json["errors"].keys() == {"title"}


def test_sales_and_balance(selling: Program, seller: User, buyer: User) -> None:
    product = make_product(seller, stock=("K-1", "K-2"), price_minor=1000)
    delivered(buyer, {product.id: 2})
    [sale] = selling.get("/payments/sales").json["items"]
    assert (sale["gross"]["minor"], sale["commission"]["minor"], sale["share"]["minor"]) == (
        2000, 200, 1800,
    )  # fmt: skip
    balance = selling.get("/payments/balance").json
    assert balance["pending"] == {"minor": 1800, "currency": "EUR"}
    assert (balance["sales"], balance["pieces"]) == (1, 2)


class TestBecomingSeller:
    def test_it_ends_the_token_and_the_next_one_may_sell(self, app: Flask, buyer: User) -> None:
        program = program_of(app, buyer)
        wanted = {"paypal_email": "pay@example.com", "display_name": "Ann's Keys"}
        for password, status in ((None, 422), ("not-the-password", 422), (PASSWORD, 200)):
            sent = wanted | ({"password": password} if password else {})
            done = program.post("/auth/seller", json=sent)
            assert done.status_code == status
            assert status == 200 or set(done.json["errors"]) == {"password"}
        assert done.json["display_name"] == "Ann's Keys"
        assert done.json["roles"] == ["buyer", "seller"]
        assert program.get("/auth/me").status_code == 401
        again = program.post(
            "/auth/token", json={"email": buyer.email, "password": "correct-horse-battery"}
        )
        assert Program(program.browser, again.json["access_token"]).get(
            "/products/mine"
        ).status_code == 200  # fmt: skip

    def test_a_key_alone_moves_no_money(self, app: Flask, buyer: User) -> None:
        _key_id, key = api_keys.create_api_key(user_id=buyer.id, name="Robot", scopes=["account"])
        robot = Program(app.test_client(), key)
        for path, sent in (
            ("/auth/seller", {"paypal_email": "thief@example.com"}),
            ("/auth/seller", {"paypal_email": "thief@example.com", "password": "guessed-one"}),
            ("/auth/password", {"current": "guessed-one", "new": "seven-green-tractors"}),
            ("/auth/api-keys", {"name": "Child", "scopes": ["account"]}),
        ):
            assert robot.post(path, json=sent).status_code in {403, 422}
        now = queries.get_user(buyer.id, fresh=True)
        assert now is not None
        assert (now.roles, now.paypal_email) == ([], None)

    def test_the_name_of_another_seller_is_refused_at_its_field(
        self, app: Flask, buyer: User, seller: User
    ) -> None:
        program = program_of(app, buyer)
        wanted = {"paypal_email": "pay@example.com", "password": PASSWORD}
        for name, status in ((seller.display_name.upper(), 409), ("PayPaI", 422)):
            refused = program.post("/auth/seller", json=wanted | {"display_name": name})
            assert (refused.status_code, set(refused.json["errors"])) == (status, {"display_name"})
        renamed = program_of(app, make_user(roles=("seller",))).ask(
            "PATCH", "/auth/me", json={"display_name": seller.display_name}
        )
        assert (renamed.status_code, set(renamed.json["errors"])) == (409, {"display_name"})


class TestProfile:
    def test_what_is_named_changes(self, buying: Program, buyer: User) -> None:
        changed = buying.ask("PATCH", "/auth/me", json={"display_name": "Somebody Else"})
        assert changed.json["display_name"] == "Somebody Else"
        assert changed.json["locale"] == buyer.locale
        assert buying.get("/auth/me").json == changed.json
        assert buying.ask("PATCH", "/auth/me", json={"locale": None}).status_code == 422

    def test_password_ends_every_token(self, buying: Program) -> None:
        body = {"current": "wrong", "new": "quite another horse"}
        assert buying.post("/auth/password", json=body).json["errors"].keys() == {"current"}
        body["current"] = "correct-horse-battery"
        assert buying.post("/auth/password", json=body).status_code == 200
        assert buying.get("/auth/me").status_code == 401


def test_registration_says_the_same_to_all(anybody: Program, buyer: User) -> None:
    body = {"password": "quite another horse", "display_name": "New Person"}
    answers = [
        anybody.post("/auth/register", json={**body, "email": email})
        for email in ("new-person@example.com", buyer.email)
    ]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json == answers[1].json
    weak = {**body, "email": "x@example.com", "password": "12345678"}
    assert anybody.post("/auth/register", json=weak).json["errors"].keys() == {"password"}


class TestAdministration:
    @pytest.fixture
    def admin(self, app: Flask) -> Program:
        return program_of(app, make_user(roles=("admin",)))

    def test_people_are_found(self, admin: Program, seller: User, buyer: User) -> None:
        found = admin.get(f"/admin/users?q={seller.email[:12]}&role=seller").json["items"]
        assert [one["id"] for one in found] == [str(seller.id)]
        assert admin.get("/admin/users?limit=1").json["next"]
        assert admin.get("/admin/users?banned=true").json["items"] == []

    @pytest.mark.parametrize(
        ("words", "is_found"),
        [("ane doe", True), ("JANE", True), ("ja", True), ("ne", False), ("%", False)],
    )
    def test_two_letters_are_where_a_name_begins(
        self, admin: Program, words: str, is_found: bool
    ) -> None:
        make_user(display_name="Jane Doe", email="who@example.com")
        found = admin.get("/admin/users", query_string={"q": words}).json["items"]
        assert ("Jane Doe" in [one["display_name"] for one in found]) is is_found

    def test_a_ban_ends_everything_and_is_undone(
        self, app: Flask, admin: Program, seller: User, anybody: Program
    ) -> None:
        product = make_product(seller, stock=("A",))
        program = program_of(app, seller)
        banned = admin.post(f"/admin/users/{seller.id}/ban")
        assert banned.json["banned_at"]
        assert program.get("/auth/me").status_code == 401
        assert anybody.get("/products").json["items"] == []
        assert anybody.get(f"/products/{product.id}").status_code == 404
        assert admin.post(f"/admin/users/{seller.id}/unban").json["banned_at"] is None
        assert len(anybody.get("/products").json["items"]) == 1

    def test_roles_are_given_and_taken(self, admin: Program, buyer: User) -> None:
        path = f"/admin/users/{buyer.id}/roles"
        assert admin.ask("PUT", f"{path}/seller").json["paypal_email"] == buyer.email
        assert "moderator" in admin.ask("PUT", f"{path}/moderator").json["roles"]
        assert admin.ask("DELETE", f"{path}/moderator").json["roles"] == ["buyer", "seller"]
        assert admin.ask("PUT", f"{path}/emperor").status_code == 404

    def test_a_key_gives_no_roles(self, app: Flask, buyer: User) -> None:
        chief = make_user(roles=("admin",))
        _key_id, key = api_keys.create_api_key(user_id=chief.id, name="Robot", scopes=["admin"])
        robot = Program(app.test_client(), key)
        refused = robot.ask("PUT", f"/admin/users/{buyer.id}/roles/admin")
        assert (refused.status_code, refused.json["code"]) == (403, "login_needed")
        assert robot.get(f"/admin/users/{buyer.id}").json["roles"] == ["buyer"]

    def test_nobody_shuts_themselves_out(self, app: Flask) -> None:
        user = make_user(roles=("admin",))
        program = program_of(app, user)
        assert program.post(f"/admin/users/{user.id}/ban").status_code == 409
        assert program.ask("DELETE", f"/admin/users/{user.id}/roles/admin").status_code == 409

    def test_a_product_goes_and_comes_back_hidden(
        self, admin: Program, seller: User, selling: Program, anybody: Program
    ) -> None:
        product = make_product(seller, stock=("A",))
        path = f"/admin/products/{product.id}"
        assert admin.post(f"{path}/remove", json={}).status_code == 422
        gone = admin.post(f"{path}/remove", json={"reason": "A stolen key"})
        assert (gone.json["state"], gone.json["removed_reason"]) == ("removed", "A stolen key")
        assert anybody.get(f"/products/{product.id}").status_code == 410
        assert selling.get(f"/products/mine/{product.id}").status_code == 404
        assert admin.post(f"{path}/restore").json["state"] == "hidden"
        assert admin.post(f"{path}/restore").status_code == 409
        assert selling.post(f"/products/mine/{product.id}/publish").status_code == 200

    def test_others_are_turned_away(self, selling: Program, buying: Program) -> None:
        assert selling.get("/admin/users").status_code == 403
        assert buying.get("/admin/users").status_code == 403
