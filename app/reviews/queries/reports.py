"""What people have reported of reviews and moderators have not decided on yet."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app.auth.models import User
from app.kit.db import read
from app.kit.paging import Page, cut, decode_cursor, with_total
from app.products.queries import cards
from app.reviews.models import Review, ReviewReport
from app.reviews.queries.reviews import PAGE, ShownReview, reviews_with

MOST_REASONS = 10  # of one review, the newest


@dataclass(frozen=True)
class OpenReport:
    """What somebody has reported and nobody has decided yet."""

    id: UUID
    review_id: UUID
    product_id: UUID
    stars: int
    text: str
    user_id: UUID
    reason: str
    created_at: datetime


_REPORTS = (
    select(
        ReviewReport.id,
        ReviewReport.review_id,
        Review.product_id,
        Review.stars,
        Review.text,
        ReviewReport.user_id,
        ReviewReport.reason,
        ReviewReport.created_at,
    )
    .join(Review, Review.id == ReviewReport.review_id)
    .where(ReviewReport.closed_at.is_(None))
)


def open_reports(
    *, after: str | None = None, size: int = PAGE, counted: bool = False
) -> Page[OpenReport]:
    """A page of what waits for a moderator, the newest first; Invalid for a broken cursor."""
    query = _REPORTS
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(ReviewReport.id < last)
    rows = read(query.order_by(ReviewReport.id.desc()).limit(size + 1)).all()
    page = cut([OpenReport(*row) for row in rows], size, lambda report: (report.id,))
    return with_total(page, _REPORTS, after) if counted else page


@dataclass(frozen=True)
class Reason:
    """Why somebody has reported a review."""

    name: str
    text: str
    at: datetime


@dataclass(frozen=True)
class ReportedReview:
    """A review that waits for a moderator, and why: the newest reasons of `count` people."""

    review: ShownReview
    product_title: str
    reasons: list[Reason]
    count: int


def reported_reviews(*, after: str | None = None, size: int = PAGE) -> Page[ReportedReview]:
    """A page of reviews with open reports, the last report first; Invalid for a bad cursor."""
    newer = aliased(ReviewReport)
    has_newer = select(newer.id).where(
        newer.review_id == ReviewReport.review_id,
        newer.closed_at.is_(None),
        newer.id > ReviewReport.id,
    )
    query = select(ReviewReport.id, ReviewReport.review_id).where(
        ReviewReport.closed_at.is_(None), ~has_newer.exists()
    )
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(ReviewReport.id < last)
    rows = read(query.order_by(ReviewReport.id.desc()).limit(size + 1)).all()
    page = cut(rows, size, lambda row: (row.id,))
    ids = [row.review_id for row in page.items]
    reviews = reviews_with(ids)
    reasons = _reasons(ids)
    titles = {
        card.id: card.title for card in cards.by_id([one.product_id for one in reviews.values()])
    }
    items = [
        ReportedReview(reviews[one], titles.get(reviews[one].product_id, ""), *reasons[one])
        for one in ids
        if one in reviews
    ]
    return Page(items, page.next_cursor)


def _reasons(ids: Collection[UUID]) -> dict[UUID, tuple[list[Reason], int]]:
    of_one = ReviewReport.review_id
    place = func.row_number().over(partition_by=of_one, order_by=ReviewReport.id.desc())
    numbered = (
        select(
            ReviewReport,
            place.label("place"),
            func.count().over(partition_by=of_one).label("people"),
        )
        .where(ReviewReport.review_id.in_(ids), ReviewReport.closed_at.is_(None))
        .subquery()
    )
    query = (
        select(
            numbered.c.review_id,
            User.display_name,
            numbered.c.reason,
            numbered.c.created_at,
            numbered.c.people,
        )
        .join(User, User.id == numbered.c.user_id)
        .where(numbered.c.place <= MOST_REASONS)
        .order_by(numbered.c.review_id, numbered.c.place)
    )
    found: dict[UUID, list[Reason]] = defaultdict(list)
    counts: dict[UUID, int] = {}
    for review_id, name, text, at, people in read(query):
        found[review_id].append(Reason(name, text, at))
        counts[review_id] = people
    return {one: (found[one], counts.get(one, 0)) for one in ids}
