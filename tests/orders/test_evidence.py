"""Evidence: put together by itself, shown, sent to PayPal once, whatever becomes of the answer."""

from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.chats.service import opening, sending
from app.kit.db import session
from app.kit.ids import new_id
from app.orders.queries.disputes import DisputeWhole, dispute_of
from app.orders.service import disputing
from app.orders.service.proof import answering
from app.payments.errors import NoEvidenceWanted
from app.payments.service.disputes import recording
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.orders.test_disputes import the_dispute
from tests.support.bought import words
from tests.support.refunds import Bought, buy
from tests.support.sale import SandboxControl, assert_promises_hold

Drain = Callable[[], None]
Login = Callable[..., FlaskClient]


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",), display_name="Ann's Keys")


@pytest.fixture
def bought(paypal: SandboxControl, seller: User, drain: Drain) -> Bought:
    """A lamp, delivered, mailed, talked about and opened."""
    lamp = make_product(seller, title="Lamp", stock=("KEY-A",))
    bought = buy(paypal, make_user(), {lamp.id: 1})
    drain()
    talk = opening.about_order(
        user_id=bought.buyer.id, order_id=bought.order_id, seller_id=seller.id
    )
    sending.send(
        user_id=bought.buyer.id, conversation_id=talk, text="Works well!", client_id=new_id()
    )
    bought.reveal(0)
    return bought


@pytest.fixture
def dispute_id(bought: Bought) -> UUID:
    """A claim about it, of which PayPal waits for evidence."""
    paypal_id = bought.paypal.dispute(bought.capture_id, stage="CHARGEBACK")["dispute_id"]
    disputing.look(paypal_id=paypal_id)
    return the_dispute(bought).id


def whole(dispute_id: UUID) -> DisputeWhole:
    """The dispute as it stands now."""
    session().rollback()
    return dispute_of(dispute_id)


def at_paypal(dispute_id: UUID) -> tuple[str, ...]:
    """The notes of the evidence that PayPal has."""
    paypal_id = whole(dispute_id).paypal_id
    session().rollback()
    return recording.ask(paypal_id).evidence_notes


def near_the_deadline(hours: int) -> None:
    """Let the time come to within so many hours of PayPal's deadline."""
    session().rollback()
    session().execute(
        text("UPDATE dispute SET respond_by = clock_timestamp() + make_interval(hours => :hours)"),
        {"hours": hours},
    )
    session().commit()


def try_again() -> None:
    """Let the pause pass after which it is sent again."""
    session().rollback()
    session().execute(
        text(
            "UPDATE dispute_evidence SET next_try_at = clock_timestamp()"
            " WHERE next_try_at IS NOT NULL"
        )
    )
    session().commit()
    for evidence_id in session().scalars(text("SELECT id FROM dispute_evidence")).all():
        session().rollback()
        answering.deliver(evidence_id)


class TestWhatItSays:
    def test_all_that_is_known_of_the_order(self, bought: Bought, dispute_id: UUID) -> None:
        said = str(answering.preview(dispute_id=dispute_id))
        for part in (
            "Listing as bought: Lamp",
            "unopened items can be returned for 14 days",
            "delivered to the buyer's account",
            "opened by the buyer",
            "Works well!",
            bought.buyer.email,
            "SHA-256 of the whole record",
        ):
            assert part in said
        assert "KEY-A" not in said
        assert answering.document(dispute_id=dispute_id).startswith(b"%PDF-")

    def test_sellers_see_no_address_of_the_buyer(
        self, bought: Bought, seller: User, dispute_id: UUID
    ) -> None:
        said = str(answering.preview(dispute_id=dispute_id, seller_id=seller.id))
        assert "opened by the buyer" in said
        assert bought.buyer.email not in said
        assert "address" not in said


class TestSending:
    def test_by_hand_once(self, bought: Bought, dispute_id: UUID, drain: Drain) -> None:
        moderator = make_user(roles=("moderator",))
        answering.send(dispute_id=dispute_id, asked_by=moderator.id)
        with pytest.raises(NoEvidenceWanted):
            answering.send(dispute_id=dispute_id, asked_by=moderator.id)
        drain()
        [sent] = whole(dispute_id).evidence
        assert (sent.asked_by, sent.sent_at is not None) == (moderator.id, True)
        [notes] = at_paypal(dispute_id)
        assert notes == sent.notes
        assert str(sent.id) in notes
        assert not whole(dispute_id).awaits_evidence
        assert_promises_hold()

    def test_by_the_clock_when_nobody_has(self, bought: Bought, dispute_id: UUID) -> None:
        answering.send_due()
        assert whole(dispute_id).evidence == ()
        near_the_deadline(20)
        answering.send_due()
        for evidence in whole(dispute_id).evidence:
            answering.deliver(evidence.id)
        [sent] = whole(dispute_id).evidence
        assert sent.asked_by is None
        assert len(at_paypal(dispute_id)) == 1
        answering.send_due()
        assert len(whole(dispute_id).evidence) == 1

    @pytest.mark.parametrize("fault", ["error_after_commit", "reset_after_commit"])
    def test_lost_answer_is_found_again(
        self, bought: Bought, dispute_id: UUID, drain: Drain, fault: str
    ) -> None:
        bought.paypal.fault(fault, operation="evidence")
        answering.send(dispute_id=dispute_id, asked_by=make_user().id)
        drain()
        try_again()
        [sent] = whole(dispute_id).evidence
        assert (sent.sent_at is not None, sent.issue) == (True, None)
        assert len(at_paypal(dispute_id)) == 1

    def test_each_stage_is_answered_anew(
        self, bought: Bought, dispute_id: UUID, drain: Drain
    ) -> None:
        moderator = make_user(roles=("moderator",))
        answering.send(dispute_id=dispute_id, asked_by=moderator.id)
        drain()
        paypal_id = whole(dispute_id).paypal_id
        bought.paypal.escalate(paypal_id)
        disputing.look(paypal_id=paypal_id)
        assert whole(dispute_id).can_answer
        answering.send(dispute_id=dispute_id, asked_by=moderator.id)
        drain()
        assert len(at_paypal(dispute_id)) == 2

    def test_what_paypal_refuses_is_told(
        self, bought: Bought, dispute_id: UUID, drain: Drain
    ) -> None:
        answering.send(dispute_id=dispute_id, asked_by=make_user().id)
        bought.paypal.decide(whole(dispute_id).paypal_id, "seller")
        drain()
        [sent] = whole(dispute_id).evidence
        assert (sent.sent_at, sent.issue) == (None, "ACTION_NOT_ALLOWED")


class TestPages:
    def test_staff_previews_and_sends(
        self, login: Login, bought: Bought, dispute_id: UUID, drain: Drain
    ) -> None:
        browser = login(make_user(roles=("moderator",)))
        page = words(browser.get(f"/admin/disputes/{dispute_id}"))
        for part in ("opened by the buyer", "Send to PayPal", "Works well!"):
            assert part in page
        assert browser.get(f"/admin/disputes/{dispute_id}/evidence.pdf").data[:5] == b"%PDF-"
        assert browser.post(f"/admin/disputes/{dispute_id}/evidence").status_code == 303
        drain()
        [sent] = whole(dispute_id).evidence
        page = browser.get(f"/admin/disputes/{dispute_id}")
        assert "Sent to PayPal" in words(page)
        kept = browser.get(f"/admin/disputes/{dispute_id}/evidence/{sent.id}.pdf")
        assert kept.data[:5] == b"%PDF-"
