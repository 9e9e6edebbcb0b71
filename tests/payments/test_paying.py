"""The states of a payment under everything PayPal may say, in any order."""

from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.kit.db import session
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.errors import PaymentClosed
from app.payments.gateway import PaypalCapture, PaypalOrder
from app.payments.models import TRANSITIONS, Payment, PaymentState
from app.payments.service import paying, recording

EUR = "EUR"
PAYPAL_ORDER = "5O190127TN364715T"


def capture(
    reference: UUID,
    status: str = "COMPLETED",
    *,
    capture_id: str = "CAP-1",
    minor: int = 1000,
    currency: str = EUR,
    custom_id: str | None = None,
) -> PaypalCapture:
    fee = 84 if status == "COMPLETED" else None
    return PaypalCapture(
        capture_id, status, Money(minor, currency), custom_id or str(reference), fee, None
    )


def order(
    reference: UUID, *captures: PaypalCapture, order_id: str = PAYPAL_ORDER, payee: str = "SHOP"
) -> PaypalOrder:
    status = "COMPLETED" if captures else "APPROVED"
    return PaypalOrder(order_id, status, str(reference), payee, None, captures)


@pytest.fixture
def reference(app: Flask) -> UUID:
    """A payment of 10.00 EUR whose money is being taken."""
    return new_payment()


def new_payment() -> UUID:
    reference = new_id()
    paying.open_payment(reference=reference, amount=Money(1000, EUR))
    payment = paying.find(reference)
    paying._store_paypal_order(reference, order(reference, order_id=f"PP-{reference}"))
    assert paying.begin_capture(reference=reference) is not None
    assert payment.reference == reference
    return reference


def said(reference: UUID, *captures: PaypalCapture, **changes: str) -> PaypalOrder:
    return order(reference, *captures, **({"order_id": f"PP-{reference}"} | changes))


def state(reference: UUID) -> PaymentState:
    session().rollback()
    return paying.find(reference).state


class TestRecord:
    def test_completed_capture_settles_once(self, reference: UUID) -> None:
        first = recording.record(reference=reference, order=said(reference, capture(reference)))
        again = recording.record(reference=reference, order=said(reference, capture(reference)))
        assert (first.newly_settled, again.newly_settled) == (True, False)
        assert (first.gross, first.fee_minor) == (Money(1000, EUR), 84)
        assert state(reference) is PaymentState.SETTLED

    @pytest.mark.parametrize(
        "wrong",
        [
            {"minor": 999},
            {"minor": 1001},
            {"currency": "USD"},
            {"custom_id": "00000000-0000-0000-0000-000000000000"},
        ],
    )
    def test_capture_that_is_not_ours_settles_nothing(
        self, reference: UUID, wrong: dict[str, object]
    ) -> None:
        foreign = capture(reference, **wrong)  # type: ignore[arg-type]  # a table of changes
        recorded = recording.record(reference=reference, order=said(reference, foreign))
        assert not recorded.newly_settled
        assert state(reference) is PaymentState.MISMATCHED

    @pytest.mark.parametrize("change", [{"payee": "SOMEBODY"}, {"order_id": "OTHER"}])
    def test_order_that_is_not_ours_settles_nothing(
        self, reference: UUID, change: dict[str, str]
    ) -> None:
        foreign = said(reference, capture(reference), **change)
        assert not recording.record(reference=reference, order=foreign).newly_settled
        assert state(reference) is PaymentState.MISMATCHED

    def test_capture_that_is_not_ours_and_took_nothing_is_a_declined_one(
        self, reference: UUID
    ) -> None:
        foreign = capture(reference, "DECLINED", minor=1)
        recording.record(reference=reference, order=said(reference, foreign))
        assert state(reference) is PaymentState.DECLINED

    @pytest.mark.parametrize(
        ("then", "expected"),
        [
            ("REFUNDED", PaymentState.FAILED),
            ("DECLINED", PaymentState.FAILED),
            ("COMPLETED", PaymentState.MISMATCHED),
        ],
    )
    def test_mismatch_ends_when_paypal_gives_the_money_back(
        self, reference: UUID, then: str, expected: PaymentState
    ) -> None:
        for status in ("PENDING", then):
            foreign = capture(reference, status, minor=999)
            recording.record(reference=reference, order=said(reference, foreign))
        assert state(reference) is expected

    def test_pending_capture_is_no_money_until_completed(self, reference: UUID) -> None:
        pending = said(reference, capture(reference, "PENDING"))
        assert not recording.record(reference=reference, order=pending).newly_settled
        assert state(reference) is PaymentState.PENDING
        done = said(reference, capture(reference))
        assert recording.record(reference=reference, order=done).newly_settled

    def test_pending_capture_may_fail(self, reference: UUID) -> None:
        recording.record(reference=reference, order=said(reference, capture(reference, "PENDING")))
        recording.record(reference=reference, order=said(reference, capture(reference, "DECLINED")))
        assert state(reference) is PaymentState.FAILED

    @pytest.mark.parametrize("before", ["", "PENDING"])
    def test_money_that_went_back_before_we_heard_of_it_ends_the_payment(
        self, reference: UUID, before: str
    ) -> None:
        if before:
            recording.record(reference=reference, order=said(reference, capture(reference, before)))
        refunded = said(reference, capture(reference, "REFUNDED"))
        recorded = recording.record(reference=reference, order=refunded)
        assert (recorded.status.state, recorded.status.issue) == (PaymentState.FAILED, "REFUNDED")

    def test_capture_refunded_in_part_before_it_was_booked_is_a_persons_to_look_at(
        self, reference: UUID, caplog: pytest.LogCaptureFixture
    ) -> None:
        partly = said(reference, capture(reference, "PARTIALLY_REFUNDED"))
        for _ in range(3):
            assert not recording.record(reference=reference, order=partly).newly_settled
        [told] = caplog.records
        assert told.why == "capture CAP-1: status PARTIALLY_REFUNDED"  # type: ignore[attr-defined]
        assert state(reference) is PaymentState.MISMATCHED

    def test_declined_capture_takes_a_new_request_id_for_the_next_try(
        self, reference: UUID
    ) -> None:
        first = paying.begin_capture(reference=reference)
        declined = said(reference, capture(reference, "DECLINED"))
        recording.record(reference=reference, order=declined)
        assert state(reference) is PaymentState.DECLINED
        second = paying.begin_capture(reference=reference)
        assert first is not None
        assert second is not None
        assert first.request_id != second.request_id
        # PayPal lists the old capture still: it says nothing about the new try.
        recording.record(reference=reference, order=declined)
        assert state(reference) is PaymentState.CAPTURING

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(words=st.lists(st.sampled_from(["PENDING", "DECLINED", "COMPLETED", ""]), max_size=7))
    def test_any_order_of_words_settles_at_most_once(self, app: Flask, words: list[str]) -> None:
        reference = new_payment()
        settled = 0
        for word in words:
            captures = [capture(reference, word, capture_id=f"C-{reference}")] if word else []
            recorded = recording.record(reference=reference, order=said(reference, *captures))
            settled += recorded.newly_settled
        assert settled == ("COMPLETED" in words)
        assert (state(reference) is PaymentState.SETTLED) == ("COMPLETED" in words)


class TestPaypalsOrder:
    def test_order_whose_money_is_being_taken_is_not_replaced(self, reference: UUID) -> None:
        first = f"PP-{reference}"
        late = order(reference, order_id="PP-LATE")
        assert paying._store_paypal_order(reference, late, instead_of=first) == first

    def test_order_of_a_payment_given_up_meanwhile_is_given_to_nobody(self, app: Flask) -> None:
        reference = new_id()
        paying.open_payment(reference=reference, amount=Money(1000, EUR))
        paying.give_up(reference=reference)
        with pytest.raises(PaymentClosed):
            paying._store_paypal_order(reference, order(reference, order_id="PP-LATE"))


class TestRequestIds:
    def test_asked_again_while_capturing_the_request_id_is_the_same(self, reference: UUID) -> None:
        assert paying.begin_capture(reference=reference) == paying.begin_capture(
            reference=reference
        )

    def test_settled_payment_is_not_captured_again(self, reference: UUID) -> None:
        recording.record(reference=reference, order=said(reference, capture(reference)))
        assert paying.begin_capture(reference=reference) is None


class TestRefusal:
    @pytest.mark.parametrize(
        ("issue", "expected"),
        [
            ("INSTRUMENT_DECLINED", PaymentState.DECLINED),
            ("PAYER_ACTION_REQUIRED", PaymentState.DECLINED),
            ("ORDER_NOT_APPROVED", PaymentState.DECLINED),
            ("TRANSACTION_REFUSED", PaymentState.FAILED),
            ("PAYEE_ACCOUNT_RESTRICTED", PaymentState.FAILED),
            ("NEVER_HEARD_OF", PaymentState.FAILED),
        ],
    )
    def test_refusal_goes_back_to_the_buyer_or_ends_the_payment(
        self, reference: UUID, issue: str, expected: PaymentState
    ) -> None:
        assert recording.record_refusal(reference=reference, issue=issue).state is expected

    @pytest.mark.parametrize(
        ("issue", "levels"), [("PAYEE_ACCOUNT_RESTRICTED", ["ERROR"]), ("INSTRUMENT_DECLINED", [])]
    )
    def test_operator_is_told_when_our_own_account_is_refused(
        self, reference: UUID, caplog: pytest.LogCaptureFixture, issue: str, levels: list[str]
    ) -> None:
        recording.record_refusal(reference=reference, issue=issue)
        assert [record.levelname for record in caplog.records] == levels

    def test_refusal_after_settlement_changes_nothing(self, reference: UUID) -> None:
        recording.record(reference=reference, order=said(reference, capture(reference)))
        refused = recording.record_refusal(reference=reference, issue="INSTRUMENT_DECLINED")
        assert refused.state is PaymentState.SETTLED


class TestTransitions:
    @pytest.mark.parametrize("source", PaymentState)
    @pytest.mark.parametrize("target", PaymentState)
    def test_only_moves_of_the_table_are_made(
        self, source: PaymentState, target: PaymentState
    ) -> None:
        payment = Payment(id=new_id(), state=source)
        if target in TRANSITIONS[source]:
            paying.move(payment, target)
            assert payment.state is target
        else:
            with pytest.raises(RuntimeError):
                paying.move(payment, target)
            assert payment.state is source
