"""What goes back of a line, whoever takes it, adds up to its commission."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.ids import new_id
from app.orders.errors import TooMuchBack
from app.orders.models import OrderLine
from app.orders.service import giving_back
from app.orders.service.giving_back import GoesBack
from app.payments.service.shares import Part


def line_of(gross: int, commission: int) -> OrderLine:
    """A line of one piece, nothing of which went back."""
    return OrderLine(
        id=new_id(),
        seller_id=new_id(),
        quantity=1,
        unit_price_minor=gross,
        commission_minor=commission,
        given_back_minor=0,
        commission_back_minor=0,
        disputed_minor=0,
        disputed_commission_minor=0,
        pieces_back=0,
    )


def nothing(part: Part) -> Part:
    return Part(part.line_id, part.seller_id, 0, 0)


@given(
    gross=st.integers(1, 10**9),
    basis_points=st.integers(0, 10_000),
    acts=st.lists(
        st.tuples(st.sampled_from(["take", "fail", "lose", "free"]), st.integers(1, 10**9)),
        max_size=8,
    ),
)
def test_parts_of_a_line_add_up_to_its_commission(
    gross: int, basis_points: int, acts: list[tuple[str, int]]
) -> None:
    line = line_of(gross, gross * basis_points // 10_000)
    for act, wanted in acts:
        amount = min(wanted, line.left_minor)
        if not amount:
            break
        if act in {"take", "fail"}:
            part = giving_back.take(GoesBack(line, amount))
            if act == "fail":
                giving_back.leave(line, part, pieces=0)
        else:
            part = giving_back.dispute(GoesBack(line, amount))
            lost, freed = (part, nothing(part)) if act == "lose" else (nothing(part), part)
            giving_back.end_dispute(line, lost=lost, freed=freed)
        assert 0 <= part.commission_minor <= part.gross_minor
    if line.left_minor:
        giving_back.take(GoesBack(line, line.left_minor))
    assert (line.given_back_minor, line.commission_back_minor) == (gross, line.commission_minor)
    with pytest.raises(TooMuchBack):
        giving_back.take(GoesBack(line, 1))
