"""Money: integers of minor units, by PayPal's table of decimals."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.money import PAYPAL_DECIMALS, Money, commission, split

amounts = st.integers(min_value=-(10**12), max_value=10**12)
currencies = st.sampled_from(sorted(PAYPAL_DECIMALS))


class TestTable:
    def test_three_currencies_have_no_decimals_at_paypal(self) -> None:
        without = {currency for currency, decimals in PAYPAL_DECIMALS.items() if decimals == 0}
        assert without == {"HUF", "JPY", "TWD"}
        assert set(PAYPAL_DECIMALS.values()) == {0, 2}

    def test_unknown_currency_is_refused(self) -> None:
        with pytest.raises(ValueError, match="RUB"):
            Money.parse("1.00", "RUB")


class TestText:
    @given(amounts, currencies)
    def test_what_is_written_is_read_back(self, minor: int, currency: str) -> None:
        money = Money(minor, currency)
        text = money.to_decimal_string()
        assert Money.parse(text, currency) == money
        assert type(money.minor) is int
        assert isinstance(money.to_decimal(), Decimal)

    @pytest.mark.parametrize(
        ("minor", "currency", "text"),
        [
            (1200, "EUR", "12.00"),
            (5, "EUR", "0.05"),
            (-5, "USD", "-0.05"),
            (1200, "JPY", "1200"),
            (0, "HUF", "0"),
            (10**12, "USD", "10000000000.00"),
        ],
    )
    def test_text_is_as_paypal_wants_it(self, minor: int, currency: str, text: str) -> None:
        assert Money(minor, currency).to_decimal_string() == text

    @pytest.mark.parametrize(
        "text",
        ["", " ", "abc", "1,00", "1.001", "1e2", "1e999999999", "NaN", "Infinity", "-", ".", "1.",
         "0x10", "1_000", " 1.00", "1.00\n", "１.00", "+1.00", "--1", "1.00.00", "9" * 40],
    )  # fmt: skip
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="not an amount"):
            Money.parse(text, "EUR")

    @pytest.mark.parametrize("text", ["12.50", "0.5"])
    def test_decimals_where_the_currency_has_none_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="JPY"):
            Money.parse(text, "JPY")

    @pytest.mark.parametrize("text", ["12", "12.5", "12.50"])
    def test_missing_decimals_are_zero(self, text: str) -> None:
        assert Money.parse(text, "EUR").minor in {1200, 1250}

    @given(st.text(max_size=30))
    def test_no_text_raises_anything_but_value_error(self, text: str) -> None:
        try:
            money = Money.parse(text, "EUR")
        except ValueError:
            return
        assert type(money.minor) is int


class TestForPeople:
    @pytest.mark.parametrize(
        ("money", "locale", "text"),
        [
            (Money(1200, "EUR"), "en", "€12.00"),
            (Money(1200, "EUR"), "ru", "12,00\N{NO-BREAK SPACE}€"),
            (Money(123456789, "USD"), "en", "$1,234,567.89"),
            (Money(1200, "JPY"), "en", "¥1,200"),
            (Money(1200, "HUF"), "en", "HUF1,200"),
            (Money(-50, "EUR"), "en", "-€0.50"),
        ],
    )
    def test_amount_looks_as_it_should(self, money: Money, locale: str, text: str) -> None:
        assert money.format(locale) == text

    @given(amounts, currencies, st.sampled_from(["en", "ru"]))
    def test_every_digit_is_shown(self, minor: int, currency: str, locale: str) -> None:
        shown = Money(minor, currency).format(locale)
        digits = "".join(character for character in shown if character.isdecimal())
        assert int(digits) == abs(minor)


class TestCommission:
    @given(st.integers(0, 10**12), st.integers(0, 10_000))
    def test_share_and_rest_are_the_gross(self, gross: int, basis_points: int) -> None:
        share = commission(gross, basis_points)
        assert type(share) is int
        assert 0 <= share <= gross
        # Half up, by exact arithmetic.
        exact = Decimal(gross) * basis_points / 10_000
        assert abs(Decimal(share) - exact) <= Decimal("0.5")
        assert share - exact != Decimal("-0.5")

    @pytest.mark.parametrize(
        ("gross", "basis_points", "share"),
        [
            (1000, 1000, 100),
            (5, 1000, 1),
            (4, 1000, 0),
            (1, 5000, 1),
            (999, 0, 0),
            (999, 10_000, 999),
        ],
    )
    def test_half_is_rounded_up(self, gross: int, basis_points: int, share: int) -> None:
        assert commission(gross, basis_points) == share


AMOUNTS = st.integers(0, 10**12)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


class TestSplit:
    @given(AMOUNTS, WEIGHTS)
    def test_parts_are_the_whole_and_fair_to_the_unit(
        self, amount: int, weights: list[int]
    ) -> None:
        parts = split(amount, weights)
        assert sum(parts) == amount
        whole = sum(weights)
        for part, weight in zip(parts, weights, strict=True):
            assert part in {amount * weight // whole, -(-amount * weight // whole)}

    @given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10_000)), min_size=1))
    def test_shares_and_commissions_of_any_lines_are_their_gross(
        self, lines: list[tuple[int, int]]
    ) -> None:
        taken = sum(commission(gross, basis_points) for gross, basis_points in lines)
        shares = sum(gross - commission(gross, basis_points) for gross, basis_points in lines)
        gross = sum(gross for gross, _basis_points in lines)
        assert taken + shares == gross
        # What is taken of them can be given back piece by piece, and nothing is left over.
        assert sum(split(taken, [gross for gross, _basis_points in lines])) == taken

    @pytest.mark.parametrize(
        ("amount", "weights", "parts"),
        [
            (100, [1, 1, 1], [34, 33, 33]),  # of equal ones the first
            (100, [1, 2, 3], [17, 33, 50]),
            (2, [5, 5, 5], [1, 1, 0]),
            (1, [0, 3], [0, 1]),
            (0, [1, 2], [0, 0]),
        ],
    )
    def test_the_largest_remainder_gets_what_is_left(
        self, amount: int, weights: list[int], parts: list[int]
    ) -> None:
        assert split(amount, weights) == parts

    @pytest.mark.parametrize(("amount", "weights"), [(-1, [1]), (1, [0]), (1, [2, -1]), (1, [])])
    def test_what_can_not_be_split(self, amount: int, weights: list[int]) -> None:
        with pytest.raises(ValueError, match="can't split"):
            split(amount, weights)
