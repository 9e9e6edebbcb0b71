"""Money and what PayPal tells of it, as programs of administrators see it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.kit.api.schemas import Flag, Input, Listing, Money, Output, Paged
from app.payments.models import CameBy
from app.payments.policy import REASON_MAX, REASON_MIN
from app.payments.queries.events import HandlingState
from app.payments.queries.reconciling import DifferenceKind

WORDS_MAX = 255


class EventsQuery(Paged):
    """Which events."""

    type: str = Field("", max_length=WORDS_MAX, description="of one type only")
    q: str = Field(
        "",
        max_length=WORDS_MAX,
        description="an id of PayPal's, of the event or what it is about, or an order's id",
    )
    unfinished: Flag = Field(False, description="only those whose handling isn't done")


class EventOut(Output):
    """An event of PayPal's. `order_id` is the order whose payment it is about."""

    id: UUID
    event_id: str
    type: str
    came_by: CameBy
    received_at: datetime
    resource_id: str | None
    order_id: UUID | None
    state: HandlingState | None


class EventList(Listing[EventOut]):
    """A page of events, newest first."""


class HandlingOut(Output):
    """One handling of an event. `by` is who had it run again."""

    at: datetime
    by: str | None
    state: HandlingState
    attempts: int
    done_at: datetime | None
    error: str | None


class StoryOut(EventOut):
    """An event with what it says, and what became of it."""

    body: dict[str, Any]
    handlings: list[HandlingOut]


class BooksOut(Output):
    """The platform's books now: cash, held and receivable come to owed and left."""

    cash: Money = Field(description="the balance at PayPal")
    held: Money = Field(description="what PayPal holds because of disputes")
    receivable: Money = Field(description="what sellers owe, because more went back than they had")
    debtors: int = Field(description="how many sellers that are")
    pending: Money
    available: Money
    in_payout: Money
    disputed: Money
    owed: Money = Field(description="all that sellers are owed")
    commission: Money
    fees: Money = Field(description="what PayPal took")
    differences: Money
    left: Money = Field(description="commission and differences, less fees")
    adds_up: bool


class DifferencesQuery(Paged):
    """Which differences."""

    closed: Flag = Field(False, description="those that are closed instead of those that are open")


class DifferenceOut(Output):
    """Where PayPal's list and the ledger don't agree about one thing."""

    id: UUID
    kind: DifferenceKind
    ours: Money = Field(description="what moved PayPal's cash by the ledger")
    theirs: Money = Field(description="what PayPal lists, with its fees")
    found_at: datetime
    checked_at: datetime
    closed_at: datetime | None
    corrected: Money | None = Field(description="what a person booked to have them agree")
    reason: str | None
    order_id: UUID | None
    paypal_capture_id: str | None


class DifferenceList(Listing[DifferenceOut]):
    """A page of differences, newest first."""


class CorrectionIn(Input):
    """Why a difference is booked."""

    reason: str = Field(min_length=REASON_MIN, max_length=REASON_MAX)
