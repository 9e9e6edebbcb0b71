"""Tables of claims."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id


class ClaimKind(StrEnum):
    """What a buyer says is wrong with what they have opened."""

    INVALID = "invalid"  # it does not work
    NOT_AS_DESCRIBED = "not_as_described"
    OTHER = "other"  # only as long as it could be returned unopened


class ClaimState(StrEnum):
    """The state of a claim."""

    OPEN = "open"  # the seller is to answer
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CALLED = "called"  # a moderator is to decide
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


CLAIM_TRANSITIONS: dict[ClaimState, frozenset[ClaimState]] = {
    ClaimState.OPEN: frozenset(
        {ClaimState.ACCEPTED, ClaimState.DECLINED, ClaimState.CALLED, ClaimState.WITHDRAWN}
    ),
    ClaimState.DECLINED: frozenset({ClaimState.CALLED, ClaimState.WITHDRAWN}),
    ClaimState.CALLED: frozenset(
        {ClaimState.ACCEPTED, ClaimState.GRANTED, ClaimState.REFUSED, ClaimState.WITHDRAWN}
    ),
    # A moderator looks again where the refund failed.
    ClaimState.ACCEPTED: frozenset({ClaimState.CALLED}),
    ClaimState.GRANTED: frozenset({ClaimState.CALLED}),
    ClaimState.REFUSED: frozenset(),
    ClaimState.WITHDRAWN: frozenset(),
}


class Claim(Model):
    """A buyer asks for the money of pieces that were opened; `pieces` are numbered from 1.

    `answer` is the seller's word, `decision` the moderator's, `refund_id` the last refund that was
    tried. A line has one live claim at a time, or one whose refund is under way.
    """

    __tablename__ = "claim"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    line_id: Mapped[UUID] = mapped_column(ForeignKey("order_line.id"))
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    pieces: Mapped[list[int]] = mapped_column(ARRAY(INTEGER))
    kind: Mapped[ClaimKind] = mapped_column(text_enum(ClaimKind, "known_kind"))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[ClaimState] = mapped_column(text_enum(ClaimState, "known_state"))
    answer: Mapped[str | None] = mapped_column(Text)
    decision: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    refund_id: Mapped[UUID | None] = mapped_column(ForeignKey("refund.id"))
    opened_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        CheckConstraint("cardinality(pieces) > 0", name="some_pieces"),
        Index(
            "uq_claim_live", "line_id", unique=True, postgresql_where="state IN ('open', 'called')"
        ),
        Index("ix_claim_order", "order_id", "id"),
        Index("ix_claim_line", "line_id"),
        Index("ix_claim_refund", "refund_id"),
        Index("ix_claim_seller", "seller_id", "id"),
        Index("ix_claim_called", "id", postgresql_where="state = 'called'"),
    )


class SellerClaims(Model):
    """How many pieces of a seller's turned out to be invalid: by claims accepted, or granted."""

    __tablename__ = "seller_claims"
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    invalid_pieces: Mapped[int] = mapped_column(BigInteger)
