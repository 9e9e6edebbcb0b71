"""PayPal's events as administrators see them; and those that never came."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.kit.db import session
from app.orders.models import OrderState
from app.payments.paypal import lists
from app.payments.service import fetching
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_sale import wait_for
from tests.support.bought import words
from tests.support.programs import program_of
from tests.support.sale import (
    SandboxControl,
    StartedCheckout,
    assert_promises_hold,
    chase,
    count,
    fill_basket,
    order_of,
    start,
)

Drain = Callable[[], None]
Login = Callable[..., FlaskClient]


@pytest.fixture
def started(app: Flask, paypal: SandboxControl) -> StartedCheckout:
    """A buyer at PayPal's window."""
    buyer, seller = make_user(), make_user(roles=("seller",))
    fill_basket(buyer, make_product(seller, stock=("A", "B")).id)
    return start(buyer)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made a moment ago is fetched, too, and no more than that."""
    monkeypatch.setattr(fetching, "MARGIN", timedelta(seconds=-2))
    monkeypatch.setattr(fetching, "AT_FIRST", timedelta(minutes=1))


class TestInbox:
    def test_event_tells_how_it_came_and_what_became_of_it(
        self,
        app: Flask,
        paypal: SandboxControl,
        serving: str,
        started: StartedCheckout,
        drain: Drain,
        login: Login,
    ) -> None:
        paypal.approve(started.paypal_order_id)
        wait_for(lambda: chase() == 1)
        drain()
        wait_for(lambda: count("inbound_event", "event_type = 'PAYMENT.CAPTURE.COMPLETED'") == 1)
        admin = make_user(roles=("admin",))
        browser = login(admin)
        page = words(browser.get("/payments/events"))
        assert "PAYMENT.CAPTURE.COMPLETED" in page
        assert "Sent by PayPal" in page
        [event_id] = session().scalars(
            text("SELECT id FROM inbound_event WHERE event_type = 'PAYMENT.CAPTURE.COMPLETED'")
        )
        address = f"/payments/events/{event_id}"
        story = words(browser.get(address))
        assert "Checked: it is PayPal's" in story
        assert "Settled" in story
        assert "Booked for it" in story
        assert browser.post(f"{address}/again").status_code == 303
        drain()
        story = words(browser.get(address))
        assert f"Run again by {admin.display_name}" in story
        assert "PayPal was asked, and what it said was written down at" in story
        assert count("delivery") == 1
        assert_promises_hold()

    def test_list_is_filtered_and_goes_on(
        self, app: Flask, login: Login, query_counter: list[str]
    ) -> None:
        for number in range(32):
            kind = "CHECKOUT.ORDER.APPROVED" if number == 1 else "SOMETHING.NEW"
            session().execute(
                text("""INSERT INTO inbound_event (id, event_id, event_type, body, resource_id)
                    VALUES (CAST(:id AS uuid), :name, :kind, '{}', :about)"""),
                {
                    "id": f"01990000-0000-7000-8000-{number:012}",
                    "name": f"WH-{number}",
                    "kind": kind,
                    "about": f"R-{number}",
                },
            )
        session().commit()
        browser = login(make_user(roles=("admin",)))
        query_counter.clear()
        first = words(browser.get("/payments/events"))
        assert len(query_counter) <= 8
        assert "R-31 " in first
        assert "R-1 " not in first
        assert "Show more" in first
        found = words(browser.get("/payments/events?type=CHECKOUT.ORDER.APPROVED"))
        assert "R-1 " in found
        assert "R-31 " not in found
        found = words(browser.get("/payments/events?q=R-7"))
        assert ("R-7 " in found, "R-8 " in found) == (True, False)
        assert "No event matches" in words(browser.get("/payments/events?unfinished=1"))

    def test_programs_read_it_and_have_it_run_again(
        self, app: Flask, paypal: SandboxControl, serving: str, started: StartedCheckout
    ) -> None:
        paypal.approve(started.paypal_order_id)
        wait_for(lambda: count("inbound_event") == 1)
        program = program_of(app, make_user(roles=("admin",)))
        found = program.get("/admin/payments/events?total=true").json
        assert found["total"] == {"count": 1, "exact": True}
        [event] = found["items"]
        assert event["type"] == "CHECKOUT.ORDER.APPROVED"
        assert event["order_id"] == str(started.order_id)
        found = program.get(f"/admin/payments/events?q={started.paypal_order_id}").json
        assert [one["id"] for one in found["items"]] == [event["id"]]
        path = f"/admin/payments/events/{event['id']}"
        assert [one["state"] for one in program.get(path).json["handlings"]] == [event["state"]]
        story = program.post(f"{path}/run-again").json
        assert [one["state"] for one in story["handlings"]] == ["waiting", event["state"]]
        unfinished = program.get("/admin/payments/events?unfinished=true").json["items"]
        assert [one["id"] for one in unfinished] == [event["id"]]


@pytest.mark.usefixtures("quick")
class TestMissed:
    def test_what_never_came_is_fetched_once_and_acted_on(
        self,
        paypal: SandboxControl,
        serving: str,
        started: StartedCheckout,
        drain: Drain,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(lists, "EVENTS_PAGE", 1)  # so that there are several pages
        paypal.fault("webhook_drop", times=10)
        paypal.approve(started.paypal_order_id)
        assert count("inbound_event") == 0
        assert fetching.fetch_missed() >= 1
        ours = (
            f"resource_id = '{started.paypal_order_id}' AND came_by = 'fetched'"
            " AND event_type = 'CHECKOUT.ORDER.APPROVED'"
        )
        assert count("inbound_event", ours) == 1
        wait_for(lambda: chase() == 1)
        drain()
        assert order_of(started).state is OrderState.DELIVERED
        fetching.fetch_missed()
        assert count("inbound_event", ours) == 1
        assert_promises_hold()

    def test_what_came_is_not_fetched_again(
        self, paypal: SandboxControl, serving: str, started: StartedCheckout
    ) -> None:
        paypal.approve(started.paypal_order_id)
        ours = f"resource_id = '{started.paypal_order_id}'"
        wait_for(lambda: count("inbound_event", ours) == 1)
        fetching.fetch_missed()
        assert count("inbound_event", ours) == 1
        assert count("inbound_event", f"{ours} AND came_by = 'webhook'") == 1

    def test_while_paypal_is_away_nothing_is_skipped(
        self, paypal: SandboxControl, started: StartedCheckout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lists, "EVENTS", "/v1/notifications/nowhere")
        monkeypatch.setattr("tests.contracts.calls.UNDESCRIBED_PATHS", ("/v1/",))
        assert fetching.fetch_missed() == 0
        assert count("progress") == 0
