"""People as administrators see them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.auth.models import Role
from app.chats.service.reporting import LONGEST_REASON
from app.kit.api.schemas import Flag, Input, Listing, Money, Output, Paged
from app.kit.money import BASIS_POINTS
from app.orders.models import OperatorAct, OrderState
from app.orders.models.claims import ClaimKind, ClaimState
from app.orders.policy import MAX_QUANTITY
from app.orders.policy import REASON_MAX as PAYMENT_REASON_MAX
from app.orders.policy import REASON_MIN as PAYMENT_REASON_MIN
from app.orders.queries.stuck import StuckKind
from app.payments.models.disputes import DisputeSource, DisputeStage, DisputeState
from app.products.models import ProductState
from app.products.service.products import REASON_MAX
from app.reviews.models import REASON_MAX as HIDING_MAX
from app.reviews.models import REASON_MIN as HIDING_MIN

WORDS_MAX = 100


class UsersQuery(Paged):
    """Which people."""

    q: str = Field(
        "",
        max_length=WORDS_MAX,
        description="part of the email address or the name; one or two letters: their beginning",
    )
    role: Role | None = None
    banned: Flag | None = None


class UserOut(Output):
    """A user, as administrators see them."""

    id: UUID
    email: str
    display_name: str
    locale: str
    roles: list[str]
    paypal_email: str | None
    confirmed_at: datetime | None
    banned_at: datetime | None
    created_at: datetime


class UserList(Listing[UserOut]):
    """A page of users, newest first."""


class RemovalIn(Input):
    """Why a product is removed."""

    reason: str = Field(min_length=1, max_length=REASON_MAX)


class ModeratedOut(Output):
    """A product after moderation."""

    id: UUID
    state: ProductState
    removed_reason: str | None


class ReportedTalksQuery(Paged):
    """Which page of the reported conversations."""


class TalkReportOut(Output):
    """Why somebody reported a conversation, or a moderator closed that."""

    user_id: UUID
    reason: str
    at: datetime


class ReportedTalkOut(Output):
    """A reported conversation; its messages are read by whoever joins."""

    id: UUID
    product_id: UUID | None
    order_id: UUID | None
    buyer_id: UUID
    seller_id: UUID
    title: str = Field(description="of what it is about")
    reported_at: datetime
    reports: list[TalkReportOut]
    closings: list[TalkReportOut] = Field(description="of earlier reports")


class ReportedTalkList(Listing[ReportedTalkOut]):
    """A page of reported conversations, the latest report first."""


class ClosingIn(Input):
    """Why a report is closed; kept for other moderators."""

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


class ClosedTalkOut(Output):
    """A conversation whose reports are closed."""

    id: UUID


class WaitingClaimsQuery(Paged):
    """Which page of the claims that wait for a decision."""


class WaitingClaimOut(Output):
    """A request for the money of revealed items, with both sides."""

    id: UUID
    order_id: UUID
    order_number: str
    line_id: UUID
    title: str
    buyer_id: UUID
    buyer_name: str
    seller_id: UUID
    seller_name: str
    pieces: list[int]
    kind: ClaimKind
    reason: str
    state: ClaimState
    answer: str | None = Field(description="of the seller")
    decision: str | None = Field(description="of a moderator")
    refund_failed: bool = Field(
        description="whether its refund came to nothing; granting it tries again"
    )
    opened_at: datetime
    changed_at: datetime


class WaitingClaimList(Listing[WaitingClaimOut]):
    """A page of claims that wait for a decision, newest first."""


class ClaimDecisionIn(Input):
    """Why it is decided so; buyer and seller are told."""

    reason: str = Field(min_length=PAYMENT_REASON_MIN, max_length=PAYMENT_REASON_MAX)


class StuckPaymentsQuery(Paged):
    """Which page of the stuck payments."""


class DecisionOut(Output):
    """What an administrator decided about a stuck payment."""

    act: OperatorAct
    reason: str
    actor_name: str
    at: datetime


class StuckPaymentOut(Output):
    """A payment that waits for a person.

    `taken` is what PayPal has where that is not what was asked for; `acts` are what may be done.
    """

    order_id: UUID
    number: str
    kind: StuckKind
    buyer_id: UUID
    buyer_name: str
    buyer_email: str
    total: Money
    taken: Money | None
    issue: str | None
    paypal_order_id: str | None
    since: datetime
    acts: list[OperatorAct]
    decision: DecisionOut | None


class StuckPaymentList(Listing[StuckPaymentOut]):
    """A page of stuck payments, newest order first."""


class PaymentDecisionIn(Input):
    """Why it is decided so; kept with the decision."""

    reason: str = Field(min_length=PAYMENT_REASON_MIN, max_length=PAYMENT_REASON_MAX)


class OrderRefundIn(Input):
    """What of an order to refund: a line, of it some items or an amount; all if nothing is named.

    With an amount the buyer keeps the items.
    """

    line_id: UUID | None = None
    pieces: list[int] = Field(
        default_factory=list, max_length=MAX_QUANTITY, description="numbers of items of the line"
    )
    amount_minor: int | None = Field(None, ge=1, le=10**12, description="in minor units")
    reason: str = Field(min_length=PAYMENT_REASON_MIN, max_length=PAYMENT_REASON_MAX)


class RefundedOut(Output):
    """A refund that PayPal is asked for."""

    order_id: UUID
    refund_id: UUID


class DecidedOut(Output):
    """An order after a decision about its payment; `stuck` whether it waits for a person still."""

    order_id: UUID
    state: OrderState
    stuck: bool


class ReportsQuery(Paged):
    """Which page of the reports."""


class ReportOut(Output):
    """A report of a review that nobody has decided on."""

    id: UUID
    review_id: UUID
    product_id: UUID
    stars: int
    text: str
    user_id: UUID
    reason: str
    created_at: datetime


class ReportList(Listing[ReportOut]):
    """A page of reports, newest first."""


class HidingIn(Input):
    """Why a review is hidden; its author is told."""

    reason: str = Field(min_length=HIDING_MIN, max_length=HIDING_MAX)


class ModeratedReviewOut(Output):
    """A review after moderation."""

    id: UUID
    hidden_at: datetime | None
    hidden_reason: str | None


class CommissionIn(Input):
    """A rate of commission."""

    basis_points: int | None = Field(
        ge=0,
        le=BASIS_POINTS,
        description="what the shop takes, of 10,000: 1000 is 10 %; null: as if none had been set",
    )


class CommissionOut(Output):
    """What the shop takes where no rate is set; `order` says which rate wins, the first one set."""

    default_basis_points: int
    order: list[str]


class RatesQuery(Paged):
    """Which page of the rates."""


class RateOut(Output):
    """A rate of one category or one seller."""

    category_id: UUID | None
    category_name: str | None
    seller_id: UUID | None
    seller_name: str | None
    basis_points: int


class RateList(Listing[RateOut]):
    """A page of rates, newest first."""


class RateChangesQuery(Paged):
    """Which page of the history."""


class RateChangeOut(Output):
    """A change of a rate; null is none of its own."""

    category_id: UUID | None
    category_name: str | None
    seller_id: UUID | None
    seller_name: str | None
    before: int | None
    after: int | None
    changed_by: UUID
    changed_by_name: str
    changed_at: datetime


class RateChangeList(Listing[RateChangeOut]):
    """A page of changes, newest first."""


class PromiseOut(Output):
    """Something that must hold whatever happens; `holds` is null while that could not be told."""

    name: str
    holds: bool | None
    detail: str = Field(description="the first things that break it")
    checked_at: datetime | None
    broken_since: datetime | None


class PromisesOut(Output):
    """All promises."""

    items: list[PromiseOut]


class AdminDisputesQuery(Paged):
    """Which disputes."""

    state: DisputeState | None = None


class AdminDisputeListed(Output):
    """A dispute of a payment."""

    id: UUID
    order_id: UUID
    number: str = Field(description="of the order")
    buyer_id: UUID
    paypal_id: str
    source: DisputeSource
    state: DisputeState
    stage: DisputeStage
    paypal_status: str
    reason: str
    outcome: str | None
    amount: Money
    held: Money
    lost: Money
    fee: Money = Field(description="what PayPal charges for it")
    respond_by: datetime | None
    awaits_evidence: bool
    opened_at: datetime
    ended_at: datetime | None


class AdminDisputeList(Listing[AdminDisputeListed]):
    """A page of disputes, newest first."""


class EvidenceOut(Output):
    """What was said to PayPal at a stage; `sent_at` is null until PayPal has it."""

    id: UUID
    stage: DisputeStage
    asked_by: UUID | None = Field(description="null: sent by itself before the deadline")
    notes: str
    created_at: datetime
    sent_at: datetime | None
    issue: str | None


class AdminDisputeOut(AdminDisputeListed):
    """A dispute with what was said to it."""

    note: str = Field(description="what the buyer has written to PayPal")
    can_answer: bool
    evidence: list[EvidenceOut]
