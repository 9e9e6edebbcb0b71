"""Reviews and sellers as programs send and get them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from app.kit.api.schemas import Input, Listing, Output, Paged, one_number
from app.reviews.models import REASON_MAX, REASON_MIN, REPLY_MAX, TEXT_MAX, TEXT_MIN
from app.reviews.queries.reviews import ReviewSort

Stars = Annotated[int, Field(ge=1, le=5), BeforeValidator(one_number)]


class ReviewsQuery(Paged):
    """Which of a product's reviews."""

    sort: ReviewSort = ReviewSort.NEW
    stars: Stars | None = Field(None, description="only those that gave so many")


class ReviewOut(Output):
    """A review by a buyer of the product."""

    id: UUID
    product_id: UUID
    author_name: str
    stars: int
    text: str
    written_at: datetime
    edited_at: datetime | None
    reply: str | None = Field(description="the seller's answer")
    replied_at: datetime | None
    helpful_count: int
    voted: bool = Field(description="whether you found it helpful")


class ReviewList(Listing[ReviewOut]):
    """A page of a product's reviews."""


class ReviewIn(Input):
    """What you think of a purchase."""

    stars: int = Field(ge=1, le=5)
    text: str = Field(min_length=TEXT_MIN, max_length=TEXT_MAX)


class ReplyIn(Input):
    """A seller's answer, shown to everyone."""

    text: str = Field(min_length=1, max_length=REPLY_MAX)


class ReportIn(Input):
    """Why a review breaks the rules."""

    reason: str = Field(min_length=REASON_MIN, max_length=REASON_MAX)


class VotesOut(Output):
    """How many found the review helpful."""

    helpful_count: int


class SellerRatingOut(Output):
    """A Bayesian average over the reviews of all a seller's products, and how many these are."""

    average: float = Field(ge=1, le=5, description="rounded to a tenth", examples=[4.4])
    count: int


class SellerOut(Output):
    """A seller's public profile. What was not measured yet is null."""

    id: UUID
    name: str
    since: datetime
    rating: SellerRatingOut | None
    sales: int
    median_delivery_seconds: float | None = Field(description="from payment, of the latest")
    median_reply_seconds: float | None = Field(description="in chats, of the latest")
