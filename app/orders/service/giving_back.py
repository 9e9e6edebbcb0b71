"""What of an order's lines goes back: counted on the lines before PayPal is asked for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.kit.money import split
from app.orders.errors import TooMuchBack
from app.orders.models import Order, OrderLine
from app.payments.service.shares import Part


@dataclass(frozen=True)
class GoesBack:
    """What goes back of a line: so much money, and with it these pieces."""

    line: OrderLine
    amount_minor: int
    positions: tuple[int, ...] = ()


def take(goes_back: GoesBack) -> Part:
    """Count on a line of a locked order what goes back of it; its part of the refund.

    The commission goes back pro rata, rounded down over all that has gone back so far, so that the
    parts of a line that goes back whole add up to its commission exactly. TooMuchBack if less is
    left.
    """
    line, amount = goes_back.line, goes_back.amount_minor
    if not 0 < amount <= line.left_minor:
        raise TooMuchBack
    commission = _commission_in(line, amount)
    line.given_back_minor += amount
    line.commission_back_minor += commission
    line.pieces_back += len(goes_back.positions)
    return Part(line.id, line.seller_id, amount, commission)


def _commission_in(line: OrderLine, amount_minor: int) -> int:
    gone = line.given_back_minor + line.disputed_minor
    upto = (gone + amount_minor) * line.commission_minor // line.total_minor
    commission = upto - line.commission_back_minor - line.disputed_commission_minor
    return min(max(commission, 0), amount_minor)


def dispute(goes_back: GoesBack) -> Part:
    """Count on a line of a locked order what a dispute holds of it; its part of the dispute."""
    line, amount = goes_back.line, goes_back.amount_minor
    commission = _commission_in(line, amount)
    line.disputed_minor += amount
    line.disputed_commission_minor += commission
    return Part(line.id, line.seller_id, amount, commission)


def end_dispute(line: OrderLine, *, lost: Part, freed: Part) -> None:
    """Count what a dispute held of a line as given back, as far as it was lost."""
    line.disputed_minor -= lost.gross_minor + freed.gross_minor
    line.disputed_commission_minor -= lost.commission_minor + freed.commission_minor
    line.given_back_minor += lost.gross_minor
    line.commission_back_minor += lost.commission_minor


def leave(line: OrderLine, part: Part, *, pieces: int) -> None:
    """Take off again what does not go back after all."""
    line.given_back_minor -= part.gross_minor
    line.commission_back_minor -= part.commission_minor
    line.pieces_back -= pieces


def spread(order: Order, amount_minor: int) -> list[GoesBack]:
    """An amount of which nobody says what it is for, over the lines by what is left of each.

    By the largest remainder, in the order of the lines. Pieces stay the buyer's. TooMuchBack if
    less is left.
    """
    lines = [line for line in order.lines if line.left_minor]
    return spread_over(lines, amount_minor)


def spread_over(lines: Sequence[OrderLine], amount_minor: int) -> list[GoesBack]:
    """As `spread`, over some lines."""
    left = [line.left_minor for line in lines]
    if not 0 < amount_minor <= sum(left):
        raise TooMuchBack
    return [
        GoesBack(line, amount)
        for line, amount in zip(lines, split(amount_minor, left), strict=True)
        if amount
    ]


def price_of(line: OrderLine, pieces: int) -> int:
    """What goes back for so many pieces: their price, at most what is left of the line."""
    return min(pieces * line.unit_price_minor, line.left_minor)
