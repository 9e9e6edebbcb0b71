"""Claims of what was opened: answered by the seller, decided by a moderator, refunded, burned."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import session
from app.orders.errors import ClaimOver, NoSuchClaim, NotClaimable, PieceRefunded
from app.orders.models.claims import ClaimKind, ClaimState
from app.orders.queries.claims import claims_on, invalid_pieces_of
from app.orders.service import claims, returning
from app.payments.models.refunds import RefundState
from app.products.models import Product
from app.reviews.errors import NotDelivered
from app.reviews.queries.sellers import profile_of
from app.reviews.service import writing
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.bought import words
from tests.support.programs import program_of
from tests.support.refunds import Bought, buy, free_units
from tests.support.sale import SandboxControl, assert_promises_hold

Drain = Callable[[], None]
Login = Callable[..., FlaskClient]
REASON = "The key was used before"


@pytest.fixture
def seller(app: Flask) -> User:
    return make_user(roles=("seller",))


@pytest.fixture
def moderator(app: Flask) -> User:
    return make_user(roles=("moderator",))


@pytest.fixture
def keys(seller: User) -> Product:
    return make_product(seller, stock=("KEY-A", "KEY-B"), title="Moonbase")


@pytest.fixture
def bought(paypal: SandboxControl, keys: Product) -> Bought:
    """Two keys, of which the first was opened."""
    bought = buy(paypal, make_user(), {keys.id: 2})
    bought.reveal(0)
    return bought


def claim(bought: Bought, **otherwise: Any) -> Any:
    """Ask for the money of the first key."""
    [line] = bought.order.lines
    values = {
        "buyer_id": bought.buyer.id,
        "order_id": bought.order_id,
        "line_id": line.id,
        "pieces": frozenset({1}),
        "kind": ClaimKind.INVALID,
        "reason": REASON,
    }
    return claims.open_claim(**{**values, **otherwise})


class TestClaim:
    def test_accepted_it_is_refunded_and_the_unit_burned(
        self, bought: Bought, seller: User, keys: Product, drain: Drain
    ) -> None:
        claim_id = claim(bought)
        claims.accept(seller_id=seller.id, claim_id=claim_id, answer="Sorry")
        drain()
        [refund] = bought.refunds
        assert (refund.state, refund.amount_minor, refund.reason) == (
            RefundState.COMPLETED,
            1000,
            REASON,
        )
        assert free_units(keys.id) == 0
        with pytest.raises(PieceRefunded):
            bought.reveal(0)
        assert bought.reveal(1) == "KEY-B"
        assert invalid_pieces_of(seller.id) == 1
        profile = profile_of(seller)
        assert (profile.refunded_tenths, profile.invalid_tenths) == (500, 500)
        assert_promises_hold()

    def test_declined_the_buyer_calls_a_moderator_who_grants_it(
        self, bought: Bought, seller: User, moderator: User, drain: Drain
    ) -> None:
        claim_id = claim(bought)
        with pytest.raises(NotClaimable, match="three days"):
            claims.call_moderator(buyer_id=bought.buyer.id, claim_id=claim_id)
        claims.decline(seller_id=seller.id, claim_id=claim_id, reason="It worked for me")
        claims.call_moderator(buyer_id=bought.buyer.id, claim_id=claim_id)
        with pytest.raises(NoSuchClaim):
            claims.decide(moderator_id=seller.id, claim_id=claim_id, grant=False, reason=REASON)
        claims.decide(
            moderator_id=moderator.id, claim_id=claim_id, grant=True, reason="Used in May"
        )
        with pytest.raises(ClaimOver):
            claims.accept(seller_id=seller.id, claim_id=claim_id, answer="")
        drain()
        assert [one.amount_minor for one in bought.refunds] == [1000]
        assert_promises_hold()

    def test_not_answered_for_three_days_a_moderator_may_be_called(
        self, bought: Bought, moderator: User
    ) -> None:
        claim_id = claim(bought)
        session().execute(text("UPDATE claim SET opened_at = now() - interval '73 hours'"))
        session().commit()
        claims.call_moderator(buyer_id=bought.buyer.id, claim_id=claim_id)
        claims.decide(moderator_id=moderator.id, claim_id=claim_id, grant=False, reason="No proof")
        [found] = claims_on(bought.order_id)
        assert (found.state, found.decision) == (ClaimState.REFUSED, "No proof")
        assert bought.refunds == []

    def test_what_is_unopened_late_or_asked_twice_is_refused(self, bought: Bought) -> None:
        with pytest.raises(NotClaimable, match="one click"):
            claim(bought, pieces=frozenset({1, 2}))
        claim(bought)
        with pytest.raises(NotClaimable, match="already"):
            claim(bought)
        session().execute(text("UPDATE order_line SET refund_days = 0"))
        session().execute(text("UPDATE claim SET state = 'withdrawn'"))
        session().commit()
        with pytest.raises(NotClaimable, match="time to return"):
            claim(bought, kind=ClaimKind.OTHER)
        session().execute(text("UPDATE orders SET paid_at = now() - interval '181 days'"))
        session().commit()
        with pytest.raises(NotClaimable, match="over"):
            claim(bought)

    def test_one_claim_at_a_time_is_decided_and_each_piece_once(
        self, bought: Bought, seller: User, moderator: User
    ) -> None:
        first = claim(bought)
        claims.decline(seller_id=seller.id, claim_id=first, reason="It does work")
        second = claim(bought)
        with pytest.raises(NotClaimable, match="already"):
            claims.call_moderator(buyer_id=bought.buyer.id, claim_id=first)
        claims.decline(seller_id=seller.id, claim_id=second, reason="It does work")
        claims.call_moderator(buyer_id=bought.buyer.id, claim_id=second)
        claims.decide(moderator_id=moderator.id, claim_id=second, grant=False, reason="No proof")
        with pytest.raises(NotClaimable, match="has decided"):
            claim(bought)
        session().execute(text("UPDATE orders SET paid_at = now() - interval '181 days'"))
        session().commit()
        with pytest.raises(NotClaimable, match="over"):
            claims.call_moderator(buyer_id=bought.buyer.id, claim_id=first)


class TestReviews:
    def test_nothing_is_reviewed_anew_after_a_whole_refund_and_what_was_said_stays(
        self, paypal: SandboxControl, keys: Product, seller: User, drain: Drain
    ) -> None:
        said = buy(paypal, make_user(), {keys.id: 1})
        said.reveal(0)
        silent = buy(paypal, make_user(), {keys.id: 1})
        silent.reveal(0)
        write = {"stars": 1, "text": "The key was used"}
        writing.write(author_id=said.buyer.id, line_id=said.order.lines[0].id, **write)
        for one in (said, silent):
            claims.accept(seller_id=seller.id, claim_id=claim(one), answer="")
        drain()
        assert profile_of(seller).rating is not None
        with pytest.raises(NotDelivered):
            writing.write(author_id=silent.buyer.id, line_id=silent.order.lines[0].id, **write)
        writing.write(
            author_id=said.buyer.id, line_id=said.order.lines[0].id, stars=2, text="Refunded"
        )
        assert_promises_hold()

    def test_review_of_what_was_never_opened_goes_with_the_refund(
        self, paypal: SandboxControl, keys: Product, seller: User, drain: Drain
    ) -> None:
        bought = buy(paypal, make_user(), {keys.id: 1})
        line_id = bought.order.lines[0].id
        writing.write(author_id=bought.buyer.id, line_id=line_id, stars=5, text="So good")
        returning.return_unopened(buyer_id=bought.buyer.id, order_id=bought.order_id)
        drain()
        assert profile_of(seller).rating is None
        assert_promises_hold()


class TestFailedRefund:
    def test_waits_for_a_moderator_and_is_tried_again(
        self,
        paypal: SandboxControl,
        bought: Bought,
        seller: User,
        moderator: User,
        login: Login,
        drain: Drain,
    ) -> None:
        claim_id = claim(bought)
        paypal.fault("refuse_refund")
        claims.accept(seller_id=seller.id, claim_id=claim_id, answer="Sorry")
        bought.reveal(1)
        with pytest.raises(NotClaimable, match="already asked"):  # that refund may yet fail
            claim(bought, pieces=frozenset({2}))
        drain()
        staff = login(moderator)
        assert "A refund that was agreed on failed and waits for you: Moonbase" in words(
            staff.get("/notifications")
        )
        waiting = words(staff.get("/order/moderation/claims"))
        assert "The refund failed. " in waiting
        assert "does not have enough money" in waiting
        page = f"/order/purchases/{bought.order_id}"
        assert "The seller or a moderator can try it again." in words(login(bought.buyer).get(page))
        assert invalid_pieces_of(seller.id) == 0
        assert_promises_hold()

        claims.decide(moderator_id=moderator.id, claim_id=claim_id, grant=True, reason="Once more")
        drain()
        assert [one.state for one in bought.refunds] == [RefundState.FAILED, RefundState.COMPLETED]
        [found] = claims_on(bought.order_id)
        assert (found.state, found.refund_failed) == (ClaimState.GRANTED, False)
        assert invalid_pieces_of(seller.id) == 1
        assert_promises_hold()


def test_programs_of_administrators_decide(
    app: Flask, bought: Bought, seller: User, drain: Drain
) -> None:
    claim_id = claim(bought)
    admin = program_of(app, make_user(roles=("admin",)))
    place = f"/admin/claims/{claim_id}"
    early = admin.post(f"{place}/refuse", json={"reason": "No proof"})
    assert (early.status_code, early.json["code"]) == (409, "orders.claim_over")
    claims.decline(seller_id=seller.id, claim_id=claim_id, reason="It worked for me")
    assert admin.get("/admin/claims").json["items"] == []
    claims.call_moderator(buyer_id=bought.buyer.id, claim_id=claim_id)
    [waiting] = admin.get("/admin/claims?total=true").json["items"]
    assert (waiting["id"], waiting["answer"]) == (str(claim_id), "It worked for me")
    assert admin.post(f"{place}/grant", json={"reason": "x"}).status_code == 422
    granted = admin.post(f"{place}/grant", json={"reason": "Used in May"})
    assert (granted.json["state"], granted.json["decision"]) == ("granted", "Used in May")
    drain()
    assert [one.amount_minor for one in bought.refunds] == [1000]
    assert admin.get(place).json["refund_failed"] is False
    assert admin.get(f"/admin/claims/{bought.order_id}").status_code == 404


class TestPages:
    def test_buyer_asks_and_the_seller_answers(
        self, bought: Bought, seller: User, login: Login, drain: Drain
    ) -> None:
        buyer = login(bought.buyer)
        page = f"/order/purchases/{bought.order_id}"
        assert "Ask for a refund" in words(buyer.get(page))
        [line] = bought.order.lines
        form = f"{page}/lines/{line.id}/claim"
        wrong = buyer.post(form, data={"pieces": "1", "kind": "invalid", "reason": "x"})
        assert wrong.status_code == 422
        assert "Say why" in words(wrong)
        sent = buyer.post(form, data={"pieces": "1", "kind": "invalid", "reason": REASON})
        assert sent.status_code == 303
        asked = words(buyer.get(page))
        assert "Waiting for the seller" in asked
        assert "The seller has until" in asked
        assert "Ask for a refund" not in asked  # once is enough
        shop = login(seller)
        assert REASON in words(shop.get("/order/claims"))
        sale = f"/order/sales/{bought.order_id}"
        assert REASON in words(shop.get(sale))
        [found] = claims_on(bought.order_id)
        answer = f"/order/claims/{found.id}/answer"
        refused = shop.post(answer, data={"act": "no", "reason": ""})
        assert refused.status_code == 422
        assert shop.post(answer, data={"act": "yes", "reason": "Sorry"}).status_code == 303
        drain()
        shown = words(buyer.get(page))
        assert "Partly refunded" in shown
        assert "The seller: Sorry" in shown
        assert "Refunded by the seller" in shown

    def test_moderators_see_what_they_are_to_decide(
        self, bought: Bought, seller: User, moderator: User, login: Login, drain: Drain
    ) -> None:
        claim_id = claim(bought)
        claims.decline(seller_id=seller.id, claim_id=claim_id, reason="It worked for me")
        buyer = login(bought.buyer)
        assert buyer.post(f"/order/claims/{claim_id}/call").status_code == 303
        drain()
        staff = login(moderator)
        told = staff.get("/notifications")
        assert "A refund waits for your decision: Moonbase" in words(told)
        [opened] = re.findall(r'href="(/notifications/[0-9a-f-]{36})"', told.text)
        assert staff.get(opened).location == f"/order/moderation/{bought.order_id}"
        assert "Refunds to decide" in words(told)
        assert REASON in words(staff.get("/order/moderation/claims"))
        page = words(staff.get(f"/order/moderation/{bought.order_id}"))
        assert "It worked for me" in page
        decide = f"/order/claims/{claim_id}/decide"
        assert staff.post(decide, data={"act": "no", "reason": "No proof"}).status_code == 303
        drain()
        assert "No proof" in words(buyer.get(f"/order/purchases/{bought.order_id}"))
        assert buyer.post(f"/order/claims/{claim_id}/withdraw").status_code == 409

    def test_strangers_have_no_claims(self, bought: Bought, login: Login) -> None:
        claim_id = claim(bought)
        stranger = login(make_user(roles=("seller",)))
        for path in (f"{claim_id}/call", f"{claim_id}/withdraw", f"{claim_id}/answer"):
            answer = stranger.post(f"/order/claims/{path}", data={"act": "yes", "reason": REASON})
            assert answer.status_code == 404
        assert stranger.get(f"/order/sales/{bought.order_id}").status_code == 404
