"""Tables of baskets, orders and deliveries; those of claims stand in `claims`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    false,
    func,
)
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kit.db import Model, text_enum
from app.kit.ids import new_id, short_number


class Basket(Model):
    """What somebody means to buy: of a user, or of a guest known by the hash of a cookie's secret.

    `checkout_key` changes with every change of the lines and after a purchase; an order is unique
    by it, so that any number of clicks and tabs place one order.
    """

    __tablename__ = "basket"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), unique=True)
    guest_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    checkout_key: Mapped[UUID] = mapped_column(default=new_id)
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp(), index=True
    )
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (guest_hash IS NULL)", name="one_owner"),
    )


@dataclass(frozen=True)
class Owner:
    """Whose basket: a user's, or a guest's, known by the hash of the secret in their cookie."""

    user_id: UUID | None = None
    guest_hash: bytes | None = None

    def __post_init__(self) -> None:
        """Insist on exactly one of the two."""
        if (self.user_id is None) == (self.guest_hash is None):
            raise ValueError("a basket has one owner")

    def owns(self) -> ColumnElement[bool]:
        """The condition that picks the owner's basket."""
        if self.user_id is not None:
            return Basket.user_id == self.user_id
        return Basket.guest_hash == self.guest_hash


class BasketLine(Model):
    """Some pieces of one product; price and terms are those the person saw when adding it."""

    __tablename__ = "basket_line"
    basket_id: Mapped[UUID] = mapped_column(
        ForeignKey("basket.id", ondelete="CASCADE"), primary_key=True
    )
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True)
    quantity: Mapped[int]
    seen_price_minor: Mapped[int] = mapped_column(BigInteger)
    seen_refund_days: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    __table_args__ = (CheckConstraint("quantity BETWEEN 1 AND 100", name="quantity_in_range"),)


class OrderState(StrEnum):
    """The state of an order."""

    OPEN = "open"
    APPROVED = "approved"
    PAID = "paid"
    DELIVERED = "delivered"
    # Before it was delivered, and whole; what is given back after that is told by the lines.
    REFUNDED = "refunded"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


# The money has come, whatever went back of it since.
SOLD = frozenset({OrderState.PAID, OrderState.DELIVERED, OrderState.REFUNDED})
REFUNDED = "refunded"  # why an order was cancelled: PayPal gave the money back
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    # Paid also from where we did not think it under way: money that has come counts.
    OrderState.OPEN: frozenset(
        {OrderState.APPROVED, OrderState.EXPIRED, OrderState.CANCELLED, OrderState.PAID}
    ),
    # Back to open when PayPal declines: the buyer picks another way to pay.
    OrderState.APPROVED: frozenset(
        {OrderState.OPEN, OrderState.PAID, OrderState.EXPIRED, OrderState.CANCELLED}
    ),
    OrderState.PAID: frozenset({OrderState.DELIVERED, OrderState.REFUNDED}),
    OrderState.DELIVERED: frozenset(),
    # A dispute that took all of it was decided anew.
    OrderState.REFUNDED: frozenset({OrderState.PAID}),
    # Taken up again, if there are units, when the buyer comes back or approves late at PayPal.
    OrderState.EXPIRED: frozenset(
        {OrderState.OPEN, OrderState.APPROVED, OrderState.CANCELLED, OrderState.PAID}
    ),
    OrderState.CANCELLED: frozenset({OrderState.PAID}),
}


class Order(Model):
    """A purchase. `total_minor` is in minor units of `currency`.

    `checkout_key` is that of the basket it was made from, until it is cancelled.
    """

    __tablename__ = "orders"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    checkout_key: Mapped[UUID]
    state: Mapped[OrderState] = mapped_column(
        text_enum(OrderState, "known_state"), default=OrderState.OPEN
    )
    total_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(INET)
    cancel_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    paid_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # When the sweeper delivers it, should nobody have by then; each time it waits twice as long.
    delivery_tries: Mapped[int] = mapped_column(default=0)
    next_delivery_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The end of its record: how many rows, and the last one's hash.
    evidence_count: Mapped[int] = mapped_column(default=0)
    evidence_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    # When its pieces were taken out of the buyer's basket, once PayPal had the payment in hand.
    left_basket_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    lines: Mapped[list["OrderLine"]] = relationship(
        order_by="OrderLine.position", lazy="joined", viewonly=True
    )
    __table_args__ = (
        UniqueConstraint("buyer_id", "checkout_key", name="uq_orders_buyer_id_checkout_key"),
        CheckConstraint("total_minor > 0", name="total_positive"),
        Index("ix_orders_buyer", "buyer_id", "id"),
        Index(
            "ix_orders_came_to_nothing",
            "buyer_id",
            "id",
            postgresql_where="state IN ('expired', 'cancelled')",
        ),
        Index(
            "ix_orders_unfinished",
            "expires_at",
            postgresql_where="state IN ('open', 'approved')",
        ),
        Index("ix_orders_undelivered", "next_delivery_at", postgresql_where="state = 'paid'"),
        Index(
            "ix_orders_partly_delivered",
            "next_delivery_at",
            postgresql_where="state = 'delivered' AND next_delivery_at IS NOT NULL",
        ),
    )

    @property
    def number(self) -> str:
        """The number that people read out."""
        return short_number(self.id)

    @property
    def was_refunded(self) -> bool:
        """Whether it was cancelled since PayPal gave the money back."""
        return self.cancel_reason == REFUNDED

    @property
    def is_paid(self) -> bool:
        """Whether its money has come, delivered or not."""
        return self.state in SOLD

    @property
    def given_back_minor(self) -> int:
        """How much of it goes back, or went, to the buyer."""
        return sum(line.given_back_minor for line in self.lines)


class OperatorAct(StrEnum):
    """What an operator may do about a payment that is stuck."""

    BOOK_AND_DELIVER = "book_and_deliver"
    WAIT_FOR_STOCK = "wait_for_stock"
    REFUND_WHOLE = "refund_whole"


class OperatorDecision(Model):
    """Who did what about a stuck payment, when, and why: append-only."""

    __tablename__ = "operator_decision"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    act: Mapped[OperatorAct] = mapped_column(text_enum(OperatorAct, "known_act"))
    reason: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


class OrderLine(Model):
    """Some pieces of one product, with the listing as it was bought."""

    __tablename__ = "order_line"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    position: Mapped[int]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    seller_name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool]
    title: Mapped[str] = mapped_column(Text)
    # Long; read for a purchase's own page alone.
    description: Mapped[str] = mapped_column(Text, deferred=True)
    photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photo.id"))
    # The version of a shared product's content that was bought.
    content_id: Mapped[UUID | None] = mapped_column(ForeignKey("shared_content.id"))
    quantity: Mapped[int]
    unit_price_minor: Mapped[int] = mapped_column(BigInteger)
    commission_minor: Mapped[int] = mapped_column(BigInteger)
    # The rate it came of; None for what was ordered before rates were kept.
    commission_basis_points: Mapped[int | None]
    # For how many days after the delivery unopened pieces can be returned; 0: not at all.
    refund_days: Mapped[int] = mapped_column(server_default="14")
    # What goes back of its price and of the commission in it, what PayPal is asked for included,
    # and how many pieces with it. A refund that fails is taken off again.
    given_back_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    commission_back_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    pieces_back: Mapped[int] = mapped_column(default=0, server_default="0")
    # What open disputes hold of its price, and of the commission in it.
    disputed_minor: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    disputed_commission_minor: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0"
    )
    # Whether a dispute of its payment is open, whatever that holds: nothing of it is opened then.
    is_disputed: Mapped[bool] = mapped_column(default=False, server_default=false())
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity_positive"),
        CheckConstraint(
            "given_back_minor BETWEEN 0 AND quantity * unit_price_minor", name="given_back_fits"
        ),
        CheckConstraint(
            "commission_back_minor BETWEEN 0 AND commission_minor", name="commission_back_fits"
        ),
        CheckConstraint(
            "disputed_minor BETWEEN 0 AND quantity * unit_price_minor - given_back_minor",
            name="disputed_fits",
        ),
        CheckConstraint(
            "disputed_commission_minor BETWEEN 0 AND commission_minor - commission_back_minor",
            name="disputed_commission_fits",
        ),
        CheckConstraint("pieces_back BETWEEN 0 AND quantity", name="pieces_back_fit"),
        CheckConstraint("buyer_id <> seller_id", name="not_own_product"),
        CheckConstraint("shared = (content_id IS NOT NULL)", name="shared_has_content"),
        Index("ix_order_line_seller", "seller_id", "id"),
        Index("ix_order_line_buyer", "buyer_id", "order_id"),
        Index("ix_order_line_product", "product_id", "buyer_id"),
        Index("ix_order_line_photo_id", "photo_id", postgresql_where="photo_id IS NOT NULL"),
    )

    @property
    def total_minor(self) -> int:
        """The price of all pieces, in minor units."""
        return self.quantity * self.unit_price_minor

    @property
    def left_minor(self) -> int:
        """What of its price can still go back: not what a dispute holds."""
        return self.total_minor - self.given_back_minor - self.disputed_minor

    @property
    def pieces_left(self) -> int:
        """How many of its pieces do not go back."""
        return self.quantity - self.pieces_back


class Delivery(Model):
    """One piece in the buyer's hands: a unit of stock, or a shared product's content."""

    __tablename__ = "delivery"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    line_id: Mapped[UUID] = mapped_column(ForeignKey("order_line.id"))
    position: Mapped[int]
    unit_id: Mapped[UUID | None] = mapped_column(ForeignKey("stock_item.id"))
    content_id: Mapped[UUID | None] = mapped_column(ForeignKey("shared_content.id"))
    assigned_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    revealed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # When its unit went back into stock, unopened, with a refund.
    returned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        UniqueConstraint("line_id", "position", name="uq_delivery_line_id_position"),
        Index(
            "uq_delivery_unit_id",
            "unit_id",
            unique=True,
            postgresql_where="returned_at IS NULL",
        ),
        Index("ix_delivery_unit_id", "unit_id"),
        CheckConstraint("returned_at IS NULL OR revealed_at IS NULL", name="returned_unopened"),
        CheckConstraint("(unit_id IS NULL) <> (content_id IS NULL)", name="one_content"),
    )


class DeliveryAct(StrEnum):
    """What happened to a delivery."""

    ASSIGNED = "assigned"
    REVEALED = "revealed"
    DOWNLOADED = "downloaded"
    REFUNDED = "refunded"
    RESTORED = "restored"  # the buyer's again: a dispute that took it was decided anew


class DeliveryRecord(Model):
    """The evidence: append-only, each row of an order holding the hash of the one before."""

    __tablename__ = "delivery_record"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    sequence: Mapped[int]
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("delivery.id"))
    act: Mapped[DeliveryAct] = mapped_column(text_enum(DeliveryAct, "known_act"))
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    address: Mapped[str | None] = mapped_column(INET)
    agent: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    previous_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (
        UniqueConstraint("order_id", "sequence", name="uq_delivery_record_order_id_sequence"),
    )


class RefundedPiece(Model):
    """A piece that goes back, or went, with a refund or a lost dispute: a line's n-th.

    It is there from the moment the refund is asked for, so that nobody opens it meanwhile; it goes
    if the refund fails.
    """

    __tablename__ = "refunded_piece"
    line_id: Mapped[UUID] = mapped_column(ForeignKey("order_line.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey("refund.id"), index=True)
    dispute_id: Mapped[UUID | None] = mapped_column(ForeignKey("dispute.id"), index=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    __table_args__ = (
        CheckConstraint("(refund_id IS NULL) <> (dispute_id IS NULL)", name="one_cause"),
    )
