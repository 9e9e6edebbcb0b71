"""Money: an integer of minor units and a currency. No floats anywhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_decimal_symbol

# PayPal's own table, which differs from ISO 4217 (HUF and TWD have two decimals there):
# https://developer.paypal.com/reference/currency-codes/
PAYPAL_DECIMALS = {
    "AUD": 2, "BRL": 2, "CAD": 2, "CNY": 2, "CZK": 2, "DKK": 2, "EUR": 2, "HKD": 2, "HUF": 0,
    "ILS": 2, "JPY": 0, "MYR": 2, "MXN": 2, "TWD": 0, "NZD": 2, "NOK": 2, "PHP": 2, "PLN": 2,
    "GBP": 2, "SGD": 2, "SEK": 2, "CHF": 2, "THB": 2, "USD": 2,
}  # fmt: skip
BASIS_POINTS = 10_000
# No sign but a minus, no exponent, no other script's digits: all of which Decimal would read.
_PLAIN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")


@dataclass(frozen=True, order=True)
class Money:
    """An amount of `minor` units of `currency`."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read a plain decimal string as PayPal writes it; ValueError for anything else."""
        if currency not in PAYPAL_DECIMALS or not _PLAIN.fullmatch(text):
            raise ValueError(f"not an amount of {currency}: {text!r}")
        value = Decimal(text).scaleb(PAYPAL_DECIMALS[currency])
        if value != value.to_integral_value():
            raise ValueError(f"not an amount of {currency}: {text!r}")
        return cls(int(value), currency)

    def to_decimal(self) -> Decimal:
        """The amount in major units."""
        return Decimal(self.minor).scaleb(-PAYPAL_DECIMALS[self.currency])

    def to_decimal_string(self) -> str:
        """The amount as PayPal wants it: `12.00`, and `1200` where it takes no decimals."""
        return f"{self.to_decimal():.{PAYPAL_DECIMALS[self.currency]}f}"

    def typed(self, locale: str) -> str:
        """The amount as people of `locale` type it: no groups, no currency."""
        return self.to_decimal_string().replace(".", get_decimal_symbol(locale))

    @lru_cache(maxsize=4096)  # noqa: B019  # amounts are small, frozen, and shown again and again
    def format(self, locale: str) -> str:
        """The amount as people of `locale` read it."""
        decimals = PAYPAL_DECIMALS[self.currency]
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        layout = f"{pattern}\N{NO-BREAK SPACE}¤" if locale.startswith("ru") else f"¤{pattern}"
        return format_currency(
            self.to_decimal(), self.currency, layout, locale=locale, currency_digits=False
        )


def split(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Parts of an amount of zero or more that add up to it, by these weights.

    The one rule of rounding where something is split over lines, the largest remainder: each part
    is rounded down, and the units left over go one each to those that lost most by it; of equal
    ones to the first.
    """
    whole = sum(weights)
    if amount_minor < 0 or whole <= 0 or min(weights) < 0:
        raise ValueError(f"can't split {amount_minor} by {weights}")
    parts = [amount_minor * weight // whole for weight in weights]
    lost = [amount_minor * weight % whole for weight in weights]
    first = sorted(range(len(weights)), key=lambda at: -lost[at])  # stable: else in their order
    for at in first[: amount_minor - sum(parts)]:
        parts[at] += 1
    return parts


def commission(gross_minor: int, basis_points: int) -> int:
    """The platform's share of a line of `gross_minor`: split with the seller, whose the rest is.

    That is rounded half up to minor units.
    """
    return split(gross_minor, (basis_points, BASIS_POINTS - basis_points))[0]
