"""Baskets, orders and sales as programs send and get them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.kit.api.schemas import Flag, Input, Listing, Money, Output, Paged
from app.orders.models import OrderState
from app.orders.policy import MAX_QUANTITY
from app.orders.queries.basket import Problem
from app.orders.queries.purchases import Stage
from app.orders.service.capturing import CaptureState
from app.payments.models import PaymentState

WORDS_MAX = 100


class BasketLineIn(Input):
    """Pieces to put into the basket, besides those that are there."""

    product_id: UUID
    quantity: int = Field(1, ge=1, le=MAX_QUANTITY)


class QuantityIn(Input):
    """How many pieces there are to be."""

    quantity: int = Field(ge=1, le=MAX_QUANTITY)


class BasketLineOut(Output):
    """A line against its product now. `free` is null where there is no end of it."""

    product_id: UUID
    title: str
    seller_name: str
    quantity: int
    price: Money = Field(description="of one piece, today")
    seen_price: Money = Field(description="of one piece, when it was last agreed to")
    total: Money
    free: int | None
    problem: Problem | None = Field(description="why it can't be bought as it stands")


class BasketOut(Output):
    """The basket; `checkout_key` stands for just this content and is null for an empty one."""

    checkout_key: UUID | None
    lines: list[BasketLineOut]
    total: Money
    ready: bool = Field(description="whether it can be ordered as it stands")


class OrderIn(Input):
    """Which basket is ordered: its `checkout_key`, so that one basket makes one order."""

    checkout_key: UUID


class PlacedOut(Output):
    """An order that waits for its buyer's yes at PayPal."""

    id: UUID
    paypal_order_id: str
    approve_url: str | None = Field(description="PayPal's page where the buyer says yes")


class CapturedOut(Output):
    """What became of the wish to pay."""

    state: CaptureState
    message: str


class CancelledOut(Output):
    """Whether the order could still be given up."""

    cancelled: bool


class OrdersQuery(Paged):
    """Which of one's orders."""

    q: str = Field("", max_length=WORDS_MAX, description="words of titles, sellers, or a number")
    unfinished: Flag = Field(False, description="those that came to nothing instead of the others")


class OrderListed(Output):
    """An order in its buyer's list."""

    id: UUID
    number: str
    state: OrderState
    total: Money
    titles: list[str]
    created_at: datetime
    paid_at: datetime | None


class OrderList(Listing[OrderListed]):
    """A page of one's orders, newest first."""


class PieceOut(Output):
    """One bought piece; its text comes with a reveal."""

    id: UUID
    number: int
    revealed_at: datetime | None


class OrderLineOut(Output):
    """A listing as it was bought, and its pieces once they are delivered."""

    id: UUID
    product_id: UUID
    title: str
    description: str
    kind: str
    shared: bool
    seller_name: str
    quantity: int
    price: Money = Field(description="of one piece")
    total: Money
    pieces: list[PieceOut]


class OrderOut(Output):
    """An order. `stage` is what its page says, from the order's and the payment's state."""

    id: UUID
    number: str
    state: OrderState
    payment: PaymentState | None
    stage: Stage
    total: Money
    cancel_reason: str | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    delivered_at: datetime | None
    lines: list[OrderLineOut]


class RevealedPiece(Output):
    """A bought piece in clear text."""

    id: UUID
    value: str


class Revealed(Output):
    """What was bought, in clear text. Each reveal is recorded."""

    pieces: list[RevealedPiece]


class SalesQuery(Paged):
    """Which page of one's sales."""


class SaleOut(Output):
    """One sold line: gross = commission + share."""

    line_id: UUID
    order_number: str
    title: str
    kind: str
    quantity: int
    gross: Money
    commission: Money
    share: Money
    paid_at: datetime
    delivered: bool
    release_at: datetime | None = Field(description="when the share becomes available")
    released_at: datetime | None


class SaleList(Listing[SaleOut]):
    """A page of one's sales, newest first."""


class BalanceOut(Output):
    """What the shop owes a seller, and the sums over all sales."""

    pending: Money
    available: Money
    gross: Money
    commission: Money
    sales: int
    pieces: int
