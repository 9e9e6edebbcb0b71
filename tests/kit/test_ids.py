"""Identifiers."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.kit.ids import ids_from, new_id, short_number


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {ident.version for ident in ids} == {7}
    assert ids == sorted(ids)
    assert len(set(ids)) == 1000


def test_ids_of_a_moment_begin_where_earlier_ones_end() -> None:
    now = datetime.now(UTC)
    ident = new_id()
    assert ids_from(now) <= ident < ids_from(now + timedelta(seconds=5))


def test_short_numbers_of_ids_made_at_once_differ() -> None:
    assert len({short_number(new_id()) for _ in range(1000)}) == 1000


@given(st.uuids())
def test_short_number_can_be_read_out(ident: object) -> None:
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", short_number(ident))  # type: ignore[arg-type]
