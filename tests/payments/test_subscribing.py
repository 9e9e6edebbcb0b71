"""`flask paypal-subscribe`: PayPal sends all that the shop acts on, and says what was missing."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from click.testing import Result
from flask import Flask

from app.embedded.processes import free_port
from app.payments.service.subscribing import WANTED
from app.sandbox.events import EVENT_TYPES
from app.settings import Settings
from tests.contracts.calls import checked_calls
from tests.support.apps import another_app
from tests.support.sandbox import SandboxHandle, start_sandbox

SHOP = "https://shop.example.com"
URL = f"{SHOP}/payments/paypal/webhook"
CREDENTIALS = {"client_id": "test-client", "client_secret": "test-secret"}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxHandle]:
    """A PayPal that sends events to nobody yet, but for a webhook of somebody else's."""
    handle = start_sandbox(
        tmp_path / "paypal",
        free_port(),
        "http://127.0.0.1:1/elsewhere",
        webhook_id="WH-OTHER",
        **CREDENTIALS,
    )
    yield handle
    handle.stop()


@pytest.fixture
def subscribe(
    app: Flask,
    sandbox: SandboxHandle,
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Result]]:
    """Run the command in a shop with these settings."""

    def run(*options: str, webhook_id: str = "WH-NONE") -> Result:
        settings = make_settings(
            paypal_base_url=sandbox.url,
            paypal_web_url=sandbox.url,
            paypal_ca_file=sandbox.ca_file,
            public_url=SHOP,
            paypal_webhook_id=webhook_id,
        )
        with another_app(settings) as shop, shop.app_context():
            return shop.test_cli_runner().invoke(args=["paypal-subscribe", *options])

    with checked_calls(monkeypatch):
        yield run


def webhooks(sandbox: SandboxHandle) -> dict[str, dict[str, object]]:
    """Each address with its id and what is sent there."""
    token = requests.post(
        f"{sandbox.url}/v1/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=tuple(CREDENTIALS.values()),
        timeout=10,
    ).json()["access_token"]
    answer = requests.get(
        f"{sandbox.url}/v1/notifications/webhooks",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    return {
        one["url"]: {"id": one["id"], "events": {kind["name"] for kind in one["event_types"]}}
        for one in answer.json()["webhooks"]
    }


class TestSubscribe:
    def test_new_shop_is_subscribed_and_told_its_webhooks_id(
        self, sandbox: SandboxHandle, subscribe: Callable[..., Result]
    ) -> None:
        looked = subscribe("--check")
        assert looked.exit_code == 1
        assert f"PayPal has no webhook for {URL}" in looked.output
        assert URL not in webhooks(sandbox), "to check changes nothing"
        done = subscribe()
        assert [line.split()[1] for line in done.output.splitlines()[:-1]] == list(WANTED)
        ours = webhooks(sandbox)[URL]
        assert ours["events"] == set(WANTED)
        assert f"Set PAYPAL_WEBHOOK_ID={ours['id']}" in done.output
        again = subscribe(webhook_id=str(ours["id"]))
        assert again.exit_code == 0, again.output
        assert "added" not in again.output
        assert subscribe("--check", webhook_id=str(ours["id"])).exit_code == 0
        assert len(webhooks(sandbox)) == 2, "nobody else's is touched, none is made twice"

    def test_what_is_missing_is_named_and_added_to_what_there_is(
        self, sandbox: SandboxHandle, subscribe: Callable[..., Result]
    ) -> None:
        subscribe()
        webhook_id = str(webhooks(sandbox)[URL]["id"])
        token = requests.post(
            f"{sandbox.url}/v1/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=tuple(CREDENTIALS.values()),
            timeout=10,
        ).json()["access_token"]
        kept = {"PAYMENT.CAPTURE.COMPLETED", "PAYMENT.AUTHORIZATION.VOIDED"}
        requests.patch(
            f"{sandbox.url}/v1/notifications/webhooks/{webhook_id}",
            json=[
                {
                    "op": "replace",
                    "path": "/event_types",
                    "value": [{"name": name} for name in sorted(kept)],
                }
            ],
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        ).raise_for_status()
        looked = subscribe("--check", webhook_id=webhook_id)
        assert looked.exit_code == 1
        assert "missing   CHECKOUT.ORDER.APPROVED" in looked.output
        assert "missing   PAYMENT.CAPTURE.COMPLETED" not in looked.output
        done = subscribe(webhook_id=webhook_id)
        assert done.exit_code == 0, done.output
        assert "added     CHECKOUT.ORDER.APPROVED" in done.output
        assert webhooks(sandbox)[URL]["events"] == kept | set(WANTED)

    def test_webhook_that_leads_elsewhere_is_named(
        self, sandbox: SandboxHandle, subscribe: Callable[..., Result]
    ) -> None:
        done = subscribe(webhook_id="WH-OTHER")
        assert done.exit_code == 1
        assert f"leads to http://127.0.0.1:1/elsewhere, not to {URL}" in done.output

    def test_paypal_that_is_away_is_named(
        self, sandbox: SandboxHandle, subscribe: Callable[..., Result]
    ) -> None:
        sandbox.stop()
        done = subscribe()
        assert done.exit_code == 1
        assert "PayPal gives no answer" in done.output


class TestDocuments:
    def test_manual_lists_what_is_subscribed_to(self) -> None:
        manual = Path(__file__).parents[2] / "docs" / "running.md"
        listed = re.findall(r"`((?:CHECKOUT|PAYMENT|CUSTOMER)\.[A-Z.-]+)`", manual.read_text())
        assert listed == list(WANTED)

    def test_sandbox_sends_nothing_that_the_shop_would_not_ask_for(self) -> None:
        assert set(EVENT_TYPES) <= set(WANTED)
