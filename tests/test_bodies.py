"""Bodies: what a route does not say that it takes is refused before anything of it is parsed."""

import io
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.kit.bodies import KIB, MIB, limit_of
from tests.factories.auth import make_user
from tests.support.programs import Program, program_of

ENCODED = "application/x-www-form-urlencoded"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/auth/login", ENCODED),
        ("/auth/login", "multipart/form-data; boundary=x"),
        ("/order/checkout/paypal", "application/json"),
        ("/api/v1/auth/token", "application/json"),
        ("/products/new", ENCODED),
        ("/no/such/page", ENCODED),
        ("/", ENCODED),
    ],
)
def test_what_is_too_large_is_refused_unread(client: FlaskClient, path, content_type):
    body = io.BytesIO(b"a=")
    answer = client.post(
        path,
        input_stream=body,
        content_type=content_type,
        environ_overrides={"CONTENT_LENGTH": str(16 * MIB)},
    )
    assert (answer.status_code, body.tell()) == (413, 0)


def test_what_comes_in_chunks_is_read_no_further_than_the_limit(client: FlaskClient):
    body = io.BytesIO(b"a=" + b"%41" * MIB)
    answer = client.post(
        "/auth/login",
        input_stream=body,
        content_type=ENCODED,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert len(answer.data) < 100 * KIB


def test_it_is_said_in_the_face_that_the_asker_understands(client: FlaskClient):
    def post(path: str, **headers: str):  # type: ignore[no-untyped-def]
        return client.post(path, data=b"a" * 65 * KIB, content_type=ENCODED, headers=headers)

    page, part, problem = post("/auth/login"), post("/auth/login", **HTMX), post("/api/v1/order")
    assert "<h1" in page.text
    assert "The limit is 64 kB." in page.text
    assert part.headers["HX-Retarget"] == "#notices"
    assert "<h1" not in part.text
    assert problem.mimetype == "application/problem+json"
    assert problem.json["detail"] == "That is too much at once. The limit is 64 kB."


def test_many_fields_are_refused_however_they_are_sent(client: FlaskClient):
    body = "&".join(f"f{number}=" for number in range(300))
    answer = client.post("/auth/login", data=body, content_type=ENCODED)
    assert answer.status_code == 413
    assert "too many fields" in answer.text


def test_only_few_routes_take_much(app: Flask):
    large = {
        endpoint: limit_of(endpoint).total
        for endpoint in app.view_functions
        if limit_of(endpoint).total > 64 * KIB
    }
    assert set(large) == {
        "payments.paypal_webhook",
        "products.create_product",
        "products.import_stock",
        "products.preview",
        "products.save",
        "products_api.change",
        "products_api.create",
        "products_api.look_through",
        "products_api.put_photo",
    }
    assert max(large.values()) == 17 * MIB


def test_the_longest_description_is_taken_in_any_script(
    app: Flask, login: Callable[..., FlaskClient]
):
    text = "😀" * 20_000
    browser = login(make_user(roles=["seller"]))
    assert browser.post("/products/preview", data={"description": text}).status_code == 200
    program = program_of(app, make_user(roles=["seller"]))
    answer = program.post("/products", json={"description": text, "content": text})
    assert answer.status_code == 422  # other fields are missing, but it was read


def test_a_long_title_is_not_echoed(app: Flask, login: Callable[..., FlaskClient]):
    browser = login(make_user(roles=["seller"]))
    head = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n'
    answer = browser.post(
        "/products/new",
        data=head + b"x" * 16 * MIB + b"\r\n--x--",
        content_type="multipart/form-data; boundary=x",
    )
    assert answer.status_code == 413
    assert len(answer.data) < 100 * KIB


class TestJson:
    @pytest.fixture
    def program(self, app: Flask) -> Program:
        return program_of(app, make_user(roles=["seller"]))

    @pytest.mark.parametrize("sign", ["[", '{"a":'])
    def test_what_is_nested_deeply_is_no_json(self, app, program, login, sign):
        body = sign * (60 * KIB // len(sign))
        browser = login(make_user())
        shown = browser.post("/order/checkout/paypal", data=body, content_type="application/json")
        assert shown.status_code in {400, 422}
        for path in ("/auth/token", "/order", "/products", "/webhooks"):
            answer = program.post(path, data=body, content_type="application/json")
            assert answer.status_code == 400, path

    @pytest.mark.parametrize("count", [30, 101, 2000])
    def test_of_unknown_fields_twenty_are_told(self, program, count):
        body = {f"unknown{number}": 1 for number in range(count)}
        answer = program.post("/auth/token", json=body)
        assert answer.status_code == 422
        assert 18 <= len(answer.json["errors"]) <= 20

    def test_a_long_name_of_a_field_is_not_echoed(self, program):
        answer = program.post("/auth/token", json={"x" * 50_000: 1})
        assert answer.status_code == 422
        assert len(answer.data) < 2 * KIB
