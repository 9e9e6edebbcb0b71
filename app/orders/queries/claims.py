"""Claims, as buyers, sellers and moderators see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select

from app.auth.models import User
from app.kit.db import session
from app.kit.ids import short_number
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total
from app.orders.models import OrderLine
from app.orders.models.claims import Claim, ClaimKind, ClaimState, SellerClaims
from app.orders.policy import ANSWER_WITHIN, may_call
from app.payments.models.refunds import Refund, RefundState

# Of a refund that may still fail.
UNDER_WAY = (RefundState.CREATED, RefundState.PENDING)


@dataclass(frozen=True)
class ClaimOf:
    """A claim with what it is about."""

    id: UUID
    order_id: UUID
    order_number: str
    line_id: UUID
    title: str
    buyer_id: UUID
    buyer_name: str
    seller_id: UUID
    seller_name: str
    pieces: tuple[int, ...]
    kind: ClaimKind
    reason: str
    state: ClaimState
    answer: str | None
    decision: str | None
    refund_state: RefundState | None
    refund_issue: str | None
    opened_at: datetime
    changed_at: datetime
    can_call: bool

    @property
    def refund_failed(self) -> bool:
        """Whether its last refund came to nothing; `refund_issue` is PayPal's word for why."""
        return self.refund_state is RefundState.FAILED

    @property
    def bars_others(self) -> bool:
        """Whether nothing else of its line can be asked for: it may still be decided on."""
        return self.is_live or self.refund_state in UNDER_WAY

    @property
    def answer_by(self) -> datetime:
        """Until when the seller has to answer."""
        return self.opened_at + ANSWER_WITHIN

    @property
    def is_live(self) -> bool:
        """Whether somebody is to answer it."""
        return self.state in {ClaimState.OPEN, ClaimState.CALLED}


_EVERY = (
    select(
        Claim,
        OrderLine.title,
        OrderLine.seller_name,
        User.display_name,
        Refund.state,
        Refund.issue,
        func.statement_timestamp().label("now"),
    )
    .join(OrderLine, OrderLine.id == Claim.line_id)
    .join(User, User.id == Claim.buyer_id)
    .outerjoin(Refund, Refund.id == Claim.refund_id)
)


def claims_on(order_id: UUID, *, seller_id: UUID | None = None) -> list[ClaimOf]:
    """The claims of an order, the newest first; of one seller's lines, if named."""
    query = _EVERY.where(Claim.order_id == order_id)
    if seller_id is not None:
        query = query.where(Claim.seller_id == seller_id)
    return _read(query.order_by(Claim.id.desc()))


def claim_with(claim_id: UUID) -> ClaimOf | None:
    """A claim whoever's it is, for rooms of the shop itself; None if there is none."""
    found = _read(_EVERY.where(Claim.id == claim_id))
    return found[0] if found else None


def is_asked_for(line_id: UUID) -> bool:
    """Whether a claim on a line waits for somebody, or for its refund, which may still fail."""
    query = (
        select(Claim.id)
        .outerjoin(Refund, Refund.id == Claim.refund_id)
        .where(
            Claim.line_id == line_id,
            or_(Claim.state.in_([ClaimState.OPEN, ClaimState.CALLED]), Refund.state.in_(UNDER_WAY)),
        )
    )
    return session().execute(query.limit(1)).first() is not None


def claims_of_seller(
    seller_id: UUID, *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[ClaimOf]:
    """A page of the claims of a seller's buyers, the newest first; Invalid for a broken cursor."""
    return _page(_EVERY.where(Claim.seller_id == seller_id), after, size, counted=counted)


def called_claims(
    *, after: str | None = None, size: int = PAGE_SIZE, counted: bool = False
) -> Page[ClaimOf]:
    """A page of the claims that a moderator is to decide; Invalid for a broken cursor."""
    return _page(_EVERY.where(Claim.state == ClaimState.CALLED), after, size, counted=counted)


def _page(
    every: Select[*tuple[Any, ...]], after: str | None, size: int, *, counted: bool
) -> Page[ClaimOf]:
    query = every.order_by(Claim.id.desc()).limit(size + 1)
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(Claim.id < last)
    page = cut(_read(query), size, lambda claim: (claim.id,))
    return with_total(page, every, after) if counted else page


def _read(query: Select[*tuple[Any, ...]]) -> list[ClaimOf]:
    rows = session().execute(query.execution_options(populate_existing=True))
    return [
        ClaimOf(
            id=claim.id,
            order_id=claim.order_id,
            order_number=short_number(claim.order_id),
            line_id=claim.line_id,
            title=title,
            buyer_id=claim.buyer_id,
            buyer_name=buyer_name,
            seller_id=claim.seller_id,
            seller_name=seller_name,
            pieces=tuple(claim.pieces),
            kind=claim.kind,
            reason=claim.reason,
            state=claim.state,
            answer=claim.answer,
            decision=claim.decision,
            refund_state=refund_state,
            refund_issue=refund_issue,
            opened_at=claim.opened_at,
            changed_at=claim.changed_at,
            can_call=may_call(claim.state, claim.opened_at, now),
        )
        for claim, title, seller_name, buyer_name, refund_state, refund_issue, now in rows
    ]


def invalid_pieces_of(seller_id: UUID) -> int:
    """How many of a seller's pieces turned out to be invalid."""
    count = select(SellerClaims.invalid_pieces).where(SellerClaims.seller_id == seller_id)
    return session().scalar(count) or 0
