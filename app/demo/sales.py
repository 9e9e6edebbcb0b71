"""Sales and reviews of the demo shop, brought about as people do it: paid at the PayPal sandbox.

The sandbox only answers once the shop runs, so this is a job of its first minute.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import requests
from flask import current_app
from sqlalchemy import select

from app.auth.queries import user_by_email
from app.auth.service.accounts import add_user
from app.demo import payouts
from app.demo.data import PASSWORD
from app.demo.opinions import OPINIONS, Opinion
from app.kit.db import db_now, end_read, session
from app.orders.models import Basket, Order, OrderLine, Owner
from app.orders.models.claims import ClaimKind
from app.orders.queries.disputes import disputes
from app.orders.service import (
    basket,
    capturing,
    claims,
    delivering,
    disputing,
    placing,
    returning,
    reveal,
)
from app.orders.service.returning import Scope
from app.orders.service.reveal import Viewer
from app.payments.models import Payment
from app.payments.queries.reconciling import DifferenceKind, differences
from app.payments.service import reconciling
from app.products.models import Product
from app.reviews.service import answering, writing

CLAIMING, THANKED = "mira@example.com", "vera@example.com"
PATIENCE = 30.0  # seconds, for the sandbox to come up
_PAUSE = 0.2
TO_THE_BANK = 500  # minor units
DISPUTES = "jonas@example.com"  # who is not content
_TIMEOUT = 10


@dataclass(frozen=True)
class _Person:
    email: str
    name: str
    locale: str


PEOPLE = (
    _Person("buyer@example.com", "Demo buyer", "en"),
    _Person("mira@example.com", "Mira", "en"),
    _Person("oleg@example.com", "Олег", "ru"),
    _Person("jonas@example.com", "Jonas B.", "en"),
    _Person("vera@example.com", "Вера", "ru"),
)


def run() -> None:
    """Have people buy and review what `OPINIONS` says, who have bought nothing yet."""
    base = current_app.extensions["settings"].paypal_base_url
    deadline = time.monotonic() + PATIENCE
    while not _answers(base):
        if time.monotonic() > deadline:
            return
        time.sleep(_PAUSE)
    goods = {row.title: row.id for row in session().execute(select(Product.title, Product.id))}
    end_read()
    for person in PEOPLE:
        own = [one for one in OPINIONS if one.email == person.email and one.title in goods]
        buyer_id = add_user(
            email=person.email, password=PASSWORD, display_name=person.name, locale=person.locale
        )
        if own and not _has_bought(buyer_id):
            _buy(base, buyer_id, [goods[one.title] for one in own], person.locale)
            _say(buyer_id, {goods[one.title]: one for one in own})
            _ask_back(buyer_id, person)
    payouts.fill(base)
    _dispute(base)
    _compare_books(base)


def _answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/healthz", timeout=_TIMEOUT).ok
    except requests.RequestException:
        return False


def _has_bought(buyer_id: UUID) -> bool:
    found = session().scalar(select(Order.id).where(Order.buyer_id == buyer_id).limit(1))
    end_read()
    return found is not None


def _buy(base: str, buyer_id: UUID, product_ids: list[UUID], locale: str) -> None:
    for product_id in product_ids:
        basket.add(owner=Owner(user_id=buyer_id), product_id=product_id, quantity=1)
    key = session().scalars(select(Basket.checkout_key).where(Basket.user_id == buyer_id)).one()
    started = placing.start_checkout(
        buyer_id=buyer_id, checkout_key=key, address=None, locale=locale
    )
    approve = f"{base}/sandbox/orders/{started.paypal_order_id}/approve"
    requests.post(approve, json={}, timeout=_TIMEOUT).raise_for_status()
    capturing.capture(buyer_id=buyer_id, order_id=started.order_id)
    delivering.deliver(order_id=started.order_id)  # unless a worker was quicker


def _ask_back(buyer_id: UUID, person: _Person) -> None:
    """One says that a key is used, and waits for the seller; one gets a part of a price back."""
    if person.email not in {CLAIMING, THANKED}:
        return
    line = (
        session()
        .scalars(
            select(OrderLine)
            .where(OrderLine.buyer_id == buyer_id)
            .order_by(OrderLine.shared, OrderLine.id)
            .limit(1)
        )
        .one()
    )
    end_read()
    if person.email == CLAIMING:
        reveal.reveal_all(viewer=Viewer(buyer_id, None, "Demo"), order_id=line.order_id)
        claims.open_claim(
            buyer_id=buyer_id,
            order_id=line.order_id,
            line_id=line.id,
            pieces=frozenset({1}),
            kind=ClaimKind.INVALID,
            reason="It says that it was redeemed in May.",
        )
    else:
        returning.refund(
            actor_id=line.seller_id,
            by_staff=False,
            order_id=line.order_id,
            scope=Scope.within(line.id, amount_minor=line.total_minor // 10),
            reason="Спасибо за терпение: скидка задним числом.",
        )


def _dispute(base: str) -> None:
    """Have one buyer dispute a purchase at PayPal, which waits for evidence."""
    buyer = user_by_email(DISPUTES)
    query = (
        select(Payment.paypal_capture_id)
        .join(Order, Order.id == Payment.reference)
        .where(Order.buyer_id == (buyer.id if buyer else None))
        .order_by(Order.id)
    )
    capture_id = session().scalars(query.limit(1)).one_or_none()
    known = disputes(size=1).items
    end_read()
    if capture_id is None or known:
        return
    claim = {
        "reason": "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED",
        "stage": "CHARGEBACK",
        "note": "It does not look like the picture.",
    }
    path = f"{base}/sandbox/captures/{capture_id}/dispute"
    answer = requests.post(path, json=claim, timeout=_TIMEOUT)
    answer.raise_for_status()
    disputing.look(paypal_id=answer.json()["dispute_id"])


def _compare_books(base: str) -> None:
    """Compare PayPal's list with the ledger, as each night does, with a difference to show for it.

    The operator has taken money to the bank in PayPal's own pages, and books that.
    """
    now = db_now()
    admin = user_by_email("admin@example.com")
    end_read()
    if admin is None or differences(closed=True).items:
        return
    taken = {"code": "T0400", "minor": -TO_THE_BANK}
    answer = requests.post(f"{base}/sandbox/transactions", json=taken, timeout=_TIMEOUT)
    answer.raise_for_status()
    until = db_now() + timedelta(seconds=1)  # PayPal's list tells whole seconds
    end_read()
    reconciling.compare(start=now - timedelta(hours=1), end=until)
    for one in differences().items:
        if one.kind is DifferenceKind.ONLY_THERE:
            reconciling.settle(
                difference_id=one.id, actor_id=admin.id, reason="Moved to our bank account"
            )


def _say(buyer_id: UUID, opinions: dict[UUID, Opinion]) -> None:
    lines = session().execute(
        select(OrderLine.id, OrderLine.product_id, OrderLine.seller_id).where(
            OrderLine.buyer_id == buyer_id
        )
    )
    for line_id, product_id, seller_id in lines.all():
        opinion = opinions[product_id]
        if opinion.stars is None:
            continue
        review_id = writing.write(
            author_id=buyer_id, line_id=line_id, stars=opinion.stars, text=opinion.text
        )
        if opinion.reply:
            answering.reply(seller_id=seller_id, review_id=review_id, text=opinion.reply)
