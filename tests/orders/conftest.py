"""A shop that pays at a PayPal sandbox of its own, and that the sandbox can reach."""

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app.auth.models import User
from app.embedded.processes import free_port
from app.extensions import db
from app.factory import create_app
from app.products.models import Product
from app.settings import Settings
from tests.conftest import IsolatedClient
from tests.contracts.calls import Contract, checked_calls
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.refunds import Bought, buy
from tests.support.sale import SandboxControl
from tests.support.sandbox import start_sandbox

CREDENTIALS = ("test-client", "test-secret", "WH-TEST")


@pytest.fixture(scope="session")
def shop_port() -> int:
    """Where the sandbox's webhooks find the shop."""
    return free_port()


@pytest.fixture(scope="session")
def sandbox_handle(shop_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The sandbox's process."""
    client_id, client_secret, webhook_id = CREDENTIALS
    handle = start_sandbox(
        tmp_path_factory.mktemp("paypal"),
        free_port(),
        f"http://127.0.0.1:{shop_port}/payments/paypal/webhook",
        client_id=client_id,
        client_secret=client_secret,
        webhook_id=webhook_id,
    )
    yield handle
    handle.stop()


@pytest.fixture(scope="session")
def application(
    make_settings: Callable[..., Settings], sandbox_handle: object, shop_port: int
) -> Iterator[Flask]:
    """The application, paying at the sandbox."""
    created = create_app(
        make_settings(
            paypal_base_url=sandbox_handle.url,
            paypal_web_url=sandbox_handle.url,
            paypal_ca_file=sandbox_handle.ca_file,
            public_url=f"http://127.0.0.1:{shop_port}",
        )
    )
    created.config["WTF_CSRF_ENABLED"] = False
    created.test_client_class = IsolatedClient
    yield created
    with created.app_context():
        db.engine.dispose()


@pytest.fixture
def contract(monkeypatch: pytest.MonkeyPatch) -> Iterator[Contract]:
    """Every call of the shop keeps to PayPal's descriptions, and so does every answer."""
    with checked_calls(monkeypatch) as contract:
        yield contract


@pytest.fixture
def paypal(app: Flask, sandbox_handle: object, contract: Contract) -> Iterator[SandboxControl]:
    """PayPal's part in the test's hands; it knows of no other test, and none knows of this."""
    control = SandboxControl(sandbox_handle.url)
    control.reset()
    yield control
    control.reset()


@pytest.fixture
def seller(app: Flask) -> User:
    """Somebody who sells."""
    return make_user(roles=("seller",))


@pytest.fixture
def keys(seller: User) -> Product:
    """Three keys for ten euros each."""
    return make_product(seller, stock=("KEY-A", "KEY-B", "KEY-C"))


@pytest.fixture
def bought(paypal: SandboxControl, keys: Product) -> Bought:
    """Two of them, delivered."""
    return buy(paypal, make_user(), {keys.id: 2})


@pytest.fixture
def serving(app: Flask, shop_port: int) -> Iterator[str]:
    """The shop's address, with the shop listening: webhooks arrive."""
    server = make_server("127.0.0.1", shop_port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{shop_port}"
    server.shutdown()
    thread.join()
    server.server_close()
