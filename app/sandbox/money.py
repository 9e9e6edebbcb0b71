"""Amounts in minor units, PayPal's decimals per currency, and the sandbox's fee."""

from dataclasses import dataclass
from typing import Any

from app.sandbox.errors import invalid, unprocessable

# Decimals: https://developer.paypal.com/reference/currency-codes/ (not ISO 4217: HUF and TWD).
# Fixed fee in minor units: the sandbox's tariff, close to PayPal's for each currency.
CURRENCIES: dict[str, tuple[int, int]] = {
    "AUD": (2, 49), "BRL": (2, 290), "CAD": (2, 49), "CNY": (2, 350), "CZK": (2, 900),
    "DKK": (2, 290), "EUR": (2, 49), "GBP": (2, 49), "HKD": (2, 379), "HUF": (0, 149),
    "ILS": (2, 160), "JPY": (0, 49), "MXN": (2, 900), "MYR": (2, 200), "NOK": (2, 390),
    "NZD": (2, 69), "PHP": (2, 2500), "PLN": (2, 189), "SEK": (2, 409), "SGD": (2, 69),
    "CHF": (2, 49), "THB": (2, 1500), "TWD": (0, 14), "USD": (2, 49),
}  # fmt: skip
FEE_BASIS_POINTS = 349
BASIS_POINTS = 10_000
MAX_DIGITS = 15
MAX_LENGTH = 32


@dataclass(frozen=True)
class Amount:
    """`minor` units of `currency`."""

    minor: int
    currency: str

    def to_json(self) -> dict[str, str]:
        """PayPal's money object."""
        return {"currency_code": self.currency, "value": self.value}

    @property
    def value(self) -> str:
        """A decimal string with as many decimals as PayPal takes."""
        decimals = CURRENCIES[self.currency][0]
        if not decimals:
            return str(self.minor)
        sign, digits = "-" if self.minor < 0 else "", str(abs(self.minor)).zfill(decimals + 1)
        return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def fee(gross: Amount) -> Amount:
    """3.49 % of the gross rounded half up, plus a fixed sum; never more than the gross."""
    share = (gross.minor * FEE_BASIS_POINTS + BASIS_POINTS // 2) // BASIS_POINTS
    return Amount(min(share + CURRENCIES[gross.currency][1], gross.minor), gross.currency)


def read_amount(
    value: Any, field: str, *, currency: str | None, zero: bool, operation: str
) -> Amount:
    """Read a money object of a request.

    Args:
        value: the object as parsed from JSON.
        field: JSON pointer, for errors.
        currency: what the rest of the order is in; None for the first amount.
        zero: whether nothing is a sum here.
        operation: whose error texts to use.

    Raises:
        PaypalError: with the issue PayPal names for it.
    """
    if not isinstance(value, dict):
        raise invalid("MISSING_REQUIRED_PARAMETER", field, operation=operation)
    code, text = value.get("currency_code"), value.get("value")
    for name, part in (("currency_code", code), ("value", text)):
        if part is None:
            raise invalid("MISSING_REQUIRED_PARAMETER", f"{field}/{name}", operation=operation)
        if not isinstance(part, str):
            raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/{name}", operation=operation)
    if code not in CURRENCIES:
        raise unprocessable("INVALID_CURRENCY_CODE", f"{field}/currency_code", code, operation)
    if currency is not None and code != currency:
        raise unprocessable("MULTI_CURRENCY_ORDER", f"{field}/currency_code", code, operation)
    minor = _minor(str(text), code, f"{field}/value", operation)
    if minor < 0:
        raise unprocessable("CANNOT_BE_NEGATIVE", f"{field}/value", text, operation)
    if minor == 0 and not zero:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", f"{field}/value", text, operation)
    return Amount(minor, code)


def _minor(text: str, currency: str, field: str, operation: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, point, fraction = digits.partition(".")
    plain = (whole + fraction).isascii() and (whole + fraction).isdigit()
    if len(text) > MAX_LENGTH or not plain or (point and not fraction) or not (point or whole):
        raise invalid("INVALID_PARAMETER_SYNTAX", field, text, operation)
    decimals = CURRENCIES[currency][0]
    if len(fraction) > decimals:
        raise unprocessable("DECIMAL_PRECISION", field, text, operation)
    if len(whole.lstrip("0")) > MAX_DIGITS:
        raise unprocessable("MAX_VALUE_EXCEEDED", field, text, operation)
    return sign * int((whole or "0") + fraction.ljust(decimals, "0"))
