"""JSON of reviews below /api/v1/reviews, and what everybody reads of products and sellers."""

from uuid import UUID

from flask_login import current_user

from app.kit import ratelimit
from app.kit.access import Access, allow
from app.kit.api.operations import api_blueprint, operation
from app.kit.api.schemas import listing_of
from app.products.queries.cards import visible
from app.reviews import policy
from app.reviews.queries.reviews import ShownReview, review_for, reviews_of
from app.reviews.queries.sellers import profile_of, seller_with
from app.reviews.schemas import (
    ReplyIn,
    ReportIn,
    ReviewIn,
    ReviewList,
    ReviewOut,
    ReviewsQuery,
    SellerOut,
    SellerRatingOut,
    VotesOut,
)
from app.reviews.service import answering, moderation, writing

blueprint = api_blueprint("reviews_api", __name__, "reviews")
products_blueprint = api_blueprint("product_reviews_api", __name__, "products")
sellers_blueprint = api_blueprint("sellers_api", __name__, "sellers")
SCOPE = "reviews"


def _reader() -> UUID | None:
    return current_user.id if current_user.is_authenticated else None


def _found(review_id: UUID) -> ShownReview:
    return review_for(review_id, reader_id=_reader(), is_staff=False)


@products_blueprint.get("/<uuid:product_id>/reviews")
@allow(Access.PUBLIC)
@operation(answers=ReviewList, refusals=(401, 410))
def list_reviews(product_id: UUID, query: ReviewsQuery) -> ReviewList:
    """List the reviews of a product on sale."""
    product = visible(product_id, _reader())
    page = reviews_of(
        product.id,
        reader_id=_reader(),
        sort=query.sort,
        stars=query.stars,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    return listing_of(ReviewList, page, ReviewOut.read)


@sellers_blueprint.get("/<uuid:seller_id>")
@allow(Access.PUBLIC)
@operation(answers=SellerOut, refusals=(401, 410))
def get_seller(seller_id: UUID) -> SellerOut:
    """Get a seller's public profile: rating, sales, and what was measured."""
    seller = profile_of(seller_with(seller_id))
    rating, delivery, reply = seller.rating, seller.median_delivery, seller.median_reply
    return SellerOut.read(
        seller,
        rating=SellerRatingOut(average=rating.tenths / 10, count=rating.count) if rating else None,
        median_delivery_seconds=delivery.total_seconds() if delivery is not None else None,
        median_reply_seconds=reply.total_seconds() if reply is not None else None,
    )


@blueprint.put("/lines/<uuid:line_id>")
@allow(Access.USER, SCOPE)
@operation(answers=ReviewOut, refusals=(409,))
def write(line_id: UUID, body: ReviewIn) -> ReviewOut:
    """Write the review of a delivered line of your order, or change it within 30 days."""
    review_id = writing.write(
        author_id=current_user.id, line_id=line_id, stars=body.stars, text=body.text
    )
    return ReviewOut.read(_found(review_id))


@blueprint.get("/<uuid:review_id>")
@allow(Access.PUBLIC)
@operation(answers=ReviewOut, refusals=(401,))
def get_review(review_id: UUID) -> ReviewOut:
    """Get a review."""
    return ReviewOut.read(_found(review_id))


@blueprint.delete("/<uuid:review_id>")
@allow(Access.USER, SCOPE)
@operation(status=204)
def delete(review_id: UUID) -> None:
    """Delete your review, with its votes and the seller's reply."""
    writing.delete_own(author_id=current_user.id, review_id=review_id)


@blueprint.put("/<uuid:review_id>/reply")
@allow(Access.SELLER, SCOPE)
@operation(answers=ReviewOut)
def reply(review_id: UUID, body: ReplyIn) -> ReviewOut:
    """Reply to a review of your product, or change the reply."""
    answering.reply(seller_id=current_user.id, review_id=review_id, text=body.text)
    return ReviewOut.read(_found(review_id))


@blueprint.delete("/<uuid:review_id>/reply")
@allow(Access.SELLER, SCOPE)
@operation(status=204)
def take_back_reply(review_id: UUID) -> None:
    """Delete your reply."""
    answering.take_back_reply(seller_id=current_user.id, review_id=review_id)


@blueprint.put("/<uuid:review_id>/helpful")
@allow(Access.USER, SCOPE)
@operation(answers=VotesOut, refusals=(409,))
def vote(review_id: UUID) -> VotesOut:
    """Say that a review is helpful; not possible for your own review or product."""
    return _vote(review_id, helpful=True)


@blueprint.delete("/<uuid:review_id>/helpful")
@allow(Access.USER, SCOPE)
@operation(answers=VotesOut, refusals=(409,))
def take_back_vote(review_id: UUID) -> VotesOut:
    """Take your vote back."""
    return _vote(review_id, helpful=False)


def _vote(review_id: UUID, *, helpful: bool) -> VotesOut:
    ratelimit.spend(policy.VOTE_LIMIT, "review-vote", str(current_user.id))
    count = answering.vote(user_id=current_user.id, review_id=review_id, helpful=helpful)
    return VotesOut(helpful_count=count)


@blueprint.post("/<uuid:review_id>/report")
@allow(Access.USER, SCOPE)
@operation(status=204)
def report(review_id: UUID, body: ReportIn) -> None:
    """Report a review to the moderators; a second report replaces your first."""
    ratelimit.spend(policy.REPORT_LIMIT, "review-report", str(current_user.id))
    moderation.report(user_id=current_user.id, review_id=review_id, reason=body.reason)
