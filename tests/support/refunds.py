"""Purchases to be refunded, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from app.auth.models import User
from app.extensions import db
from app.kit.db import session
from app.orders.models import Order
from app.orders.queries.purchases import Piece, purchase_of
from app.orders.service import capturing, delivering
from app.orders.service.reveal import Viewer, reveal
from app.payments.models import Payment
from app.payments.models.refunds import Refund
from tests.support.bought import fill
from tests.support.sale import SandboxControl, start

CASH = """SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM ledger_entry e
    JOIN ledger_account a ON a.id = e.account_id WHERE a.kind = 'paypal_cash'"""
OWED = """SELECT coalesce(-sum(e.amount_minor), 0)::bigint FROM ledger_entry e
    JOIN ledger_account a ON a.id = e.account_id WHERE a.owner_id = :seller"""


@dataclass
class Bought:
    """An order that was paid at the sandbox and delivered."""

    buyer: User
    order_id: UUID
    paypal: SandboxControl
    cash_before: int

    @property
    def order(self) -> Order:
        """As it stands now."""
        db.session.rollback()
        return session().get_one(Order, self.order_id, populate_existing=True)

    @property
    def capture_id(self) -> str:
        """PayPal's id of the payment."""
        found = session().scalars(select(Payment).where(Payment.reference == self.order_id)).one()
        assert found.paypal_capture_id is not None
        return found.paypal_capture_id

    @property
    def pieces(self) -> list[Piece]:
        """What was delivered, in the order of the lines."""
        db.session.rollback()
        bought = purchase_of(self.buyer.id, self.order_id)
        return [piece for line in bought.lines for piece in line.pieces]

    @property
    def refunds(self) -> list[Refund]:
        """What goes back, or went, or should have."""
        db.session.rollback()
        query = select(Refund).join(Payment).where(Payment.reference == self.order_id)
        return list(session().scalars(query.order_by(Refund.id)))

    def reveal(self, at: int) -> str:
        """Open a piece."""
        viewer = Viewer(self.buyer.id, None, "")
        return reveal(viewer=viewer, order_id=self.order_id, delivery_id=self.pieces[at].id)

    def assert_books_agree(self) -> None:
        """The ledger has as much cash as the sandbox took in with this order."""
        assert cash() == self.paypal.cash() - self.cash_before


def buy(
    paypal: SandboxControl, buyer: User, pieces: Mapping[UUID, int], *, deliver: bool = True
) -> Bought:
    """Buy at the sandbox."""
    before = paypal.cash() - cash()
    fill(buyer, pieces)
    started = start(buyer)
    paypal.approve(started.paypal_order_id)
    capturing.capture(order_id=started.order_id, buyer_id=buyer.id)
    if deliver:
        delivering.deliver(order_id=started.order_id)
    return Bought(buyer, started.order_id, paypal, before)


def cash() -> int:
    """What the ledger says the shop has at PayPal."""
    return _number(CASH)


def owed(seller: User) -> int:
    """What the ledger says the shop owes a seller, pending or available."""
    return _number(OWED, seller=seller.id)


def free_units(product_id: UUID) -> int:
    """How many units of a product are for sale."""
    query = "SELECT count(*) FROM stock_item WHERE product_id = :product AND state = 'free'"
    return _number(query, product=product_id)


def _number(query: str, **values: Any) -> int:
    db.session.rollback()
    return int(session().execute(text(query), values).scalar_one())
