"""What sellers and administrators see of payouts and do with them, people and programs alike."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from app.auth.service import selling
from app.kit.db import session
from app.payments.models.payouts import Payout
from app.payments.policy import Obstacle, Payee, last_payday, next_payday, obstacle_to
from app.payments.queries.payouts import Outlook, outlook_of
from app.payments.service.payouts import starting
from tests.conftest import PASSWORD
from tests.factories.auth import make_user
from tests.support.bought import soup, words
from tests.support.payouts import Bank, attend, earn, owed, run, seller, state_of
from tests.support.programs import program_of
from tests.support.sale import count

EVERY_DAY = "monday,tuesday,wednesday,thursday,friday,saturday,sunday"
PAYOUTS = "/payments/payouts"


def outlook(app: Flask, seller_id: object) -> Outlook:
    found = outlook_of(seller_id, app.extensions["settings"])
    session().rollback()
    return found


class TestPolicy:
    NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)

    def payee(self, **changes: object) -> Payee:
        fine = {
            "available_minor": 5000,
            "paypal_email": "anna@example.com",
            "address_changed_at": None,
            "is_banned": False,
            "is_live": False,
            "came_back_at": None,
        }
        return Payee(**(fine | changes))

    @pytest.mark.parametrize(
        ("changes", "obstacle"),
        [
            ({}, None),
            ({"is_banned": True}, Obstacle.BANNED),
            ({"is_live": True}, Obstacle.LIVE),
            ({"available_minor": -1}, Obstacle.OWES),
            ({"available_minor": 999}, Obstacle.BELOW_MINIMUM),
            ({"available_minor": 1000}, None),
            ({"paypal_email": None}, Obstacle.NO_ADDRESS),
            ({"address_changed_at": NOW - timedelta(hours=47)}, Obstacle.ADDRESS_CHANGED),
            ({"address_changed_at": NOW - timedelta(hours=48)}, None),
            ({"came_back_at": NOW - timedelta(days=9)}, Obstacle.CAME_BACK),
            (
                {
                    "came_back_at": NOW - timedelta(days=9),
                    "address_changed_at": NOW - timedelta(days=8),
                },
                None,
            ),
        ],
    )
    def test_first_obstacle_is_told(
        self, app: Flask, changes: dict[str, object], obstacle: Obstacle | None
    ) -> None:
        settings = app.extensions["settings"]
        payee = self.payee(**changes)
        assert obstacle_to(payee, self.NOW, settings, asked=False) is obstacle
        asked = None if obstacle is Obstacle.CAME_BACK else obstacle
        assert obstacle_to(payee, self.NOW, settings, asked=True) is asked

    def test_days_of_a_week(self) -> None:
        friday, monday = date(2026, 11, 27), date(2026, 11, 30)
        assert next_payday(friday, {0}) == monday
        assert next_payday(monday, {0}) == monday
        assert last_payday(friday, {0}) == date(2026, 11, 23)
        assert next_payday(friday, set()) is last_payday(friday, set()) is None


class TestOutlook:
    def test_day_and_amount_can_be_relied_on(
        self, app: Flask, bank: Bank, settings: Callable[..., None]
    ) -> None:
        settings(payout_weekdays=EVERY_DAY)
        who = seller(earned=600).id
        earn(who, 500, in_days=2)
        earn(who, 700, in_days=9)
        found = outlook(app, who)
        assert found.obstacle is None
        assert found.obstacle_now is Obstacle.BELOW_MINIMUM
        assert found.due_minor == 1100
        today = datetime.now(UTC).date()
        assert found.next_on == today + timedelta(days=3), "begins after the release"
        run("UPDATE pending_share SET release_at = now() WHERE share_minor = 500")
        earn(who, 1)  # and releases what is due
        assert starting.run_due() == 1
        assert outlook(app, who).obstacle is Obstacle.LIVE

    def test_done_day_is_followed_by_the_next_one(
        self, app: Flask, bank: Bank, settings: Callable[..., None]
    ) -> None:
        settings(payout_weekdays=EVERY_DAY)
        who = seller(earned=0).id
        assert starting.run_due() == 0
        earn(who, 5000)
        today = datetime.now(UTC).date()
        assert outlook(app, who).next_on == today + timedelta(days=1)
        run("DELETE FROM payout_run")
        assert outlook(app, who).next_on == today

    def test_never_enough_is_said_to_be_so(self, app: Flask, bank: Bank) -> None:
        found = outlook(app, seller(earned=10).id)
        assert found.next_on is None
        assert found.obstacle is Obstacle.BELOW_MINIMUM


class TestSellersPage:
    def test_seller_asks_for_a_payout_and_sees_it_arrive(
        self, bank: Bank, login: Callable[..., FlaskClient]
    ) -> None:
        who = seller()
        browser = login(who)
        shown = words(browser.get(PAYOUTS))
        assert "Available €50.00" in shown
        assert "Next payout €50.00 Monday, " in shown
        assert "No payouts yet" in shown
        assert browser.post(PAYOUTS).status_code == 303
        page = browser.get(PAYOUTS)
        assert "Your payout is on its way." in words(page)
        steps = soup(page).select(".steps li")
        assert [step.get("data-state") for step in steps] == ["done", "now", None, None]
        again = browser.post(PAYOUTS)
        assert again.status_code == 409
        assert "A payout is already under way." in words(again)
        attend()
        shown = words(browser.get(PAYOUTS))
        assert "Paid" in shown
        assert "€1.00" in shown, "PayPal's fee"

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ("UPDATE users SET paypal_email_changed_at = now()", "Payouts are paused until"),
            ("UPDATE account_balance SET balance_minor = -10", "Payouts start at €10.00"),
            ("UPDATE account_balance SET balance_minor = 10", "Your balance is below zero"),
        ],
    )
    def test_page_says_why_nothing_comes(
        self, bank: Bank, login: Callable[..., FlaskClient], change: str, told: str
    ) -> None:
        browser = login(seller())
        run(change)
        page = browser.get(PAYOUTS)
        assert told in words(page)
        assert not soup(page).select('form[action="/payments/payouts"]')
        assert browser.post(PAYOUTS).status_code == 409

    def test_unclaimed_is_taken_back_with_a_button(
        self, bank: Bank, login: Callable[..., FlaskClient]
    ) -> None:
        who = seller("anna+unclaimed@example.com")
        browser = login(who)
        payout_id = starting.request(seller_id=who.id)
        attend()
        page = browser.get(PAYOUTS)
        assert "Nobody has claimed this payout" in words(page)
        assert "This address has no PayPal account." in words(page)
        [form] = soup(page).select('form[action$="/take-back"]')
        browser.post(form["action"])
        done = browser.get(PAYOUTS)
        assert "The money is available again." in words(done)
        assert "Your last payout came back" in words(done)
        assert state_of(payout_id) == "returned"
        late = browser.post(form["action"])
        assert late.status_code == 409

    @pytest.mark.parametrize(("word", "told"), [("onhold", "limited"), ("failed", "not a valid")])
    def test_what_to_do_stands_there(
        self, bank: Bank, login: Callable[..., FlaskClient], word: str, told: str
    ) -> None:
        who = seller(f"anna+{word}@example.com")
        starting.request(seller_id=who.id)
        attend()
        assert told in words(login(who).get(PAYOUTS))

    def test_nobody_takes_back_another_ones(
        self, bank: Bank, login: Callable[..., FlaskClient]
    ) -> None:
        who = seller("anna+unclaimed@example.com")
        payout_id = starting.request(seller_id=who.id)
        attend()
        stranger = login(seller("ben@example.com", earned=0))
        assert stranger.post(f"{PAYOUTS}/{payout_id}/take-back").status_code == 404
        assert state_of(payout_id) == "unclaimed"

    def test_past_ones_come_by_the_page(
        self, bank: Bank, login: Callable[..., FlaskClient]
    ) -> None:
        who = seller()
        starting.request(seller_id=who.id)
        attend()
        batch = row_of_last(who.id)
        run(
            "INSERT INTO payout (id, batch_id, seller_id, state, amount_minor, currency, receiver)"
            " SELECT gen_random_uuid(), :batch, :seller, 'failed', 100, 'EUR', 'x@example.com'"
            " FROM generate_series(1, 40)",
            batch=batch,
            seller=who.id,
        )
        browser = login(who)
        page = soup(browser.get(PAYOUTS))
        assert len(page.select("tbody tr")) == 31
        [more] = page.select("[data-load-more]")
        rest = soup(browser.get(more["href"]))
        assert len(rest.select("tbody tr")) == 11


def row_of_last(seller_id: object) -> object:
    return session().scalar(select(Payout.batch_id).where(Payout.seller_id == seller_id))


class TestAddress:
    def test_another_address_pauses_payouts_and_a_first_one_does_not(
        self, app: Flask, bank: Bank
    ) -> None:
        who = make_user(roles=("seller",))
        earn(who.id, 5000)
        assert outlook(app, who.id).paused_until is None
        selling.change_paypal_email(
            user_id=who.id, paypal_email="new@example.com", password=PASSWORD, address="127.0.0.1"
        )
        found = outlook(app, who.id)
        assert found.obstacle_now is Obstacle.ADDRESS_CHANGED
        assert timedelta(hours=47) < found.paused_until - datetime.now(UTC) < timedelta(hours=48)
        assert found.next_on > datetime.now(UTC).date()

    def test_payout_goes_to_the_address_of_its_start(self, app: Flask, bank: Bank) -> None:
        who = seller("old@example.com")
        payout_id = starting.request(seller_id=who.id)
        run("UPDATE users SET paypal_email = 'new@example.com'")
        attend()
        assert bank.items()[str(payout_id)]["receiver"] == "old@example.com"

    def test_pause_is_told_before(self, app: Flask, login: Callable[..., FlaskClient]) -> None:
        shown = words(login(make_user(roles=("seller",))).get("/auth/selling"))
        assert "Payouts then pause for 48 hours." in shown


class TestAdministrators:
    def test_list_is_filtered_and_acts_are_kept_with_their_reason(
        self, bank: Bank, login: Callable[..., FlaskClient]
    ) -> None:
        unclaimed = starting.request(seller_id=seller("anna+unclaimed@example.com").id)
        paid = starting.request(seller_id=seller("ben@example.com").id)
        attend()
        admin = login(make_user(roles=("admin",)))
        listed = soup(admin.get(f"{PAYOUTS}/all?state=unclaimed"))
        assert len(listed.select("tbody tr")) == 1
        assert "ben@example.com" in words(admin.get(f"{PAYOUTS}/all"))
        assert "No payouts here" in words(admin.get(f"{PAYOUTS}/all?state=odd"))
        page = f"{PAYOUTS}/all/{unclaimed}"
        assert "Ask PayPal now" in words(admin.get(page))
        refused = admin.post(f"{page}/cancel", data={"reason": " "})
        assert refused.status_code == 422
        assert "Say why" in words(refused)
        admin.post(f"{page}/cancel", data={"reason": "Wrong address"})
        assert "Wrong address" in words(admin.get(page))
        assert state_of(unclaimed) == "returned"
        late = admin.post(f"{PAYOUTS}/all/{paid}/cancel", data={"reason": "Wrong address"})
        assert late.status_code == 409
        assert count("payout_decision") == 1

    def test_asking_again_now(self, bank: Bank, login: Callable[..., FlaskClient]) -> None:
        payout_id = starting.request(seller_id=seller("anna+unclaimed@example.com").id)
        attend()
        bank.end(payout_id, "claim")
        admin = login(make_user(roles=("admin",)))
        admin.post(f"{PAYOUTS}/all/{payout_id}/check", data={"reason": "The seller asks"})
        assert state_of(payout_id) == "paid"


class TestPrograms:
    def test_seller(self, app: Flask, bank: Bank) -> None:
        who = seller("anna+unclaimed@example.com")
        program = program_of(app, who)
        upcoming = program.get("/payments/payouts/next").json
        assert upcoming["due"] == {"minor": 5000, "currency": "EUR"}
        assert upcoming["obstacle_now"] is None
        made = program.post("/payments/payouts", json={})
        assert made.status_code == 201
        assert made.json["state"] == "started"
        refused = program.post("/payments/payouts", json={})
        assert (refused.status_code, refused.json["code"]) == (409, "payments.not_payable")
        attend()
        one = f"/payments/payouts/{made.json['id']}"
        assert program.get(one).json["fee"] == {"minor": 100, "currency": "EUR"}
        assert program.post(f"{one}/take-back", json={}).json["state"] == "returned"
        [listed] = program.get("/payments/payouts").json["items"]
        assert listed["issue"] == "RECEIVER_UNREGISTERED"
        stranger = program_of(app, seller("ben@example.com", earned=0))
        assert stranger.get(one).status_code == 404

    def test_administrator(self, app: Flask, bank: Bank) -> None:
        payout_id = starting.request(seller_id=seller("anna+unclaimed@example.com").id)
        attend()
        program = program_of(app, make_user(roles=("admin",)))
        [listed] = program.get("/admin/payouts?state=unclaimed").json["items"]
        assert listed["acts"] == ["check", "cancel"]
        one = f"/admin/payouts/{payout_id}"
        done = program.post(f"{one}/cancel", json={"reason": "Wrong address"})
        assert done.json["state"] == "returned"
        assert done.json["decisions"][0]["reason"] == "Wrong address"
        assert program.post(f"{one}/give-up", json={"reason": "Why not"}).status_code == 409


class TestTold:
    def test_seller_is_told_of_each_end_in_their_language(
        self, bank: Bank, drain: Callable[[], None]
    ) -> None:
        who = seller("anna+unclaimed@example.com", locale="ru")
        payout_id = starting.request(seller_id=who.id)
        attend()
        drain()
        bank.end(payout_id, "claim")
        attend()
        drain()
        kinds = session().execute(
            text("SELECT params->>'state' FROM notification WHERE kind = 'payout' ORDER BY id")
        )
        assert [row[0] for row in kinds] == ["unclaimed", "paid"]
        assert owed(who.id) == (0, 0)
