"""Reviews are reported by anybody, and hidden and shown again by moderators."""

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import db_now, session, transactional
from app.kit.ids import new_id
from app.kit.outbox import emit
from app.products.service.ratings import count_review
from app.reviews.errors import NoSuchReview, NotHidden, NotYourOwn
from app.reviews.events import ReviewHidden
from app.reviews.models import REASON_MAX, REASON_MIN, ReviewReport
from app.reviews.queries.reviews import locked
from app.reviews.service.words import cleaned


@transactional
def report(*, user_id: UUID, review_id: UUID, reason: str) -> None:
    """Say that a review breaks the rules; once for each person, the last reason counts.

    Raises NoSuchReview, NotYourOwn, BadReview.
    """
    review = locked(review_id)
    if review.hidden_at is not None:
        raise NoSuchReview
    if review.author_id == user_id:
        raise NotYourOwn
    reason = cleaned(reason, field="reason", least=REASON_MIN, most=REASON_MAX)
    session().execute(
        insert(ReviewReport)
        .values(id=new_id(), review_id=review_id, user_id=user_id, reason=reason)
        .on_conflict_do_update(
            index_elements=["review_id", "user_id"], set_={"reason": reason, "closed_at": None}
        )
    )


@transactional
def hide(*, moderator_id: UUID, review_id: UUID, reason: str) -> None:
    """Hide a review, which then counts no longer; NoSuchReview, BadReview.

    Of one that is hidden already the reason becomes this one.
    """
    review = locked(review_id)
    reason = cleaned(reason, field="reason", least=REASON_MIN, most=REASON_MAX)
    before = review.counted
    is_new, now = review.hidden_at is None, db_now()
    review.hidden_by, review.hidden_reason = moderator_id, reason
    if is_new:
        review.hidden_at = now
    session().flush()  # the review's row comes before those of the sums
    close_reports(review_id=review_id)
    count_review(product_id=review.product_id, before=before, now=None)
    if is_new:
        emit(ReviewHidden(review.id, review.product_id, review.author_id, reason, now))


@transactional
def unhide(*, review_id: UUID) -> None:
    """Show a hidden review again; NoSuchReview, NotHidden."""
    review = locked(review_id)
    if review.hidden_at is None:
        raise NotHidden
    review.hidden_at = review.hidden_by = review.hidden_reason = None
    session().flush()  # as above
    count_review(product_id=review.product_id, before=None, now=review.counted)


@transactional
def dismiss(*, review_id: UUID) -> None:
    """Leave a reported review as it is, and close what was reported; NoSuchReview."""
    locked(review_id)
    close_reports(review_id=review_id)


@transactional
def close_reports(*, review_id: UUID) -> None:
    """Have what was reported of a review wait for nobody any more."""
    session().execute(
        update(ReviewReport)
        .where(ReviewReport.review_id == review_id, ReviewReport.closed_at.is_(None))
        .values(closed_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
