"""Each state of a payout books exactly what it moves, once, whoever hears of it and when."""

import contextlib
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.kit.db import session, transactional
from app.kit.money import Money
from app.payments.errors import NotPayable, NotUnclaimed
from app.payments.gateway import PaypalPayoutItem
from app.payments.models.payouts import Payout
from app.payments.service.payouts import deciding, following, sending, starting
from tests.conftest import empty_stores
from tests.support.payouts import (
    Bank,
    attend,
    broken_promises,
    cash_out,
    earn,
    owed,
    row_of,
    seller,
    state_of,
)


def sent(address: str) -> tuple[UUID, UUID]:
    """A seller, and a payout of theirs that PayPal was asked for and about."""
    who = seller(address)
    payout_id = starting.request(seller_id=who.id)
    attend()
    return who.id, payout_id


def agrees(bank: Bank) -> None:
    """The ledger has what the sandbox has, and every promise holds."""
    assert cash_out() == bank.spent()
    assert broken_promises() == []


@transactional
def next_reading(batch_id: UUID) -> int:
    """The number of a reading that begins now."""
    return following.begin_reading(batch_id)


class TestBecomes:
    @pytest.mark.parametrize(
        ("word", "state", "available", "in_payout", "spent"),
        [
            ("success", "paid", 0, 0, 5100),
            ("unclaimed", "unclaimed", 0, 0, 5100),
            ("onhold", "on_hold", 0, 5000, 0),
            ("failed", "failed", 5000, 0, 0),
            ("blocked", "blocked", 5000, 0, 0),
            ("returned", "returned", 5000, 0, 0),
        ],
    )
    def test_at_once(
        self, bank: Bank, word: str, state: str, available: int, in_payout: int, spent: int
    ) -> None:
        who, payout_id = sent(f"anna+{word}@example.com")
        assert state_of(payout_id) == state
        assert owed(who) == (available, in_payout)
        assert bank.spent() == spent
        agrees(bank)

    @pytest.mark.parametrize(
        ("word", "end", "state", "available", "spent"),
        [
            ("unclaimed", "claim", "paid", 0, 5100),
            ("unclaimed", "return", "returned", 5000, 0),
            ("onhold", "release", "paid", 0, 5100),
            ("onhold", "block", "blocked", 5000, 0),
            ("onhold", "return", "returned", 5000, 0),
            ("success", "refund", "refunded", 5000, 0),
            ("success", "reverse", "reversed", 5000, 0),
        ],
    )
    def test_afterwards(
        self, bank: Bank, word: str, end: str, state: str, available: int, spent: int
    ) -> None:
        who, payout_id = sent(f"anna+{word}@example.com")
        bank.end(payout_id, end)
        for _ in range(2):
            attend()
            assert state_of(payout_id) == state
            assert owed(who) == (available, 0)
            assert bank.spent() == spent
            agrees(bank)

    def test_fee_is_the_shops_and_kept_with_the_payout(self, bank: Bank) -> None:
        _who, payout_id = sent("anna@example.com")
        assert row_of(payout_id).fee_minor == 100

    def test_denied_batch_pays_nobody(self, bank: Bank) -> None:
        bank.control.fault("payout_denied")
        who, payout_id = sent("anna@example.com")
        assert state_of(payout_id) == "failed"
        assert owed(who) == (5000, 0)
        agrees(bank)

    def test_batch_that_paypal_is_slow_with_is_on_its_way(self, bank: Bank) -> None:
        bank.control.fault("payout_wait", seconds=3600)
        who, payout_id = sent("anna@example.com")
        assert state_of(payout_id) == "sent"
        assert owed(who) == (0, 5000)
        agrees(bank)
        bank.control.move_clock(3601)
        attend()
        assert state_of(payout_id) == "paid"
        agrees(bank)


class TestTakingBack:
    def test_unclaimed_is_available_again(self, bank: Bank) -> None:
        who, payout_id = sent("anna+unclaimed@example.com")
        deciding.take_back(seller_id=who, payout_id=payout_id)
        assert state_of(payout_id) == "returned"
        assert owed(who) == (5000, 0)
        agrees(bank)

    def test_what_was_claimed_meanwhile_is_paid(self, bank: Bank) -> None:
        who, payout_id = sent("anna+unclaimed@example.com")
        bank.end(payout_id, "claim")
        with pytest.raises(NotUnclaimed):
            deciding.take_back(seller_id=who, payout_id=payout_id)
        assert state_of(payout_id) == "paid"
        agrees(bank)

    def test_older_reading_is_no_news(self, bank: Bank) -> None:
        who, payout_id = sent("anna+unclaimed@example.com")
        batch_id = row_of(payout_id).batch_id
        item = row_of(payout_id).paypal_item_id
        late = PaypalPayoutItem(
            item or "", "", str(payout_id), "SUCCESS", Money(5000, "EUR"), None, None
        )
        older = next_reading(batch_id)
        deciding.take_back(seller_id=who, payout_id=payout_id)
        assert following.apply(batch_id=batch_id, reading=older, items=[late]) == 0
        assert state_of(payout_id) == "returned"
        assert row_of(payout_id).contradiction is None

    def test_what_cannot_be_is_told_and_not_booked(self, bank: Bank) -> None:
        who, payout_id = sent("anna+failed@example.com")
        batch_id, item = row_of(payout_id).batch_id, row_of(payout_id).paypal_item_id
        paid = PaypalPayoutItem(
            item or "", "", str(payout_id), "SUCCESS", Money(5000, "EUR"), None, None
        )
        following.apply(batch_id=batch_id, reading=10_000, items=[paid])
        assert state_of(payout_id) == "failed"
        assert owed(who) == (5000, 0)
        assert row_of(payout_id).contradiction == "SUCCESS"
        [broken] = broken_promises()
        assert "can't be after what was booked" in broken


ENDS = {
    "UNCLAIMED": ("claim", "return"),
    "ONHOLD": ("release", "block", "return"),
    "SUCCESS": ("refund", "reverse"),
}


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["start", "attend", "end", "earn", "take_back", "hear"]),
            st.integers(0, 10**6),
        ),
        min_size=5,
        max_size=16,
    )
)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_random_news_in_random_order_keep_the_books(
    bank: Bank, steps: list[tuple[str, int]]
) -> None:
    """Whatever becomes of payouts, and whenever it is heard of, both books say the same."""
    empty_stores()
    bank.control.reset()
    before = bank.spent()
    words = ("success", "unclaimed", "onhold", "failed", "blocked", "returned")
    sellers = [seller(f"s{number}+{word}@example.com").id for number, word in enumerate(words)]
    for what, number in steps:
        who = sellers[number % len(sellers)]
        if what == "start":
            with contextlib.suppress(NotPayable):
                starting.request(seller_id=who)
        elif what == "earn":
            earn(who, 1000 + number % 5000)
        elif what == "attend":
            attend()
        elif what == "hear":
            sending.attend_due()
        else:
            _become(bank, number, take_back=what == "take_back")
    for _ in range(2):
        attend()
    assert cash_out() == bank.spent() - before
    assert broken_promises() == []


def _become(bank: Bank, number: int, *, take_back: bool) -> None:
    """Have something become of one of the items that PayPal has of ours."""
    items = bank.items()
    session().rollback()
    ours = [
        row
        for row in session().scalars(select(Payout).order_by(Payout.id))
        if items.get(str(row.id), {}).get("status") in ENDS
    ]
    if not ours:
        return
    row = ours[number % len(ours)]
    seller_id, payout_id = row.seller_id, row.id
    if take_back:
        with contextlib.suppress(NotUnclaimed):
            deciding.take_back(seller_id=seller_id, payout_id=payout_id)
        return
    ways = ENDS[items[str(payout_id)]["status"]]
    bank.end(payout_id, ways[number % len(ways)])
