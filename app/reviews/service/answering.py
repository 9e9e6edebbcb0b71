"""What others do with a review: its seller answers once, and people say that it helped."""

from uuid import UUID

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import session, transactional
from app.kit.outbox import emit
from app.reviews import policy
from app.reviews.errors import NoSuchReview, NotYourOwn
from app.reviews.events import ReviewAnswered
from app.reviews.models import REPLY_MAX, Review, ReviewVote
from app.reviews.queries.reviews import locked
from app.reviews.service.words import cleaned


@transactional
def reply(*, seller_id: UUID, review_id: UUID, text: str) -> None:
    """Answer a review of one's product, or change the answer; NoSuchReview, BadReview."""
    review = _of_seller(seller_id, review_id)
    text = cleaned(text, field="reply", least=1, most=REPLY_MAX)
    is_first = review.reply is None
    if review.reply != text:
        review.reply, review.replied_at = text, func.clock_timestamp()
    if is_first:
        emit(ReviewAnswered(review.id, review.product_id, review.author_id))


@transactional
def take_back_reply(*, seller_id: UUID, review_id: UUID) -> None:
    """Delete one's answer; NoSuchReview."""
    review = _of_seller(seller_id, review_id)
    review.reply, review.replied_at = None, None


def _of_seller(seller_id: UUID, review_id: UUID) -> Review:
    review = locked(review_id)
    if review.seller_id != seller_id or review.hidden_at is not None:
        raise NoSuchReview
    return review


@transactional
def vote(*, user_id: UUID, review_id: UUID, helpful: bool) -> int:
    """Say that a review helped, or no longer; how many say so. NoSuchReview, NotYourOwn."""
    review = locked(review_id)
    if review.hidden_at is not None:
        raise NoSuchReview
    if not policy.may_vote(user_id, review.author_id, review.seller_id):
        raise NotYourOwn
    own = {"review_id": review_id, "user_id": user_id}
    changed = session().execute(
        insert(ReviewVote).values(**own).on_conflict_do_nothing().returning(ReviewVote.user_id)
        if helpful
        else delete(ReviewVote).filter_by(**own).returning(ReviewVote.user_id)
    )
    if changed.first() is not None:
        review.helpful_count += 1 if helpful else -1
    return review.helpful_count
