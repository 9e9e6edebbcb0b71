"""Purchases as their buyers see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import joinedload

from app.kit.db import session
from app.orders.errors import NoSuchOrder
from app.orders.models import Delivery, Order, OrderLine, OrderState, RefundedPiece
from app.orders.models.claims import Claim
from app.orders.queries.claims import ClaimOf, claims_on
from app.orders.queries.disputes import DisputeOf, disputes_of_order
from app.orders.queries.refunds import RefundOf, refunds_of
from app.orders.queries.stages import Stage, stage_of
from app.payments.models import Payment, PaymentState
from app.payments.models.refunds import Refund
from app.payments.queries import payment_for


@dataclass(frozen=True)
class Piece:
    """One bought piece: a unit of stock, or a shared product's content. Never its clear text."""

    id: UUID
    number: int
    revealed_at: datetime | None
    refunded: bool  # or being refunded: nobody opens it any more
    can_return: bool  # by the buyer's click


@dataclass(frozen=True)
class PurchaseLine:
    """The listing as it was bought, and its pieces once they are delivered."""

    id: UUID
    product_id: UUID
    title: str
    description: str
    kind: str
    shared: bool
    seller_id: UUID
    seller_name: str
    photo_id: UUID | None
    quantity: int
    unit_price_minor: int
    given_back_minor: int
    refund_days: int
    disputed: bool
    pieces: tuple[Piece, ...]

    @property
    def total_minor(self) -> int:
        """The price of all pieces."""
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True)
class Purchase:
    """An order with all that its page shows. Amounts are minor units of `currency`."""

    id: UUID
    number: str
    buyer_id: UUID
    checkout_key: UUID
    state: OrderState
    payment: PaymentState | None
    stage: Stage
    total_minor: int
    currency: str
    cancel_reason: str | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    delivered_at: datetime | None
    # Paid, but the units were gone when the money came.
    waits_for_stock: bool
    lines: tuple[PurchaseLine, ...]
    refunds: tuple[RefundOf, ...]
    claims: tuple[ClaimOf, ...]
    # Open or lost ones; a won one has left nothing behind.
    disputes: tuple[DisputeOf, ...]

    @property
    def shown(self) -> str:
        """What an open page shows of it: another word is news."""
        states = [f"{refund.id.hex[-6:]}{refund.state}" for refund in self.refunds]
        states += [f"{claim.id.hex[-6:]}{claim.state}" for claim in self.claims]
        states += [f"{dispute.id.hex[-6:]}{dispute.state}" for dispute in self.disputes]
        return "-".join([self.stage, *(["waiting"] if self.waits_for_stock else []), *states])

    @property
    def is_moving(self) -> bool:
        """Whether waiting may bring something new."""
        return (
            not self.stage.is_final
            or any(refund.is_under_way for refund in self.refunds)
            or any(claim.is_live for claim in self.claims)
            or self.is_disputed
        )

    @property
    def is_disputed(self) -> bool:
        """Whether PayPal has a dispute about it to decide."""
        return any(dispute.is_open for dispute in self.disputes)

    @property
    def given_back_minor(self) -> int:
        """How much of it goes back, or went."""
        return sum(line.given_back_minor for line in self.lines)

    def can_claim(self, line: PurchaseLine) -> bool:
        """Whether something of a line was opened whose money can be asked for now."""
        opened = any(piece.revealed_at and not piece.refunded for piece in line.pieces)
        is_asked_for = any(claim.line_id == line.id and claim.bars_others for claim in self.claims)
        return (
            opened
            and line.given_back_minor < line.total_minor
            and not is_asked_for
            and not line.disputed
        )

    @property
    def returnable(self) -> int:
        """How many pieces its buyer can return by a click; all while nothing is delivered."""
        if self.state is OrderState.PAID and self.given_back_minor < self.total_minor:
            return sum(line.quantity for line in self.lines)
        return sum(piece.can_return for line in self.lines for piece in line.pieces)

    @property
    def pieces(self) -> int:
        """How many pieces have been delivered."""
        return sum(len(line.pieces) for line in self.lines)


def get_order(order_id: UUID) -> Order | None:
    """An order whoever's it is, for rooms of the shop itself; None if there is none."""
    return session().get(Order, order_id, populate_existing=True)


def order_of(buyer_id: UUID, order_id: UUID) -> Order:
    """The buyer's own order; NoSuchOrder for a stranger's."""
    order = get_order(order_id)
    if order is None or order.buyer_id != buyer_id:
        raise NoSuchOrder
    return order


def is_buyer(user_id: UUID | None, order_id: UUID) -> bool:
    """Whether the order is this user's; None, a guest, has none."""
    return (
        user_id is not None
        and session()
        .execute(select(Order.id).where(Order.id == order_id, Order.buyer_id == user_id))
        .first()
        is not None
    )


def purchase_of(buyer_id: UUID, order_id: UUID) -> Purchase:
    """The buyer's own purchase; NoSuchOrder for a stranger's."""
    order = _with_descriptions(order_id)
    if order is None or order.buyer_id != buyer_id:
        raise NoSuchOrder
    payment = payment_for(order_id)
    state = payment.state if payment else None
    pieces, has_refunds, has_claims = _pieces(order_id)
    if not pieces:  # nothing told of them
        has_refunds = order.given_back_minor > 0
    return Purchase(
        id=order.id,
        number=order.number,
        buyer_id=order.buyer_id,
        checkout_key=order.checkout_key,
        state=order.state,
        payment=state,
        stage=stage_of(order.state, state, order.total_minor, order.given_back_minor),
        total_minor=order.total_minor,
        currency=order.currency,
        cancel_reason=order.cancel_reason,
        created_at=order.created_at,
        expires_at=order.expires_at,
        paid_at=order.paid_at,
        delivered_at=order.delivered_at,
        waits_for_stock=order.state is OrderState.PAID and order.delivery_tries > 0,
        lines=tuple(_line(line, pieces.get(line.id, ())) for line in order.lines),
        refunds=tuple(refunds_of(order_id)) if has_refunds else (),
        claims=tuple(claims_on(order_id)) if has_claims else (),
        disputes=_disputes(order),
    )


def _disputes(order: Order) -> tuple[DisputeOf, ...]:
    """Not asked for where nothing is disputed or went back."""
    if not any(line.is_disputed or line.given_back_minor for line in order.lines):
        return ()
    return tuple(disputes_of_order(order.id))


def _with_descriptions(order_id: UUID) -> Order | None:
    return (
        session()
        .scalars(
            select(Order)
            .where(Order.id == order_id)
            .options(joinedload(Order.lines).undefer(OrderLine.description))
            .execution_options(populate_existing=True)
        )
        .unique()
        .one_or_none()
    )


def _line(line: OrderLine, pieces: Sequence[Piece]) -> PurchaseLine:
    return PurchaseLine(
        id=line.id,
        product_id=line.product_id,
        title=line.title,
        description=line.description,
        kind=line.kind,
        shared=line.shared,
        seller_id=line.seller_id,
        seller_name=line.seller_name,
        photo_id=line.photo_id,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        given_back_minor=line.given_back_minor,
        refund_days=line.refund_days,
        disputed=line.is_disputed,
        pieces=tuple(pieces),
    )


def _has_refunds(order_id: UUID) -> ColumnElement[bool]:
    return (
        exists()
        .where(Refund.payment_id == Payment.id, Payment.reference == order_id)
        .correlate(None)
    )


def _pieces(order_id: UUID) -> tuple[dict[UUID, list[Piece]], bool, bool]:
    """An order's pieces by line; and whether it has refunds, and claims, if it has pieces."""
    rows = session().execute(
        select(
            Delivery.id,
            Delivery.line_id,
            Delivery.position,
            Delivery.revealed_at,
            RefundedPiece.line_id.is_not(None).label("refunded"),
            and_(
                RefundedPiece.line_id.is_(None),
                OrderLine.is_disputed.is_(False),
                Delivery.revealed_at.is_(None),
                OrderLine.given_back_minor < OrderLine.quantity * OrderLine.unit_price_minor,
                func.statement_timestamp()
                < Order.delivered_at + func.make_interval(0, 0, 0, OrderLine.refund_days),
            ).label("can_return"),
            _has_refunds(order_id).label("has_refunds"),
            exists().where(Claim.order_id == order_id).label("has_claims"),
        )
        .join(OrderLine, OrderLine.id == Delivery.line_id)
        .join(Order, Order.id == Delivery.order_id)
        .outerjoin(
            RefundedPiece,
            and_(
                RefundedPiece.line_id == Delivery.line_id,
                RefundedPiece.position == Delivery.position,
            ),
        )
        .where(Delivery.order_id == order_id)
        .order_by(Delivery.line_id, Delivery.position)
    )
    by_line: dict[UUID, list[Piece]] = {}
    has_refunds = has_claims = False
    for row in rows:
        has_refunds, has_claims = row.has_refunds, row.has_claims
        piece = Piece(row.id, row.position + 1, row.revealed_at, row.refunded, row.can_return)
        by_line.setdefault(row.line_id, []).append(piece)
    return by_line, has_refunds, has_claims
