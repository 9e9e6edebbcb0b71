"""Baskets, orders and sales as programs send and get them."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from app.kit.api.schemas import (
    CountedOrNull,
    Flag,
    Input,
    Listing,
    Money,
    Number,
    Output,
    Paged,
)
from app.orders.models import OrderState
from app.orders.policy import MAX_QUANTITY, REASON_MAX, REASON_MIN
from app.orders.queries.basket import Problem
from app.orders.queries.stages import Stage
from app.orders.schemas.claims import ClaimOut
from app.orders.service.capturing import CaptureState
from app.payments.models import AccountKind, HoldReason, Movement, PaymentState
from app.payments.models.refunds import RefundSource, RefundState

WORDS_MAX = 100


class SellerAccount(StrEnum):
    """The accounts of a seller."""

    AVAILABLE = AccountKind.SELLER_AVAILABLE.value
    PENDING = AccountKind.SELLER_PENDING.value
    IN_PAYOUT = AccountKind.SELLER_IN_PAYOUT.value
    DISPUTED = AccountKind.SELLER_DISPUTED.value


class BasketLineIn(Input):
    """Items to add to the basket, in addition to those already in it."""

    product_id: UUID
    quantity: int = Field(1, ge=1, le=MAX_QUANTITY)


class QuantityIn(Input):
    """The new quantity."""

    quantity: int = Field(ge=1, le=MAX_QUANTITY)


class BasketLineOut(Output):
    """A basket line with the current state of its product. `free` is null if stock is unlimited."""

    product_id: UUID
    title: str
    seller_name: str
    quantity: int
    price: Money = Field(description="per item, current")
    seen_price: Money = Field(description="per item, as last accepted")
    refund_days: int = Field(description="days to return what is not revealed, current")
    seen_refund_days: int = Field(description="the same, as last accepted")
    total: Money
    free: CountedOrNull
    problem: Problem | None = Field(description="why it can't be bought right now")


class BasketOut(Output):
    """The basket; `checkout_key` identifies exactly this content and is null if it is empty."""

    checkout_key: UUID | None
    lines: list[BasketLineOut]
    total: Money
    ready: bool = Field(description="whether it can be ordered right now")


class OrderIn(Input):
    """The basket to order, by its `checkout_key`, so that one basket makes one order."""

    checkout_key: UUID


class PlacedOut(Output):
    """An order that waits for the buyer's approval at PayPal."""

    id: UUID
    paypal_order_id: str
    approve_url: str | None = Field(
        description="the PayPal page where the buyer approves the payment"
    )


class CapturedOut(Output):
    """The result of a capture."""

    state: CaptureState
    message: str


class CancelledOut(Output):
    """Whether the order could still be cancelled."""

    cancelled: bool


class OrdersQuery(Paged):
    """Which of one's orders."""

    q: str = Field(
        "",
        max_length=WORDS_MAX,
        description="words from titles or seller names, or an order number",
    )
    unfinished: Flag = Field(False, description="list expired and cancelled orders instead")


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
    """A page of your orders, newest first."""


class PieceOut(Output):
    """A bought item; reveal it to get its text."""

    id: UUID
    number: int
    revealed_at: datetime | None
    refunded: bool = Field(description="or being refunded: it can't be revealed any more")


class OrderLineOut(Output):
    """A product as bought, with its items once they are delivered."""

    id: UUID
    product_id: UUID
    title: str
    description: str
    kind: str
    shared: bool
    seller_name: str
    quantity: int
    price: Money = Field(description="per item")
    total: Money
    refunded: Money = Field(description="what goes back of the total, or went")
    refund_days: int = Field(
        description="for how many days after the delivery unopened items can be returned; 0: not"
    )
    pieces: list[PieceOut]


class RefundOut(Output):
    """A refund. `issue` is PayPal's word for why it failed."""

    id: UUID
    state: RefundState
    amount: Money
    source: RefundSource = Field(description="who refunds")
    reason: str
    issue: str | None
    created_at: datetime
    ended_at: datetime | None


class OrderOut(Output):
    """An order. `stage` combines the states of the order and its payment."""

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
    refunds: list[RefundOut]
    claims: list[ClaimOut]


class RevealedPiece(Output):
    """A bought item in clear text."""

    id: UUID
    value: str


class Revealed(Output):
    """What was bought, in clear text. Each reveal is recorded."""

    pieces: list[RevealedPiece]


class SalesQuery(Paged):
    """Which page of one's sales."""


class SaleOut(Output):
    """A sale: gross = commission + share."""

    line_id: UUID
    order_number: str
    title: str
    kind: str
    quantity: int
    gross: Money
    commission: Money
    commission_basis_points: int | None = Field(
        description="the rate it came of, 1000 is 10 %; null for sales before rates were kept"
    )
    share: Money
    paid_at: datetime
    delivered: bool
    release_at: datetime | None = Field(description="when the earnings become available")
    released_at: datetime | None
    hold_reason: HoldReason | None = Field(
        description="why not earlier; null for sales before reasons were kept"
    )
    refunded: Money = Field(description="what goes back of the gross, or went")
    disputed: bool = Field(description="whether PayPal has a dispute about it to decide")


class SaleList(Listing[SaleOut]):
    """A page of your sales, newest first."""


class ReturnIn(Input):
    """Which item to return; null for all that are unopened."""

    piece_id: UUID | None = None


class RefundIn(Input):
    """What to refund: a line, of it some items or an amount; all your lines if nothing is named.

    With an amount the buyer keeps the items.
    """

    line_id: UUID | None = None
    pieces: list[int] = Field(
        default_factory=list, max_length=MAX_QUANTITY, description="numbers of items of the line"
    )
    amount_minor: int | None = Field(None, ge=1, le=10**12, description="in minor units")
    reason: str = Field(min_length=REASON_MIN, max_length=REASON_MAX)


class Refunds(Output):
    """The refunds of an order, newest first."""

    items: list[RefundOut]


class BalanceOut(Output):
    """A seller's balance and the totals of all sales."""

    pending: Money
    available: Money
    gross: Money
    commission: Money
    sales: int
    pieces: int
    hold_days: int = Field(description="for how long the earnings of a sale made now are held")
    hold_reason: HoldReason


class EntriesQuery(Paged):
    """Which entries."""

    account: SellerAccount | None = Field(None, description="of one account only")


class EntryOut(Output):
    """An entry of an account; positive amounts are owed to you.

    `title` and `order_number` say which sale it is about, where it is about one.
    """

    id: str
    at: datetime
    movement: Movement
    account: SellerAccount
    amount: Money
    balance: Money = Field(description="what the account holds with this entry")
    title: str | None
    order_number: str | None


class EntryList(Listing[EntryOut]):
    """A page of entries, newest first."""


class StatementQuery(Input):
    """Of which month."""

    month: str = Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])


class MovedOut(Output):
    """What movements of a kind came to in a month."""

    movement: Movement
    amount: Money


class AccountMonthOut(Output):
    """A month of an account: opening, and what moved, come to closing."""

    account: SellerAccount
    opening: Money
    moved: list[MovedOut]
    closing: Money


class StatementOut(Output):
    """A month of all your accounts, in UTC."""

    month: str
    accounts: list[AccountMonthOut]
    opening: Money
    closing: Money


class IncomeQuery(Input):
    """Of how many days."""

    days: Number = Field(30, ge=1, le=366, description="so many days up to today, in UTC")


class DayOut(Output):
    """A day's income; below zero where more went back than was sold."""

    day: date
    income: Money


class IncomeOut(Output):
    """The income of each day, the oldest first."""

    days: list[DayOut]
