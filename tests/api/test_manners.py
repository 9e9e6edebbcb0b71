"""What every operation keeps to: problems, pages, idempotency, versions, limits, origins."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from app.auth.models import User
from app.extensions import db
from app.kit.db import session
from app.kit.problems import PROBLEM_TYPE
from app.products.api.catalogue import photo_url
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product
from tests.support.apps import another_app
from tests.support.programs import Program, program_of
from tests.support.sale import in_parallel


def a_product(**more: object) -> dict[str, object]:
    return {
        "title": "Moonbase",
        "kind": "key",
        "category_id": str(make_category().id),
        "price_minor": 1250,
        **more,
    }


class TestProblems:
    def test_fields_are_named_in_the_language_asked_for(self, selling: Program) -> None:
        body = a_product(price_minor="12.50", colour="red")
        said = {
            language: selling.post("/products", json=body, headers={"Accept-Language": language})
            for language in ("en", "ru")
        }
        for answer in said.values():
            assert answer.status_code == 422
            assert answer.mimetype == "application/problem+json"
            assert answer.json["errors"].keys() == {"price_minor", "colour"}
        assert said["en"].json["errors"]["colour"] == "There is no such field."
        assert said["ru"].json["errors"]["colour"] == "Такого поля нет."

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b"{", "application/json", 400),
            (b"\xff", "application/json", 400),
            (b"{}", "text/plain", 415),
            (b"", "application/json", 400),
            (b"[]", "application/json", 422),
            (b"null", "application/json", 422),
            (b"[" * 100_000, "application/json", 400),
        ],
    )
    def test_what_is_no_json(self, selling: Program, body: bytes, kind: str, status: int) -> None:
        answer = selling.post("/products", data=body, content_type=kind)
        assert answer.status_code == status
        assert answer.json["status"] == status

    def test_unknown_paths_and_methods(self, anybody: Program) -> None:
        assert anybody.get("/nothing").json["code"] == "http_404"
        answer = anybody.ask("DELETE", "/products")
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]

    def test_who_is_not_logged_in_hears_how(self, anybody: Program) -> None:
        answer = anybody.get("/order/basket")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    def test_bad_token_on_an_open_route_is_said(self, anybody: Program, seller: User) -> None:
        product = make_product(seller, stock=("A",))
        answer = anybody.get(f"/products/{product.id}", headers={"Authorization": "Bearer x"})
        assert answer.status_code == 401

    def test_parameters_are_checked(self, anybody: Program) -> None:
        for query in ("limit=0", "limit=101", "limit=1_0", "in_stock=1", "kind=car", "x=1",
                      "limit=1&limit=2", "after=%00", "price_from=-1"):  # fmt: skip
            assert anybody.get(f"/products?{query}").status_code == 422, query


class TestPages:
    def test_cursors_lead_through_all_and_links_are_whole(self, anybody, seller) -> None:  # type: ignore[no-untyped-def]
        category = make_category()
        made = {str(make_product(seller, stock=(f"A{n}",), category=category).id) for n in range(5)}
        path, seen = "/products?limit=2&in_stock=true", []
        while path:
            answer = anybody.get(path)
            seen += [item["id"] for item in answer.json["items"]]
            link = answer.headers.get("Link", "")
            assert ("limit=2" in link) == (answer.json["next"] is not None)
            assert link.startswith("<http://localhost/api/v1/") or not link
            path = link.partition(">")[0].removeprefix("<http://localhost/api/v1")
        assert len(seen) == 5
        assert set(seen) == made


class TestAddresses:
    def test_they_are_the_shops_whatever_host_was_asked(self, app, anybody, seller) -> None:  # type: ignore[no-untyped-def]
        for n in range(2):
            make_product(seller, stock=(f"A{n}",))
        answer = anybody.get("/products?limit=1", headers={"Host": "evil.example"})
        assert answer.headers["Link"].startswith("<http://localhost/")
        assert "evil" not in answer.text + str(answer.headers)
        with app.test_request_context(base_url="http://evil.example"):
            assert (photo_url(uuid4()) or "").startswith("http://localhost/media/")


class TestWords:
    def test_a_program_is_told_nothing_of_pages_and_browsers(self, app, anybody) -> None:  # type: ignore[no-untyped-def]
        moderator = program_of(app, make_user())
        for answer, status in (
            (anybody.get("/nothing"), 404),
            (anybody.get("/auth/me"), 401),
            (moderator.get("/webhooks"), 403),
            (anybody.post("/products/categories"), 405),
            (anybody.get("/products?after=x"), 422),
        ):
            assert answer.status_code == status
            said = f"{answer.json['title']} {answer.json['detail']}".lower()
            assert "page" not in said, said
            assert "browser" not in said, said
            assert "log in" not in said, said

    def test_the_document_is_asked_for_once(self, anybody: Program) -> None:
        first = anybody.get("/openapi.json")
        again = anybody.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


class TestNumbers:
    def test_a_whole_number_may_be_written_with_a_point(self, selling: Program) -> None:
        for price, status in ((3400.0, 201), (3400.5, 422), (True, 422), ("34", 422)):
            assert (
                selling.post("/products", json=a_product(price_minor=price)).status_code == status
            )

    def test_null_is_neither_promised_nor_taken_where_a_value_stays(self, app, selling) -> None:  # type: ignore[no-untyped-def]
        schemas = selling.get("/openapi.json").json["components"]["schemas"]
        name = schemas["ProfileChange"]["properties"]["display_name"]
        assert (name["type"], "anyOf" in name, "default" in name) == ("string", False, False)
        answer = selling.ask("PATCH", "/auth/me", json={"display_name": None})
        assert answer.status_code in {403, 422}


class TestIdempotency:
    def test_the_same_again_does_nothing_and_answers_the_same(self, selling: Program) -> None:
        body, headers = a_product(), {"Idempotency-Key": "one"}
        first, again = (selling.post("/products", json=body, headers=headers) for _n in range(2))
        assert first.status_code == again.status_code == 201
        assert first.json == again.json
        assert first.headers["Location"] == again.headers["Location"]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert len(selling.get("/products/mine").json["items"]) == 1

    def test_another_body_under_the_key_is_refused(self, selling: Program) -> None:
        headers = {"Idempotency-Key": "one"}
        selling.post("/products", json=a_product(), headers=headers)
        other = selling.post("/products", json=a_product(title="Other"), headers=headers)
        assert other.status_code == 422
        assert other.json["code"] == "idempotency_key_reused"

    def test_others_keys_are_others(self, app: Flask, selling: Program) -> None:
        body, headers = a_product(), {"Idempotency-Key": "one"}
        mine = selling.post("/products", json=body, headers=headers)
        other = program_of(app, make_user(roles=("seller",)))
        assert other.post("/products", json=body, headers=headers).json["id"] != mine.json["id"]

    def test_a_refused_request_can_be_mended(self, selling: Program) -> None:
        headers = {"Idempotency-Key": "one"}
        assert selling.post("/products", json={}, headers=headers).status_code == 422
        assert selling.post("/products", json=a_product(), headers=headers).status_code == 201

    def test_one_of_many_at_once_is_done(self, app: Flask, seller: User) -> None:
        body, headers = a_product(), {"Idempotency-Key": "one"}

        def post() -> int:
            return program_of(app, seller).post("/products", json=body, headers=headers).status_code

        statuses = in_parallel(app, [post] * 8)
        assert set(statuses) <= {201, 409}
        assert 201 in statuses
        assert len(program_of(app, seller).get("/products/mine").json["items"]) == 1

    def test_in_progress_is_said_until_it_was_abandoned(self, selling: Program) -> None:
        body, headers = a_product(), {"Idempotency-Key": "one"}
        selling.post("/products", json=body, headers=headers)
        self._change("status = NULL")
        waiting = selling.post("/products", json=body, headers=headers)
        assert (waiting.status_code, waiting.json["code"]) == (409, "in_progress")
        self._change("begun_at = begun_at - interval '61 seconds'")
        assert selling.post("/products", json=body, headers=headers).status_code == 201

    def test_after_a_day_a_key_is_new(self, selling: Program) -> None:
        headers = {"Idempotency-Key": "one"}
        selling.post("/products", json=a_product(), headers=headers)
        self._change("begun_at = begun_at - interval '25 hours'")
        other = selling.post("/products", json=a_product(title="Other"), headers=headers)
        assert other.status_code == 201

    def test_answers_are_sealed(self, selling: Program) -> None:
        headers = {"Idempotency-Key": "one"}
        selling.post("/products", json=a_product(title="Canary bird"), headers=headers)
        rows = session().execute(text("SELECT sealed FROM stored_answer")).scalars().all()
        assert len(rows) == 1
        assert b"Canary" not in bytes(rows[0])

    @pytest.mark.parametrize("key", ["", "a" * 256, "a b", "ключ"])
    def test_what_can_be_no_key(self, selling: Program, key: str) -> None:
        answer = selling.post(
            "/products",
            json=a_product(),
            headers={"Idempotency-Key": key.encode().decode("latin-1")},
        )
        assert answer.status_code == 422

    @staticmethod
    def _change(what: str) -> None:
        session().execute(text(f"UPDATE stored_answer SET {what}"))
        db.session.commit()


class TestVersions:
    def test_a_change_names_the_version_it_changes(self, selling: Program) -> None:
        made = selling.post("/products", json=a_product())
        path, tag = made.headers["Location"].removeprefix("/api/v1"), made.headers["ETag"]
        new = {"price_minor": 900}
        assert selling.ask("PATCH", path, json=new).status_code == 428
        done = selling.ask("PATCH", path, json=new, headers={"If-Match": tag})
        assert done.status_code == 200
        assert done.json["price"] == {"minor": 900, "currency": "EUR"}
        assert done.json["title"] == "Moonbase"
        assert done.headers["ETag"] != tag
        for stale in (tag, '"x"', "*", 'W/"1"', f'{tag}, "2"'):
            late = selling.ask("PATCH", path, json=new, headers={"If-Match": stale})
            assert late.status_code == 412, stale

    def test_what_is_known_is_not_sent_again(self, selling: Program) -> None:
        made = selling.post("/products", json=a_product())
        path, tag = made.headers["Location"].removeprefix("/api/v1"), made.headers["ETag"]
        assert selling.get(path, headers={"If-None-Match": tag}).status_code == 304
        assert selling.get(path, headers={"If-None-Match": '"0"'}).status_code == 200

    def test_reading_a_version_that_is_gone_is_a_problem_like_any_other(
        self, selling: Program
    ) -> None:
        made = selling.post("/products", json=a_product())
        path, tag = made.headers["Location"].removeprefix("/api/v1"), made.headers["ETag"]
        assert selling.get(path, headers={"If-Match": tag}).json["title"] == "Moonbase"
        late = selling.get(path, headers={"If-Match": '"0"'})
        assert (late.status_code, late.mimetype) == (412, PROBLEM_TYPE)
        assert late.json["code"] == "version_stale"


class TestLimits:
    @pytest.fixture
    def strict(self, app: Flask, make_settings: Callable[..., Settings]) -> Iterator[Flask]:
        with another_app(make_settings(api_requests_per_minute=3)) as created:
            yield created

    def test_what_is_left_is_said_until_there_is_nothing(self, strict: Flask) -> None:
        browser = strict.test_client()
        answers = [browser.get("/api/v1/products/categories") for _n in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert [one.headers["RateLimit-Remaining"] for one in answers] == ["2", "1", "0", "0"]
        assert {one.headers["RateLimit-Limit"] for one in answers} == {"3"}
        assert 0 < int(answers[3].headers["Retry-After"]) <= 60
        assert answers[3].json["code"] == "too_many"

    def test_each_key_has_its_own(self, strict: Flask) -> None:
        with strict.app_context():
            one, other = (program_of(strict, make_user()) for _n in range(2))
        assert [one.get("/auth/me").status_code for _n in range(4)] == [200, 200, 200, 429]
        assert other.get("/auth/me").status_code == 200


class TestOrigins:
    def ask(self, application: Flask, origin: str):  # type: ignore[no-untyped-def]
        return application.test_client().get(
            "/api/v1/products/categories", headers={"Origin": origin}
        )

    def test_no_other_page_may_call_unless_set(self, app: Flask) -> None:
        answer = self.ask(app, "https://shop.example")
        assert "Access-Control-Allow-Origin" not in answer.headers

    def test_pages_that_are_set_may(self, app: Flask, make_settings) -> None:  # type: ignore[no-untyped-def]
        with another_app(make_settings(api_cors_origins="https://shop.example")) as opened:
            named = self.ask(opened, "https://shop.example").headers
            other = self.ask(opened, "https://evil.example").headers
        assert named["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "Access-Control-Allow-Credentials" not in named
        assert "Access-Control-Allow-Origin" not in other
