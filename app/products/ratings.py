"""What reviews come to: a product's average, and what is said of a seller.

A seller's stars are a Bayesian average: each seller begins with `PRIOR_REVIEWS` imagined reviews of
`PRIOR_STARS` stars, so that one delighted buyer does not put a newcomer above who has pleased
hundreds. docs/ratings.md explains it.
"""

from dataclasses import dataclass

STARS = (1, 2, 3, 4, 5)
PRIOR_REVIEWS, PRIOR_STARS = 5, 4


@dataclass(frozen=True)
class Rating:
    """Stars in tenths, of how many reviews. `of_seller`: of all the seller's products."""

    tenths: int
    count: int
    of_seller: bool = False


def of_product(total: int, count: int) -> Rating | None:
    """A product's average, of so many stars in so many reviews; None where there are none."""
    return Rating(_tenths(total, count), count) if count else None


def of_seller(total: int, count: int) -> Rating | None:
    """A seller's Bayesian average over the reviews of all their products; None without reviews."""
    if not count:
        return None
    tenths = _tenths(total + PRIOR_REVIEWS * PRIOR_STARS, count + PRIOR_REVIEWS)
    return Rating(tenths, count, of_seller=True)


def _tenths(total: int, count: int) -> int:
    """The average in tenths, rounded half up."""
    return (20 * total + count) // (2 * count)
