"""Earnings wait as long as the buyer may return what is unopened, or asks for the money back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.auth.models import User
from app.kit.db import db_now, session, transactional
from app.kit.ids import new_id
from app.orders.models.claims import ClaimKind
from app.orders.queries.sales import sales_of
from app.orders.service import claims, returning
from app.orders.service.returning import Scope
from app.payments.errors import NotCovered
from app.payments.models import AccountKind, HoldReason, Movement, PendingShare
from app.payments.queries import Share
from app.payments.service import releasing
from app.payments.service.ledger import Leg, book
from tests.factories.auth import make_user
from tests.orders.test_disputes import owed, take_out
from tests.support.bought import words
from tests.support.harm import broken
from tests.support.refunds import Bought

HOLD, TERM = 7, 14  # days, of a new seller, and of the product


@transactional
def pass_days(days: int) -> None:
    """Let what is pending, and its order, grow older."""
    session().execute(
        text(
            "UPDATE pending_share SET release_at = release_at - :age,"
            " hold_until = hold_until - :age"
        ),
        {"age": timedelta(days=days)},
    )
    session().execute(
        text("UPDATE orders SET delivered_at = delivered_at - :age, paid_at = paid_at - :age"),
        {"age": timedelta(days=days)},
    )


def share_of(seller: User) -> Share:
    session().rollback()
    share = sales_of(seller.id).items[0].share
    assert share is not None
    return share


def days_from(begin: datetime, moment: datetime | None) -> int:
    assert moment is not None
    return round((moment - begin) / timedelta(days=1))


def test_unopened_pieces_wait_for_the_end_of_their_term(
    bought: Bought, seller: User, login: Callable[..., FlaskClient], drain: Callable[[], None]
) -> None:
    share = share_of(seller)
    assert share.hold_reason is HoldReason.RETURN
    assert days_from(bought.order.delivered_at, share.release_at) == TERM
    page = words(login(seller).get("/order/sales"))
    assert "Until then unopened items can be returned" in page
    pass_days(HOLD + 1)
    assert releasing.release_due().done == 0
    returning.return_unopened(buyer_id=bought.buyer.id, order_id=bought.order_id)
    drain()
    assert owed(seller) == (0, 0, 0)


def test_term_that_is_over_releases(bought: Bought, seller: User) -> None:
    pass_days(TERM + 1)
    assert releasing.release_due().done == 1
    assert owed(seller)[1] == 1800
    assert share_of(seller).released_at is not None


def test_what_is_opened_whole_waits_for_the_hold_alone(bought: Bought, seller: User) -> None:
    bought.reveal(0)
    assert share_of(seller).hold_reason is HoldReason.RETURN, "the other one may go back"
    bought.reveal(1)
    share = share_of(seller)
    assert share.hold_reason is HoldReason.NEW_SELLER
    assert days_from(bought.order.delivered_at, share.release_at) == HOLD
    assert releasing.release_due().done == 0, "not earlier than the hold"
    pass_days(HOLD + 1)
    assert releasing.release_due().done == 1


@pytest.mark.parametrize("end", ["withdraw", "decline"])
def test_claim_pauses_until_it_is_decided(bought: Bought, seller: User, end: str) -> None:
    bought.reveal(0)
    bought.reveal(1)
    claim_id = claims.open_claim(
        buyer_id=bought.buyer.id,
        order_id=bought.order_id,
        line_id=bought.order.lines[0].id,
        pieces=frozenset({1}),
        kind=ClaimKind.INVALID,
        reason="It is dead",
    )
    pass_days(HOLD + 1)
    assert releasing.release_due().done == 0
    assert share_of(seller).hold_reason is HoldReason.CLAIM
    assert broken() == {}
    if end == "withdraw":
        claims.withdraw(buyer_id=bought.buyer.id, claim_id=claim_id)
        assert releasing.release_due().done == 1
        return
    claims.decline(seller_id=seller.id, claim_id=claim_id, reason="It works")
    assert releasing.release_due().done == 0, "the buyer may have a moderator decide"
    pass_days(4)
    assert releasing.release_due().done == 1


def test_seller_gives_back_no_more_than_they_have(bought: Bought, seller: User) -> None:
    pass_days(TERM + 1)
    releasing.release_due()
    take_out(seller, 1000)
    with pytest.raises(NotCovered):
        returning.refund(
            actor_id=seller.id,
            by_staff=False,
            order_id=bought.order_id,
            scope=Scope(),
            reason="Sorry for it",
        )
    staff = make_user(roles=("moderator",))
    returning.refund(
        actor_id=staff.id,
        by_staff=True,
        order_id=bought.order_id,
        scope=Scope(),
        reason="Sorry for it",
    )


def test_share_that_comes_back_is_released_again(bought: Bought, seller: User) -> None:
    pass_days(TERM + 1)
    releasing.release_due()
    come_back(seller, bought.order.lines[0].id)
    assert owed(seller) == (1800, 0, 0)
    assert releasing.release_due().done == 1
    assert owed(seller) == (0, 1800, 0)


@transactional
def come_back(seller: User, line_id: UUID) -> None:
    """What a dispute leaves that is won in the moment of the release: it is pending again."""
    legs = [
        Leg(AccountKind.SELLER_AVAILABLE, 1800, seller.id, line_id),
        Leg(AccountKind.SELLER_PENDING, -1800, seller.id, line_id),
    ]
    accounts = book(Movement.DISPUTE_WON, new_id(), "EUR", legs)
    now = db_now()
    session().add(
        PendingShare(
            line_id=line_id,
            account_id=accounts[AccountKind.SELLER_PENDING, seller.id].id,
            share_minor=1800,
            release_at=now,
            hold_until=now,
        )
    )
