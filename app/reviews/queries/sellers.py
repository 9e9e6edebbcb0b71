"""Sellers as everybody sees them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask import current_app
from sqlalchemy import select

from app.auth import queries as people
from app.auth.models import User
from app.kit.db import session
from app.orders.queries.claims import invalid_pieces_of
from app.orders.queries.lines import median_delivery
from app.payments.queries import earnings_of, sales_count
from app.products import ratings
from app.products.models import SellerRating
from app.products.ratings import Rating
from app.reviews.errors import NoSuchSeller, SellerGone
from app.reviews.models import SellerReplies


@dataclass(frozen=True)
class SellerProfile:
    """What is said of a seller. A measure is None where nothing was measured yet."""

    id: UUID
    name: str
    since: datetime
    rating: Rating | None
    sales: int
    median_delivery: timedelta | None
    median_reply: timedelta | None
    refunded_tenths: int  # of a percent of what was sold, by price
    invalid_tenths: int  # of a percent of the pieces sold


def seller_called(name: str) -> User:
    """The seller of this name, however it is written, or who once was called so.

    Raises NoSuchSeller, SellerGone.
    """
    return _public(people.seller_called(name))


def seller_with(seller_id: UUID) -> User:
    """The seller with this id. Raises NoSuchSeller, SellerGone."""
    return _public(people.get_user(seller_id))


def _public(user: User | None) -> User:
    if user is None or user.name_letters is None:
        raise NoSuchSeller
    if user.banned_at is not None:
        raise SellerGone
    return user


def profile_of(seller: User) -> SellerProfile:
    """What is kept and measured of a seller."""
    sums = session().get(SellerRating, seller.id, populate_existing=True)
    reply = session().scalar(
        select(SellerReplies.median_seconds).where(SellerReplies.seller_id == seller.id)
    )
    currency = current_app.extensions["settings"].currency
    sold = earnings_of(seller_id=seller.id, currency=currency)
    return SellerProfile(
        id=seller.id,
        name=seller.display_name,
        since=seller.created_at,
        rating=ratings.of_seller(sums.star_sum, sums.review_count) if sums else None,
        sales=sales_count(seller_id=seller.id),
        median_delivery=median_delivery(seller.id),
        median_reply=None if reply is None else timedelta(seconds=reply),
        refunded_tenths=_tenths(sold.gross_back_minor, sold.gross_minor),
        invalid_tenths=_tenths(invalid_pieces_of(seller.id), sold.pieces),
    )


def _tenths(part: int, whole: int) -> int:
    """A share in tenths of a percent, rounded up: what there is does not show as nothing."""
    return -(-1000 * part // whole) if whole else 0
