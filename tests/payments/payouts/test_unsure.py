"""What PayPal may have is never paid a second time, whatever it says later."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from app.kit.db import session
from app.payments.errors import PayoutAskedLately, PayoutListed
from app.payments.gateway import PaypalRefused
from app.payments.models.payouts import PayoutAct
from app.payments.paypal.payouts import Payouts
from app.payments.service.payouts import deciding, giving_up, sending, starting
from tests.factories.auth import make_user
from tests.payments.payouts.test_states import agrees
from tests.support.bought import words
from tests.support.payouts import (
    Bank,
    attend,
    batch_of,
    broken_promises,
    owed,
    run,
    seller,
    state_of,
    work,
)

Refuse = Callable[[str], None]
LOST = {"kind": "error_after_commit", "status": 500, "operation": "payout"}


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Have PayPal refuse whatever it is asked for, with this word, and without a link."""

    def refuse(word: str) -> None:
        def send(*_args: object, **_named: object) -> str:
            raise PaypalRefused(word, 403, name=word)

        monkeypatch.setattr(Payouts, "send", send)

    return refuse


def pass_days(days: int) -> None:
    """Let batches grow older."""
    age = timedelta(days=days)
    run(
        "UPDATE payout_batch SET created_at = created_at - :age, asked_at = asked_at - :age",
        age=age,
    )


def give_up(payout_id: object) -> None:
    admin = make_user(roles=("admin",))
    deciding.decide(
        actor_id=admin.id, payout_id=payout_id, act=PayoutAct.GIVE_UP, reason="Not at PayPal"
    )


class TestLostAnswer:
    @pytest.mark.parametrize("word", ["SENDER_RESTRICTED", "INSUFFICIENT_FUNDS", "DUPLICATE_ITEM"])
    def test_refusals_that_follow_say_nothing_of_it(
        self, bank: Bank, refuse: Refuse, monkeypatch: pytest.MonkeyPatch, word: str
    ) -> None:
        bank.control.fault(**LOST)
        who = seller()
        payout_id = starting.request(seller_id=who.id)
        work()
        refuse(word)
        attend()
        pass_days(4)
        attend()
        assert (state_of(payout_id), owed(who.id)) == ("started", (0, 5000))
        assert batch_of(payout_id).is_stuck
        assert any("whether it has it" in one for one in broken_promises())
        assert bank.items()[str(payout_id)]["status"] == "SUCCESS"
        monkeypatch.setattr(giving_up, "db_now", lambda: datetime.now(UTC) + timedelta(minutes=1))
        with pytest.raises(PayoutListed):
            give_up(payout_id)
        assert state_of(payout_id) == "started"

    def test_batch_of_many_is_not_halved(
        self, bank: Bank, refuse: Refuse, settings: Callable[..., None]
    ) -> None:
        settings(payout_weekdays="monday,tuesday,wednesday,thursday,friday,saturday,sunday")
        for number in range(2):
            seller(f"s{number}@example.com")
        bank.control.fault(**LOST)
        starting.run_due()
        work()
        refuse("VALIDATION_ERROR")
        attend()
        assert session().query(sending.PayoutBatch).count() == 1

    def test_process_that_dies_over_it_may_have_asked(self, bank: Bank, refuse: Refuse) -> None:
        payout_id = starting.request(seller_id=seller().id)
        assert sending._take_turn(batch_id=batch_of(payout_id).id) is not None
        refuse("SENDER_LOCKED")
        pass_days(4)
        attend()
        assert batch_of(payout_id).is_unsure
        assert state_of(payout_id) == "started"

    def test_event_names_what_was_lost(self, bank: Bank, refuse: Refuse) -> None:
        bank.control.fault(**LOST)
        payout_id = starting.request(seller_id=seller().id)
        work()
        refuse("SENDER_RESTRICTED")
        hear(bank, payout_id)
        attend()
        assert state_of(payout_id) == "paid"
        assert bank.spent() == 5100
        agrees(bank)

    def test_event_finds_even_what_is_too_old(self, bank: Bank) -> None:
        bank.control.fault(**LOST)
        payout_id = starting.request(seller_id=seller().id)
        work()
        pass_days(30)
        attend()
        assert batch_of(payout_id).issue == "TOO_OLD"
        hear(bank, payout_id)
        attend()
        assert state_of(payout_id) == "paid"
        agrees(bank)

    def test_event_about_another_batch_changes_nothing(self, bank: Bank) -> None:
        other = starting.request(seller_id=seller("other@example.com").id)
        attend()
        bank.control.fault("error_before_commit", operation="payout")
        payout_id = starting.request(seller_id=seller().id)
        work()
        hear(bank, payout_id, at_paypal=other)
        attend()
        assert state_of(payout_id) == "started"
        attend()
        assert state_of(payout_id) == "paid"
        agrees(bank)

    def test_what_was_given_up_and_is_at_paypal_is_told(self, bank: Bank) -> None:
        bank.control.fault(**LOST)
        payout_id = starting.request(seller_id=seller().id)
        work()
        run("UPDATE payout_batch SET state = 'refused', next_check_at = NULL")
        run("UPDATE payout SET state = 'unsent'")
        hear(bank, payout_id)
        attend()
        assert any("SUCCESS" in one for one in broken_promises())

    def test_link_is_found_wherever_it_stands(
        self, bank: Bank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bank.control.fault(**LOST)
        payout_id = starting.request(seller_id=seller().id)
        work()
        there = bank.items()[str(payout_id)]["batch_id"]
        links = ("https://developer.paypal.com/docs", f"https://x/v1/payments/payouts/{there}")

        def send(*_args: object, **_named: object) -> str:
            raise PaypalRefused("USER_BUSINESS_ERROR", 400, links=links)

        monkeypatch.setattr(Payouts, "send", send)
        attend()
        assert state_of(payout_id) == "paid"


class TestGivingUp:
    def test_a_person_decides_in_words_about_what_is_not_at_paypal(
        self, bank: Bank, refuse: Refuse, login: Callable[..., FlaskClient]
    ) -> None:
        bank.control.fault("error_before_commit", operation="payout")
        who = seller()
        payout_id = starting.request(seller_id=who.id)
        work()
        refuse("SENDER_RESTRICTED")
        run("UPDATE payout_batch SET created_at = now() - interval '4 days'")
        attend()
        with pytest.raises(PayoutAskedLately):
            give_up(payout_id)
        run("UPDATE payout_batch SET asked_at = now() - interval '5 hours'")
        browser = login(make_user(roles=("admin",)))
        assert "PayPal has restricted" in words(browser.get("/payments/payouts/all?state=odd"))
        page = f"/payments/payouts/all/{payout_id}"
        assert "PayPal has not said whether it has this payout" in words(browser.get(page))
        browser.post(f"{page}/give_up", data={"reason": "Not at PayPal"})
        assert (state_of(payout_id), owed(who.id)) == ("unsent", (5000, 0))
        assert broken_promises() == []

    def test_what_paypal_lists_is_not_given_up_by_the_clock(
        self, bank: Bank, refuse: Refuse
    ) -> None:
        payout_id = starting.request(seller_id=seller().id)
        refuse("INSUFFICIENT_FUNDS")
        attend()
        run(
            "INSERT INTO paypal_transaction SELECT 'T-1', 'T0001', 'EUR', -5000, -100, now(), id"
            " FROM payout"
        )
        pass_days(4)
        attend()
        assert state_of(payout_id) == "started"


class TestPayees:
    def test_who_was_banned_since_is_not_paid_and_the_others_are(
        self, bank: Bank, settings: Callable[..., None]
    ) -> None:
        settings(payout_weekdays="monday,tuesday,wednesday,thursday,friday,saturday,sunday")
        good, bad, owing = (seller(f"s{number}@example.com").id for number in range(3))
        starting.run_due()
        run("UPDATE users SET banned_at = now() WHERE id = :id", id=bad)
        run(
            "UPDATE account_balance SET balance_minor = 700 WHERE account_id ="
            " (SELECT id FROM ledger_account WHERE owner_id = :id AND kind = 'seller_available')",
            id=owing,
        )
        attend()
        assert (owed(good), owed(bad), owed(owing)) == ((0, 0), (5000, 0), (4300, 0))
        assert bank.spent() == 5100

    def test_batch_of_one_who_was_banned_is_never_sent(self, bank: Bank) -> None:
        bank.control.fault("error_before_commit", operation="token")
        who = seller()
        payout_id = starting.request(seller_id=who.id)
        run("UPDATE users SET banned_at = now() WHERE id = :id", id=who.id)
        work()
        assert state_of(payout_id) == "unsent"
        assert bank.spent() == 0
        assert broken_promises() == []


def hear(bank: Bank, payout_id: object, *, at_paypal: object = None) -> None:
    """Have an event come in that names the batch, as PayPal and as we call it."""
    there = bank.items()[str(at_paypal or payout_id)]["batch_id"]
    own = {"sender_batch_id": sending.number_of(batch_of(payout_id).id)}
    header = {"payout_batch_id": there, "sender_batch_header": own}
    assert sending.heard_of({"batch_header": header})
    session().commit()
