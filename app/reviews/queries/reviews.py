"""Reviews as they are read: of a product, of a person's purchases, and single ones."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, tuple_

from app.auth.models import User
from app.kit.db import lock, read
from app.kit.ids import ids_from
from app.kit.paging import Page, cut, decode_cursor, with_total
from app.orders.models import Order, OrderLine, OrderState
from app.reviews import policy
from app.reviews.errors import NoSuchReview
from app.reviews.models import Review, ReviewVote

PAGE = 10
MOST_LINES = 20  # of one product, bought by one person
_LONGEST_ORDER = timedelta(days=60)  # from an order to its delivery, where it waited for stock
Key = Annotated[int, Field(ge=0, le=2**31 - 1)]


class ReviewSort(StrEnum):
    """The ways in which a product's reviews can be sorted."""

    NEW = "new"
    HELPFUL = "helpful"
    BEST = "best"
    WORST = "worst"


@dataclass(frozen=True)
class ShownReview:
    """A review with what stands beside it. `voted`: the reader found it helpful."""

    id: UUID
    line_id: UUID
    product_id: UUID
    seller_id: UUID
    author_id: UUID
    author_name: str
    stars: int
    text: str
    written_at: datetime
    edited_at: datetime | None
    reply: str | None
    replied_at: datetime | None
    helpful_count: int
    hidden_at: datetime | None
    hidden_reason: str | None
    voted: bool
    may_edit: bool


@dataclass(frozen=True)
class ReviewableLine:
    """A delivered line of the reader's, and their review of it, if there is one."""

    line_id: UUID
    order_id: UUID
    product_id: UUID
    title: str
    delivered_at: datetime
    review: ShownReview | None
    may_write: bool


_VOTED = (
    select(ReviewVote.user_id)
    .where(ReviewVote.review_id == Review.id, ReviewVote.user_id == bindparam("reader_id"))
    .correlate(Review)
    .exists()
)
_MAY_EDIT = (Review.written_at > func.statement_timestamp() - policy.EDITABLE_FOR).label("may_edit")
_EVERY = select(
    Review.id,
    Review.line_id,
    Review.product_id,
    Review.seller_id,
    Review.author_id,
    User.display_name.label("author_name"),
    Review.stars,
    Review.text,
    Review.written_at,
    Review.edited_at,
    Review.reply,
    Review.replied_at,
    Review.helpful_count,
    Review.hidden_at,
    Review.hidden_reason,
    _VOTED.label("voted"),
    _MAY_EDIT,
).join(User, User.id == Review.author_id)
_KEYS: dict[ReviewSort, ColumnElement[Any] | None] = {
    ReviewSort.NEW: None,
    ReviewSort.HELPFUL: Review.helpful_count.expression,
    ReviewSort.BEST: Review.stars.expression,
    ReviewSort.WORST: Review.stars.expression,
}


def reviews_of(
    product_id: UUID,
    *,
    reader_id: UUID | None,
    sort: ReviewSort = ReviewSort.NEW,
    stars: int | None = None,
    hidden: bool = False,
    after: str | None = None,
    size: int = PAGE,
    counted: bool = False,
) -> Page[ShownReview]:
    """A page of a product's reviews; `hidden`: those that moderators have hidden, instead.

    Raises Invalid for a broken cursor.
    """
    values: dict[str, Any] = {"product_id": product_id, "reader_id": reader_id, "size": size + 1}
    if stars is not None:
        values["stars"] = stars
    if after is not None and sort is ReviewSort.NEW:
        [values["last_id"]] = decode_cursor(after, tuple[UUID])
    elif after is not None:
        values["last_key"], values["last_id"] = decode_cursor(after, tuple[Key, UUID])
    every = _those(by_stars=stars is not None, hidden=hidden)
    query = _page(sort, by_stars=stars is not None, hidden=hidden, continued=after is not None)
    rows = [ShownReview(*row) for row in read(query, values)]
    page = cut(rows, size, lambda review: _place(review, sort))
    return with_total(page, every.params(values), after) if counted else page


def _place(review: ShownReview, sort: ReviewSort) -> tuple[Any, ...]:
    if sort is ReviewSort.NEW:
        return (review.id,)
    return (review.helpful_count if sort is ReviewSort.HELPFUL else review.stars, review.id)


@cache
def _those(*, by_stars: bool, hidden: bool) -> Select[*tuple[Any, ...]]:
    query = _EVERY.where(
        Review.product_id == bindparam("product_id"),
        Review.hidden_at.is_not(None) if hidden else Review.hidden_at.is_(None),
        Review.deleted_at.is_(None),
    )
    return query.where(Review.stars == bindparam("stars")) if by_stars else query


@cache
def _page(
    sort: ReviewSort, *, by_stars: bool, hidden: bool, continued: bool
) -> Select[*tuple[Any, ...]]:
    query = _those(by_stars=by_stars, hidden=hidden)
    key, ident = _KEYS[sort], Review.id.expression
    columns = (ident,) if key is None else (key, ident)
    if continued:
        place = tuple_(*columns)
        names = ("last_id",) if key is None else ("last_key", "last_id")
        last = tuple_(
            *(
                bindparam(name, type_=column.type)
                for name, column in zip(names, columns, strict=True)
            )
        )
        query = query.where(place > last if sort is ReviewSort.WORST else place < last)
    order = columns if sort is ReviewSort.WORST else tuple(column.desc() for column in columns)
    return query.order_by(*order).limit(bindparam("size"))


def review_for(review_id: UUID, *, reader_id: UUID | None, is_staff: bool) -> ShownReview:
    """A review as this person may see it: a hidden one is for its author and moderators.

    Raises NoSuchReview.
    """
    row = read(
        _EVERY.where(Review.id == review_id, Review.deleted_at.is_(None)), {"reader_id": reader_id}
    ).one_or_none()
    review = ShownReview(*row) if row else None
    if review is None or (
        review.hidden_at is not None and not is_staff and review.author_id != reader_id
    ):
        raise NoSuchReview
    return review


def reviews_with(ids: Collection[UUID]) -> dict[UUID, ShownReview]:
    """These reviews as moderators see them; deleted ones are left out."""
    query = _EVERY.where(Review.id.in_(ids), Review.deleted_at.is_(None))
    return {row.id: ShownReview(*row) for row in read(query, {"reader_id": None})}


def public_review(review_id: UUID) -> ShownReview | None:
    """A review as everybody sees it; None for one that nobody does."""
    try:
        return review_for(review_id, reader_id=None, is_staff=False)
    except NoSuchReview:
        return None


def locked(review_id: UUID) -> Review:
    """A review that was not deleted, locked until the commit; NoSuchReview."""
    review = lock(Review, review_id)
    if review is None or review.deleted_at is not None:
        raise NoSuchReview
    return review


_LINES = (
    select(
        OrderLine.id.label("bought_line_id"),
        OrderLine.order_id.label("bought_order_id"),
        OrderLine.product_id.label("bought_product_id"),
        OrderLine.title,
        Order.delivered_at,
        *_EVERY.selected_columns,
        Review.deleted_at,
    )
    .join(Order, Order.id == OrderLine.order_id)
    .outerjoin(Review, Review.line_id == OrderLine.id)
    .outerjoin(User, User.id == Review.author_id)
    .where(
        Order.state == OrderState.DELIVERED,
        OrderLine.buyer_id == bindparam("reader_id"),
        or_(  # what was refunded whole is not reviewed any more
            OrderLine.given_back_minor < OrderLine.quantity * OrderLine.unit_price_minor,
            Review.id.is_not(None),
        ),
    )
)
_OF_PRODUCT = (
    _LINES.where(OrderLine.product_id == bindparam("product_id"))
    .order_by(OrderLine.id.desc())
    .limit(MOST_LINES)
)
_OF_ORDER = _LINES.where(OrderLine.order_id == bindparam("order_id")).order_by(OrderLine.position)
_OF_LINE = _LINES.where(OrderLine.id == bindparam("line_id"))
_SINCE = (
    _LINES.where(
        and_(
            Order.buyer_id == bindparam("reader_id"),
            Order.id >= bindparam("from_id"),
            Order.delivered_at.between(bindparam("since"), bindparam("until")),
            Review.id.is_(None),
        )
    )
    .order_by(OrderLine.id)
    .limit(MOST_LINES)
)


def lines_of_product(reader_id: UUID, product_id: UUID) -> list[ReviewableLine]:
    """What this person has bought of a product and got, the newest first."""
    return _lines(_OF_PRODUCT, reader_id, product_id=product_id)


def lines_of_order(reader_id: UUID, order_id: UUID) -> list[ReviewableLine]:
    """The delivered lines of this person's order."""
    return _lines(_OF_ORDER, reader_id, order_id=order_id)


def line_of(reader_id: UUID, line_id: UUID) -> ReviewableLine | None:
    """A delivered line of this person's, None if it is none of theirs."""
    return next(iter(_lines(_OF_LINE, reader_id, line_id=line_id)), None)


def unreviewed(reader_id: UUID, *, since: datetime, until: datetime) -> list[ReviewableLine]:
    """What was delivered to this person between these moments and has no review."""
    from_id = ids_from(since - _LONGEST_ORDER)
    return _lines(_SINCE, reader_id, since=since, until=until, from_id=from_id)


def _lines(
    query: Select[*tuple[Any, ...]], reader_id: UUID, **values: object
) -> list[ReviewableLine]:
    return [_line(row) for row in read(query, {"reader_id": reader_id, **values})]


def _line(row: Sequence[Any]) -> ReviewableLine:
    line_id, order_id, product_id, title, delivered_at, *review, deleted_at = row
    is_there = review[0] is not None
    return ReviewableLine(
        line_id=line_id,
        order_id=order_id,
        product_id=product_id,
        title=title,
        delivered_at=delivered_at,
        review=ShownReview(*review) if is_there and deleted_at is None else None,
        may_write=not is_there or bool(review[-1]),
    )
