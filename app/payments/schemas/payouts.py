"""Payouts as programs send and get them."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from app.kit.api.schemas import Flag, Input, Listing, Money, Output, Paged
from app.payments.models.payouts import PayoutAct, PayoutState
from app.payments.policy import REASON_MAX, REASON_MIN, Obstacle


class PayoutsQuery(Paged):
    """Which page of the payouts."""


class PayoutOut(Output):
    """A payout of yours.

    `requested` is whether you asked for it; `issue` is PayPal's word for what is wrong; `fee` is
    what PayPal took for it from the shop, null while nothing was sent.
    """

    id: UUID
    number: str
    state: PayoutState
    amount: Money
    fee: Money | None
    receiver: str
    requested: bool
    issue: str | None
    started_at: datetime
    changed_at: datetime


class PayoutList(Listing[PayoutOut]):
    """A page of payouts, newest first."""


class NextPayoutOut(Output):
    """When you are paid next: `next_on` in UTC, null where no day is known.

    `due` is what is available by then, as far as is known now. `obstacle` stands in the way of
    that payout, `obstacle_now` in the way of one that is requested now; null: nothing does.
    """

    next_on: date | None
    due: Money
    available: Money
    minimum: Money
    paypal_email: str | None
    paused_until: datetime | None
    obstacle: Obstacle | None
    obstacle_now: Obstacle | None


class AllPayoutsQuery(Paged):
    """Which payouts."""

    state: PayoutState | None = None
    odd: Flag = Field(
        False,
        description="only those that need a person: PayPal says what can't be, or nothing",
    )


class PayoutDecisionIn(Input):
    """Why it is decided so; kept with the decision."""

    reason: str = Field(min_length=REASON_MIN, max_length=REASON_MAX)


class PayoutDecisionOut(Output):
    """What an administrator had done with a payout."""

    act: PayoutAct
    reason: str
    actor_name: str
    at: datetime


class AnyPayoutOut(Output):
    """A payout as administrators see it; `acts` are what may be done about it.

    `contradiction` is what PayPal says of it that can't be after what was booked. `decisions` are
    not told in lists.
    """

    id: UUID
    number: str
    seller_id: UUID
    seller_name: str
    state: PayoutState
    amount: Money
    fee: Money | None
    receiver: str
    requested: bool
    issue: str | None
    contradiction: str | None
    started_at: datetime
    changed_at: datetime
    paypal_item_id: str | None
    paypal_batch_id: str | None
    acts: list[PayoutAct]
    decisions: list[PayoutDecisionOut]


class AnyPayoutList(Listing[AnyPayoutOut]):
    """A page of everybody's payouts, newest first."""
