"""Requests for the money of what was revealed, as programs send and get them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.kit.api.schemas import Input, Listing, Output, Paged
from app.orders.models.claims import ClaimKind, ClaimState
from app.orders.policy import MAX_QUANTITY, REASON_MAX, REASON_MIN


class ClaimOut(Output):
    """A request for the money of revealed items; `answer` is the seller's."""

    id: UUID
    order_id: UUID
    order_number: str
    line_id: UUID
    title: str
    pieces: list[int]
    kind: ClaimKind
    reason: str
    state: ClaimState
    answer: str | None
    decision: str | None = Field(description="of a moderator")
    refund_failed: bool = Field(
        description="whether its refund came to nothing; accepting or granting it tries again"
    )
    opened_at: datetime
    changed_at: datetime


class ClaimIn(Input):
    """What is wrong with which items of a line, by their numbers."""

    line_id: UUID
    pieces: list[int] = Field(min_length=1, max_length=MAX_QUANTITY)
    kind: ClaimKind = Field(description="`other` only as long as it could be returned unopened")
    reason: str = Field(min_length=REASON_MIN, max_length=REASON_MAX)


class ClaimsQuery(Paged):
    """Which page of the claims."""


class ClaimList(Listing[ClaimOut]):
    """A page of what your buyers ask for, newest first."""


class AcceptIn(Input):
    """A word to the buyer, if you like."""

    answer: str = Field("", max_length=REASON_MAX)


class DeclineIn(Input):
    """Why; the buyer reads it."""

    reason: str = Field(min_length=REASON_MIN, max_length=REASON_MAX)
