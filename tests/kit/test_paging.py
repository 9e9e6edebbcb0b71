"""Cursors, as they come back from the wide world."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.kit.errors import Invalid
from app.kit.paging import cut, decode_cursor, encode_cursor

Shape = tuple[int, datetime, str, UUID]


def _raw(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@given(
    st.integers(-(2**62), 2**62),
    st.datetimes(timezones=st.just(UTC)),
    st.text(max_size=20),
    st.uuids(),
)
def test_cursor_comes_back_as_it_went(number: int, at: datetime, word: str, ident: UUID) -> None:
    values = (number, at, word, ident)
    assert decode_cursor(encode_cursor(values), Shape) == values


def test_cursor_fits_into_an_address() -> None:
    cursor = encode_cursor((1, datetime.now(UTC), "ключ/?&=", uuid4()))
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "%00",
        "ключ",
        "\x00",
        "A" * 513,
        "A" * 100_000,
        _raw([]),
        _raw({}),
        _raw(None),
        _raw("text"),
        _raw([1, "2026-01-01T00:00:00Z", "w"]),
        _raw([1, "2026-01-01T00:00:00Z", "w", str(UUID(int=1)), 5]),
        _raw([1, "yesterday", "w", str(UUID(int=1))]),
        _raw([1, "2026-01-01T00:00:00Z", "w", "1; DROP TABLE users"]),
        _raw([float("nan"), "2026-01-01T00:00:00Z", "w", str(UUID(int=1))]),
        _raw([1, "2026-01-01T00:00:00Z", "\ud800", str(UUID(int=1))]),
        _raw([1, "2026-01-01T00:00:00Z", ["w"], str(UUID(int=1))]),
        _raw("[" * 80),
        base64.urlsafe_b64encode(b"[" * 300).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_anything_else_is_invalid(app: Flask, cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_cursor(cursor, Shape)
    assert caught.value.code == "bad_cursor"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=st.text(max_size=60))
def test_no_text_raises_anything_else(app: Flask, cursor: str) -> None:
    with pytest.raises(Invalid):
        decode_cursor(cursor, Shape)


class TestCut:
    def test_one_row_too_many_means_another_page(self) -> None:
        page = cut([1, 2, 3], 2, lambda row: (row,))
        assert page.items == [1, 2]
        assert page.next_cursor is not None
        assert decode_cursor(page.next_cursor, tuple[int]) == (2,)

    @pytest.mark.parametrize("rows", [[], [1], [1, 2]])
    def test_last_page_has_no_cursor(self, rows: list[int]) -> None:
        page = cut(rows, 2, lambda row: (row,))
        assert (page.items, page.next_cursor) == (rows, None)
