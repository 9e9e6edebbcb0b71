"""Reviews are written, changed and deleted by their authors."""

from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app.kit.db import db_now, lock, session, transactional, violated
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.orders.models import OrderState
from app.orders.queries.lines import BoughtLine, bought_line, refunded_unopened
from app.products.ratings import STARS
from app.products.service.ratings import count_review
from app.reviews import policy
from app.reviews.errors import BadReview, NoSuchLine, NoSuchReview, NotDelivered, TooLateToEdit
from app.reviews.events import ReviewWritten
from app.reviews.models import TEXT_MAX, TEXT_MIN, Review, ReviewVote
from app.reviews.service.moderation import close_reports
from app.reviews.service.words import cleaned

_OF_A_DELIVERED_LINE = "review_of_delivered_line"


@transactional
def write(*, author_id: UUID, line_id: UUID, stars: int, text: str) -> UUID:
    """Write the review of a line, or change it; the review's id.

    Raises NoSuchLine, NotDelivered, TooLateToEdit, BadReview.
    """
    line = bought_line(line_id)
    if line is None or line.buyer_id != author_id:
        raise NoSuchLine
    if line.state is not OrderState.DELIVERED:
        raise NotDelivered
    if stars not in STARS:
        raise BadReview({"stars": _("Choose one to five stars.")})
    text = cleaned(text, field="text", least=TEXT_MIN, most=TEXT_MAX)
    if line.is_refunded:
        if not _has_review(line_id):
            raise NotDelivered
        return _change(line_id, stars, text)
    try:
        review_id = _insert(line, stars, text)
        if review_id is None:
            return _change(line_id, stars, text)
    except IntegrityError as error:
        if violated(error) == _OF_A_DELIVERED_LINE:
            raise NotDelivered from error
        raise
    count_review(product_id=line.product_id, before=None, now=stars)
    emit(ReviewWritten(review_id, line.product_id, line.seller_id))
    return review_id


def _has_review(line_id: UUID) -> bool:
    """Whether there is one to be changed: what was said before a refund stays."""
    there = select(Review.id).where(Review.line_id == line_id, Review.deleted_at.is_(None))
    return session().execute(there).first() is not None


def _insert(line: BoughtLine, stars: int, text: str) -> UUID | None:
    """The new review's id; None where the line has one, perhaps of a click before this one."""
    return session().scalar(
        insert(Review)
        .values(
            id=new_id(),
            line_id=line.id,
            order_id=line.order_id,
            product_id=line.product_id,
            seller_id=line.seller_id,
            author_id=line.buyer_id,
            stars=stars,
            text=text,
        )
        .on_conflict_do_nothing(index_elements=["line_id"])
        .returning(Review.id)
    )


def _change(line_id: UUID, stars: int, text: str) -> UUID:
    review = (
        session()
        .scalars(
            select(Review)
            .where(Review.line_id == line_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        .one()
    )
    before = review.counted
    if (review.stars, review.text) == (stars, text) and review.deleted_at is None:
        return review.id
    if not policy.may_edit(review.written_at, db_now()):
        raise TooLateToEdit
    review.stars, review.text, review.deleted_at = stars, text, None
    review.edited_at = func.clock_timestamp()
    session().flush()  # the trigger looks at it before the sums are locked
    count_review(product_id=review.product_id, before=before, now=review.counted)
    return review.id


@transactional
def delete_own(*, author_id: UUID, review_id: UUID) -> UUID:
    """Delete a review with all that was said about it; whose product it was of. NoSuchReview.

    Again without effect. A hidden one stays hidden, should its author write again.
    """
    review = lock(Review, review_id)
    if review is None or review.author_id != author_id:
        raise NoSuchReview
    if review.deleted_at is None:
        _delete(review)
    return review.product_id


@transactional
def delete_unopened(*, refund_id: UUID) -> None:
    """Delete the reviews of lines that a refund took back whole with nothing ever opened.

    Whoever has seen nothing has nothing to say. What was opened keeps its review: a seller must not
    be rid of a bad one by giving the money back.
    """
    for line_id in refunded_unopened(refund_id):
        review = (
            session()
            .scalars(
                select(Review)
                .where(Review.line_id == line_id, Review.deleted_at.is_(None))
                .with_for_update()
                .execution_options(populate_existing=True)
            )
            .one_or_none()
        )
        if review is not None:
            _delete(review)


def _delete(review: Review) -> None:
    before = review.counted
    review.deleted_at = func.clock_timestamp()
    review.text, review.reply, review.replied_at, review.helpful_count = "", None, None, 0
    session().execute(delete(ReviewVote).where(ReviewVote.review_id == review.id))
    session().flush()  # as above
    close_reports(review_id=review.id)
    count_review(product_id=review.product_id, before=before, now=None)
