"""The shop while one of its stores is away."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import make_url

from app.extensions import db
from app.factory import create_app
from app.settings import Settings
from tests.factories.auth import make_user
from tests.factories.products import make_product

Make = Callable[..., FlaskClient]
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
JSON = {"Accept": "application/json"}
CLOSED = {
    "redis_url": "redis://127.0.0.1:1/0",
    "mongo_url": "mongodb://127.0.0.1:1/byteshop",
    "smtp_url": "smtp://127.0.0.1:1",
}


@pytest.fixture
def browser_of(make_settings: Callable[..., Settings]) -> Iterator[Make]:
    """A browser at a shop with single settings replaced."""
    created: list[Flask] = []

    def make(**changes: object) -> FlaskClient:
        application = create_app(make_settings(**changes))
        application.config["WTF_CSRF_ENABLED"] = False
        created.append(application)
        return application.test_client()

    yield make
    for application in created:
        with application.app_context():
            db.engine.dispose()


@pytest.fixture
def without_database(make_settings: Callable[..., Settings], browser_of: Make) -> FlaskClient:
    """A browser at a shop whose database is away."""
    address = make_url(make_settings().database_url).set(host="127.0.0.1", port=1, query={})
    return browser_of(database_url=address.render_as_string(hide_password=False))


class TestDatabaseAway:
    @pytest.mark.parametrize(
        ("path", "known"),
        [
            ("/", False),
            ("/products", False),
            ("/", True),
            ("/order/basket", True),
            ("/order/purchases", True),
        ],
    )
    @pytest.mark.parametrize("headers", [{}, HTMX, JSON])
    def test_everybody_is_told_to_come_back(
        self,
        app: Flask,
        login: Make,
        without_database: FlaskClient,
        path: str,
        headers: dict[str, str],
        known: bool,
    ) -> None:
        if known:
            cookie = login(make_user()).get_cookie("byteshop_session")
            assert cookie is not None
            without_database.set_cookie("byteshop_session", cookie.value)
        response = without_database.get(path, headers=headers)
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "Content-Security-Policy" in response.headers
        assert "psycopg" not in response.text

    def test_process_lives_and_is_not_ready(self, without_database: FlaskClient) -> None:
        assert without_database.get("/healthz").status_code == 200
        response = without_database.get("/readyz")
        assert response.status_code == 503
        stores = json.loads(response.text)["stores"]
        assert stores == {
            "postgresql": "unreachable",
            "redis": "reached",
            "mongodb": "reached",
            "smtp": "reached",
        }


class TestOthersAway:
    @pytest.mark.parametrize("setting", CLOSED)
    def test_people_still_look_log_in_and_fill_their_basket(
        self, app: Flask, browser_of: Make, setting: str
    ) -> None:
        buyer = make_user()
        product = make_product(make_user(roles=("seller",)), stock=("KEY-1",))
        browser = browser_of(**{setting: CLOSED[setting]})
        for path in ("/", "/products", f"/products/{product.id}", "/auth/login"):
            assert browser.get(path).status_code == 200
        entered = browser.post(
            "/auth/login", data={"email": buyer.email, "password": "correct-horse-battery"}
        )
        assert entered.status_code == 303
        added = browser.post(
            "/order/basket/add", data={"product_id": str(product.id), "quantity": "1"}
        )
        assert added.status_code == 303
        assert product.title in browser.get("/order/basket").text
        assert browser.get("/order/checkout").status_code == 200
        ready = browser.get("/readyz")
        if setting == "redis_url":
            assert (ready.status_code, ready.json["status"]) == (503, "unavailable")
        else:
            assert (ready.status_code, ready.json["status"]) == (200, "degraded")

    def test_login_is_limited_without_redis_too(self, app: Flask, browser_of: Make) -> None:
        buyer = make_user()
        browser = browser_of(redis_url=CLOSED["redis_url"], login_tries_per_account=5)
        answers = [
            browser.post("/auth/login", data={"email": buyer.email, "password": "wrong"})
            for _ in range(7)
        ]
        assert answers[-1].status_code == 429


class TestReadiness:
    def test_many_who_ask_at_once_cost_the_stores_one_question(self, browser_of: Make) -> None:
        asked = []
        with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:

            def count() -> None:
                while True:
                    try:
                        listener.accept()[0].close()
                    except OSError:
                        return
                    asked.append(1)

            counting = threading.Thread(target=count, daemon=True)
            counting.start()
            browser = browser_of(smtp_url="smtp://{}:{}".format(*listener.getsockname()))
            began = time.monotonic()
            with ThreadPoolExecutor(10) as pool:
                codes = [
                    answer.result()
                    for answer in [
                        pool.submit(lambda: browser.get("/readyz").status_code) for _ in range(30)
                    ]
                ]
            took = time.monotonic() - began
            listener.shutdown(socket.SHUT_RDWR)
            counting.join()
        assert codes == [200] * 30
        assert len(asked) <= 1 + took


class TestSilence:
    def test_not_ready_is_said_in_the_time_of_a_probe(self, browser_of: Make) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls and answers none
            place = "{}:{}".format(*silent.getsockname())
            browser = browser_of(
                database_url=f"postgresql+psycopg://shop:secret@{place}/shop",
                redis_url=f"redis://{place}/0",
                mongo_url=f"mongodb://{place}/shop",
            )
            began = time.monotonic()
            response = browser.get("/readyz")
            took = time.monotonic() - began
        assert response.status_code == 503
        assert took < 5
        stores = json.loads(response.text)["stores"]
        assert stores.pop("smtp") == "reached"
        assert set(stores.values()) == {"unreachable"}
