"""The whole shop as processes, and browsers that watch for what a person should never meet."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    WebError,
    expect,
)

from app.embedded.processes import free_port
from app.extensions import db
from app.factory import create_app
from app.products.service import shelves
from app.settings import Settings
from tests.conftest import TEMPLATE, _ensure_template
from tests.support.inbox import Inbox
from tests.support.sale import SandboxControl
from tests.support.servers import Servers
from tests.support.shop import Shop, environment_for

ROLES = ("paypal", "auth", "web", "chat", "worker", "clock")
LAST_REDIS = 15
PATIENCE = 15_000
DESKTOP = {"width": 1280, "height": 800}
# Reported as console errors, so that they fail the test like a script's own.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def shop(
    run_servers: Servers, worker_number: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """Every role on stores of its own, started once for all flows of this worker."""
    _ensure_template(run_servers, tmp_path_factory)
    name = f"flows_{worker_number}"
    directory = tmp_path_factory.mktemp("flows")
    environment = environment_for(
        database_url=run_servers.create_database(name, template=TEMPLATE),
        redis_url=run_servers.redis_url_of(LAST_REDIS - worker_number),
        mongo_url=run_servers.mongo_url_of(name),
        smtp_url=run_servers.smtp_url,
        data_dir=directory,
    )
    # The sockets ask the auth role whose login theirs is.
    listen = f"127.0.0.1:{free_port()}"
    environment |= {
        "AUTH_GRPC_LISTEN": listen,
        "AUTH_GRPC_URL": f"grpc://{listen}",
        "AUTH_GRPC_TOKEN": "tests-only-service-token-tests-only",
    }
    with Shop(environment, directory) as started:
        started.start(*ROLES)
        yield started
        assert "Traceback" not in started.log("web"), started.log("web")[-8000:]


@pytest.fixture(scope="session")
def shop_app(shop: Shop) -> Iterator[Flask]:
    """An application on the shop's stores, for putting people and goods into it."""
    values = {key.lower(): value for key, value in shop.environment.items()}
    created = create_app(
        Settings(**{key: value for key, value in values.items() if key in Settings.model_fields})
    )
    with created.app_context():
        shelves.ensure_categories()
    yield created
    with created.app_context():
        db.engine.dispose()


@pytest.fixture
def data(shop_app: Flask) -> Iterator[Flask]:
    """A context for factories; what other tests put into the shop is still there."""
    with shop_app.app_context():
        yield shop_app
        db.session.rollback()


@pytest.fixture(scope="session")
def paypal(shop: Shop) -> SandboxControl:
    """The sandbox's side doors."""
    return SandboxControl(shop.paypal_url)


@pytest.fixture
def inbox(run_servers: Servers) -> Inbox:
    """The mails that the worker has sent."""
    return Inbox(run_servers.inbox_url, deliver=lambda: None)


@pytest.fixture(scope="session")
def browser(chromium: Browser) -> Browser:
    """One Chromium for all flows of this worker."""
    expect.set_options(timeout=PATIENCE)
    return chromium


@dataclass
class Watch:
    """What went wrong in the browsers of a test, unless it said that it should."""

    found: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """Expect console errors like this."""
        self.allowed.append(pattern)

    def attach(self, context: BrowserContext) -> None:
        """Listen to every page and window of a browser."""
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            url = message.page.url if message.page else ""
            self.found.append(f"{url}: {message.text} ({message.location.get('url', '')})")

    def _error(self, error: WebError) -> None:
        url = error.page.url if error.page else ""
        self.found.append(f"{url}: {error.error}")

    def _dialog(self, dialog: Dialog) -> None:
        self.found.append(f"a dialog said: {dialog.message}")
        dialog.dismiss()

    def check(self) -> None:
        """Fail if anything happened that nobody expected."""
        wrong = [
            text
            for text in self.found
            if not any(re.search(pattern, text) for pattern in self.allowed)
        ]
        assert not wrong, "\n".join(wrong)


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test if a page has thrown, broken the policy, complained or asked something."""
    watching = Watch()
    yield watching
    watching.check()


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, shop: Shop, watch: Watch) -> Iterator[Visit]:
    """A page of a new browser; keyword arguments are those of `Browser.new_context`."""
    contexts: list[BrowserContext] = []

    def open_browser(**options: Any) -> Page:
        values: dict[str, Any] = {
            "base_url": shop.url,
            "locale": "en-GB",
            "viewport": DESKTOP,
            "reduced_motion": "reduce",
        }
        context = browser.new_context(**(values | options))
        context.set_default_timeout(PATIENCE)
        if options.get("java_script_enabled", True):
            context.add_init_script(TELL_VIOLATIONS)
        watch.attach(context)
        contexts.append(context)
        return context.new_page()

    yield open_browser
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Visit) -> Page:
    """A page of a new browser."""
    return visit()
