"""PayPal is asked once for each batch, whatever becomes of the answer; refusals are told."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from app.kit.db import session
from app.payments.errors import NotPayable
from app.payments.models.payouts import Payout, PayoutAct
from app.payments.service.payouts import deciding, sending, starting
from tests.factories.auth import make_user
from tests.payments.payouts.test_states import agrees
from tests.support.payouts import (
    Bank,
    attend,
    batch_of,
    broken_promises,
    earn,
    make_due,
    owed,
    row_of,
    run,
    seller,
    state_of,
    work,
)
from tests.support.sale import count, in_parallel


class TestLostAnswer:
    @pytest.mark.parametrize(
        ("fault", "first"),
        [
            ({"kind": "error_after_commit", "status": 500}, ("started", "NO_ANSWER")),
            ({"kind": "error_after_commit", "status": 503}, ("started", "NO_ANSWER")),
            ({"kind": "reset_after_commit"}, ("started", "NO_ANSWER")),
        ],
    )
    def test_is_found_again(
        self, bank: Bank, fault: dict[str, object], first: tuple[str, str | None]
    ) -> None:
        bank.control.fault(**fault, operation="payout")
        payout_id = starting.request(seller_id=seller().id)
        work()
        assert (state_of(payout_id), batch_of(payout_id).issue) == first
        attend()
        assert state_of(payout_id) == "paid"
        assert batch_of(payout_id).issue is None
        assert bank.spent() == 5100
        agrees(bank)

    def test_nothing_done_is_done_later(self, bank: Bank) -> None:
        bank.control.fault("error_before_commit", operation="payout")
        payout_id = starting.request(seller_id=seller().id)
        work()
        assert state_of(payout_id) == "started"
        attend()
        assert state_of(payout_id) == "paid"
        agrees(bank)

    def test_process_that_dies_before_it_asks_has_set_the_money_aside(self, bank: Bank) -> None:
        """What a kill between the commit and the call leaves: the row, the booking, no call."""
        who = seller()
        payout_id = starting.request(seller_id=who.id)
        run("SELECT 1")  # the job in the queue is lost
        assert owed(who.id) == (0, 5000)
        assert sending._take_turn(batch_id=row_of(payout_id).batch_id) is not None
        attend()
        assert state_of(payout_id) == "paid"
        assert bank.spent() == 5100
        agrees(bank)

    def test_process_that_dies_after_it_has_asked_asks_for_no_second_one(self, bank: Bank) -> None:
        payout_id = starting.request(seller_id=seller().id)
        turn = sending._take_turn(batch_id=row_of(payout_id).batch_id)
        wanted = sending._wanted(turn.batch_id)
        session().rollback()
        sending.paypal().payouts.send(sending.number_of(turn.batch_id), wanted, subject="x")
        attend()
        assert state_of(payout_id) == "paid"
        assert bank.spent() == 5100
        agrees(bank)

    def test_batch_of_a_month_ago_is_never_asked_for_again(self, bank: Bank) -> None:
        bank.control.fault("error_before_commit", operation="payout")
        who = seller()
        payout_id = starting.request(seller_id=who.id)
        work()
        month = "now() - interval '30 days'"
        run(f"UPDATE payout_batch SET created_at = {month}, asked_at = {month}")
        attend()
        assert batch_of(payout_id).issue == "TOO_OLD"
        assert bank.spent() == 0
        admin = make_user(roles=("admin",))
        deciding.decide(
            actor_id=admin.id, payout_id=payout_id, act=PayoutAct.GIVE_UP, reason="Not at PayPal"
        )
        assert state_of(payout_id) == "unsent"
        assert owed(who.id) == (5000, 0)
        assert broken_promises() == []


class TestOnce:
    def test_double_click_begins_one_payout(self, app: Flask, bank: Bank) -> None:
        who = seller()
        seller_id = who.id
        session().rollback()
        results = in_parallel(app, [lambda: starting.request(seller_id=seller_id)] * 5)
        refused = [one for one in results if isinstance(one, NotPayable)]
        assert len(refused) == 4
        assert {one.obstacle for one in refused} == {"live"}
        attend()
        assert bank.spent() == 5100
        agrees(bank)

    def test_two_workers_ask_for_one_batch_once(self, app: Flask, bank: Bank) -> None:
        payout_id = starting.request(seller_id=seller().id)
        batch_id = row_of(payout_id).batch_id
        session().rollback()
        results = in_parallel(app, [lambda: sending.attend(batch_id)] * 4)
        assert not [one for one in results if isinstance(one, Exception)]
        attend()
        assert bank.spent() == 5100
        agrees(bank)

    def test_webhooks_and_sweep_at_once_book_once(
        self, app: Flask, bank: Bank, serving: str
    ) -> None:
        bank.control.fault("webhook_duplicate", copies=3, times=100)
        people = [seller(f"s{number}@example.com").id for number in range(4)]
        session().rollback()
        payouts = [starting.request(seller_id=one) for one in people]
        batches = [row_of(one).batch_id for one in payouts]
        session().rollback()
        work()
        make_due()
        works: list[Callable[[], object]] = [
            lambda batch=batch: sending.attend(batch) for batch in batches for _ in range(2)
        ]
        in_parallel(app, works)
        attend()
        assert {state_of(one) for one in payouts} == {"paid"}
        assert bank.spent() == 4 * 5100
        agrees(bank)

    def test_webhook_has_paypal_asked_soon(self, bank: Bank, serving: str) -> None:
        payout_id = starting.request(seller_id=seller("anna+unclaimed@example.com").id)
        attend()
        run("UPDATE payout_batch SET next_check_at = now() + interval '6 hours'")
        bank.end(payout_id, "claim")
        waited = threading.Event()
        for _ in range(100):
            soon = "next_check_at < now() + interval '10 seconds'"
            if count("payout_batch", soon):
                break
            waited.wait(0.1)
        attend()
        assert state_of(payout_id) == "paid"
        assert count("inbound_event", "event_type = 'PAYMENT.PAYOUTS-ITEM.SUCCEEDED'") == 1

    def test_events_of_other_shapes_have_no_effect(self, bank: Bank) -> None:
        for resource in (None, [], "x", {}, {"batch_header": 7}, {"payout_batch_id": 7}):
            assert heard(resource) is False
        assert heard({"payout_batch_id": "NOBODYS", "sender_batch_id": "payouts-x"}) is False


def heard(resource: object) -> bool:
    found = sending.heard_of(resource)
    session().rollback()
    return found


class TestRefused:
    def test_empty_account_is_waited_for_and_then_given_up(self, bank: Bank) -> None:
        who = seller(earned=900_000_000_00)
        payout_id = starting.request(seller_id=who.id)
        attend()
        assert state_of(payout_id) == "started"
        assert batch_of(payout_id).issue == "INSUFFICIENT_FUNDS"
        run("UPDATE payout_batch SET created_at = now() - interval '4 days'")
        attend()
        assert state_of(payout_id) == "unsent"
        assert owed(who.id) == (900_000_000_00, 0)
        assert bank.spent() == 0
        assert broken_promises() == []

    def test_one_wrong_address_keeps_nobody_else_from_their_money(
        self, bank: Bank, settings: Callable[..., None]
    ) -> None:
        settings(payout_weekdays="monday,tuesday,wednesday,thursday,friday,saturday,sunday")
        good = [seller(f"s{number}@example.com").id for number in range(4)]
        bad = seller("no address").id
        assert starting.run_due() == 5
        for _ in range(6):
            attend()
        states = {row.seller_id: row.state for row in session().query(Payout).populate_existing()}
        assert {str(states[one]) for one in good} == {"paid"}
        assert states[bad] == "failed"
        assert owed(bad) == (5000, 0)
        agrees(bank)

    def test_another_amount_than_ours_is_not_booked(self, bank: Bank) -> None:
        bank.control.fault("payout_wait", seconds=60)
        payout_id = starting.request(seller_id=seller().id)
        attend()
        run("UPDATE payout SET amount_minor = 4999")
        bank.control.move_clock(61)
        attend()
        assert state_of(payout_id) == "sent"
        assert row_of(payout_id).contradiction == "SUCCESS, 50.00"


class TestRun:
    EVERY_DAY = "monday,tuesday,wednesday,thursday,friday,saturday,sunday"

    def test_each_day_once_and_whoever_is_due(
        self, bank: Bank, settings: Callable[..., None]
    ) -> None:
        settings(payout_weekdays=self.EVERY_DAY)
        due = seller("due@example.com").id
        poor = seller("poor@example.com", earned=999).id
        banned = seller("banned@example.com").id
        run("UPDATE users SET banned_at = now() WHERE id = :id", id=banned)
        moved = seller("moved@example.com").id
        run("UPDATE users SET paypal_email_changed_at = now() WHERE id = :id", id=moved)
        settled = seller("settled@example.com").id
        run(
            "UPDATE users SET paypal_email_changed_at = now() - interval '49 hours' WHERE id = :id",
            id=settled,
        )
        assert starting.run_due() == 2
        assert starting.run_due() == 0
        earn(poor, 1)
        assert starting.run_due() == 0, "the day is done"
        attend()
        assert (owed(due), owed(settled)) == ((0, 0), (0, 0))
        assert owed(poor) == (1000, 0)
        assert owed(banned) == owed(moved) == (5000, 0)
        agrees(bank)

    def test_clock_of_two_machines_starts_one_run(
        self, app: Flask, bank: Bank, settings: Callable[..., None]
    ) -> None:
        settings(payout_weekdays=self.EVERY_DAY)
        for number in range(6):
            seller(f"s{number}@example.com")
        session().rollback()
        results = in_parallel(app, [starting.run_due] * 4)
        assert sum(results) == 6
        assert count("payout_batch") == 1

    def test_no_days_start_nothing(self, bank: Bank, settings: Callable[..., None]) -> None:
        settings(payout_weekdays="")
        seller()
        assert starting.run_due() == 0

    def test_what_came_back_is_not_sent_again_by_itself(
        self, bank: Bank, settings: Callable[..., None]
    ) -> None:
        settings(payout_weekdays=self.EVERY_DAY)
        who = seller("anna+failed@example.com").id
        assert starting.run_due() == 1
        attend()
        run("DELETE FROM payout_run")
        assert starting.run_due() == 0
        assert starting.request(seller_id=who), "but the seller may have it tried again"
        attend()
        run("DELETE FROM payout_run")
        run(
            "UPDATE users SET paypal_email = 'anna@example.com',"
            " paypal_email_changed_at = now() - interval '49 hours' WHERE id = :id",
            id=who,
        )
        run("UPDATE payout SET changed_at = now() - interval '3 days'")
        assert starting.run_due() == 1, "another address is another try"
        attend()
        assert owed(who) == (0, 0)
        agrees(bank)

    def test_many_sellers_take_no_more_statements_than_few(
        self, bank: Bank, settings: Callable[..., None], query_counter: list[str]
    ) -> None:
        settings(payout_weekdays=self.EVERY_DAY)

        def taken(sellers: int, prefix: str) -> tuple[int, int]:
            for number in range(sellers):
                seller(f"{prefix}{number}@example.com")
            run("DELETE FROM payout_run")
            query_counter.clear()
            starting.run_due()
            started = len(query_counter)
            make_due()
            [batch_id] = batches()
            query_counter.clear()
            sending.attend(batch_id)
            return started, len(query_counter)

        few, many = taken(3, "a"), taken(60, "b")
        assert many[0] <= few[0]
        assert many[1] <= few[1]


def batches() -> list[UUID]:
    """Batches that PayPal has not been asked for."""
    found = session().execute(text("SELECT id FROM payout_batch WHERE state = 'started'"))
    ids = [row.id for row in found]
    session().rollback()
    return ids
