"""What a request to create an order must look like; the rules of PayPal's Orders v2.

https://developer.paypal.com/docs/api/orders/v2/#orders_create
"""

import re
from typing import Any
from urllib.parse import urlsplit

from app.sandbox.config import SandboxConfig
from app.sandbox.errors import invalid, unprocessable
from app.sandbox.money import Amount, read_amount

MAX_UNITS = 10
CATEGORIES = ("DIGITAL_GOODS", "PHYSICAL_GOODS", "DONATION")
ADDED = ("item_total", "tax_total", "shipping", "handling", "insurance")
TAKEN_OFF = ("shipping_discount", "discount")
QUANTITY = re.compile(r"[1-9][0-9]{0,9}")
WEB_ADDRESS = re.compile(r"https?://\S+")
CONTEXT_TEXTS = {
    "return_url": (4000, WEB_ADDRESS),
    "cancel_url": (4000, WEB_ADDRESS),
    "brand_name": (127, re.compile(r".*")),
    "locale": (10, re.compile(r"[a-z]{2}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")),
}
UNIT_TEXTS = {
    "reference_id": 256,
    "description": 127,
    "custom_id": 127,
    "invoice_id": 127,
    "soft_descriptor": 22,
}
CONTEXT_CHOICES = {
    "shipping_preference": ("GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS"),
    "user_action": ("CONTINUE", "PAY_NOW"),
    "landing_page": ("LOGIN", "GUEST_CHECKOUT", "NO_PREFERENCE"),
    "payment_method_preference": ("UNRESTRICTED", "IMMEDIATE_PAYMENT_REQUIRED"),
}


def read_order(body: Any, config: SandboxConfig) -> dict[str, Any]:
    """The order that a request asks for: `intent`, `purchase_units`, `wallet`, `context`.

    Raises PaypalError for the first rule that is broken. Fields that the sandbox has no use for
    (shipping, platform fees) are refused rather than ignored.
    """
    if not isinstance(body, dict):
        raise invalid("MALFORMED_REQUEST_JSON")
    intent = body.get("intent")
    if intent is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", "/intent")
    if intent == "AUTHORIZE":
        raise invalid("NOT_SUPPORTED", "/intent", intent)
    if intent != "CAPTURE":
        raise invalid("INVALID_PARAMETER_VALUE", "/intent", intent)
    units = body.get("purchase_units")
    if units is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", "/purchase_units")
    if not isinstance(units, list):
        raise invalid("INVALID_PARAMETER_SYNTAX", "/purchase_units")
    if not units:
        raise invalid("INVALID_ARRAY_MIN_ITEMS", "/purchase_units")
    if len(units) > MAX_UNITS:
        raise invalid("INVALID_ARRAY_MAX_ITEMS", "/purchase_units")
    read: list[dict[str, Any]] = []
    for index, unit in enumerate(units):
        currency = read[0]["amount"]["currency_code"] if read else None
        read.append(read_unit(unit, f"/purchase_units/{index}", currency, config, "create"))
    _check_references(units, read)
    wallet, context = _read_source(body)
    return {
        "intent": intent,
        "purchase_units": read,
        "wallet": wallet,
        "context": context,
    }


def origin(url: str) -> str:
    """Whose web address this is: `https://shop.example`; empty for what is none."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if is_address else ""


def _check_references(units: list[Any], read: list[dict[str, Any]]) -> None:
    if len(units) == 1:
        return
    for index, unit in enumerate(units):
        if "reference_id" not in unit:
            raise unprocessable("REFERENCE_ID_REQUIRED", f"/purchase_units/{index}/reference_id")
    references = [unit["reference_id"] for unit in read]
    if len(set(references)) < len(references):
        raise unprocessable("DUPLICATE_REFERENCE_ID", "/purchase_units")


def _read_source(body: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    source = body.get("payment_source")
    if source is None:
        return False, _read_context(body.get("application_context"), "/application_context")
    if not isinstance(source, dict):
        raise invalid("INVALID_PARAMETER_SYNTAX", "/payment_source")
    for name in source:
        if name != "paypal":
            raise invalid("NOT_SUPPORTED", f"/payment_source/{name}")
    wallet = source.get("paypal")
    if not isinstance(wallet, dict):
        raise invalid("MISSING_REQUIRED_PARAMETER", "/payment_source/paypal")
    field = "/payment_source/paypal/experience_context"
    return True, _read_context(wallet.get("experience_context"), field)


def _read_context(context: Any, field: str) -> dict[str, Any]:
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise invalid("INVALID_PARAMETER_SYNTAX", field)
    read = {name: context[name] for name in CONTEXT_CHOICES if name in context}
    for name, value in read.items():
        if value not in CONTEXT_CHOICES[name]:
            raise invalid("INVALID_PARAMETER_VALUE", f"{field}/{name}", value)
    for name, (limit, pattern) in CONTEXT_TEXTS.items():
        if name in context:
            read[name] = read_text(context, name, field, limit, "create")
            well_formed = pattern.fullmatch(read[name])
            if not well_formed or (pattern is WEB_ADDRESS and not origin(read[name])):
                raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/{name}", read[name])
    return read


def read_unit(
    unit: Any, field: str, currency: str | None, config: SandboxConfig, operation: str
) -> dict[str, Any]:
    """One purchase unit, amounts with PayPal's decimals; PaypalError if it breaks a rule."""
    if not isinstance(unit, dict):
        raise invalid("INVALID_PARAMETER_SYNTAX", field, operation=operation)
    for name in ("payment_instruction", "shipping"):
        if name in unit:
            raise invalid("NOT_SUPPORTED", f"{field}/{name}", operation="create")
    read: dict[str, Any] = {"reference_id": "default"}
    for name, limit in UNIT_TEXTS.items():
        if name in unit:
            read[name] = read_text(unit, name, field, limit, operation)
    read |= read_amounts(unit.get("amount"), unit.get("items"), field, currency, operation)
    read["payee"] = _read_payee(unit.get("payee"), field, config, operation)
    return read


def read_text(  # the rule, and where it holds
    holder: dict[str, Any], name: str, field: str, limit: int, operation: str, *, least: int = 1
) -> str:
    """A string of `least` to `limit` UTF-16 units, as PayPal counts; PaypalError otherwise."""
    value = holder.get(name)
    if value is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", f"{field}/{name}", operation=operation)
    if not isinstance(value, str):
        raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/{name}", operation=operation)
    if any("\ud800" <= letter <= "\udfff" for letter in value):  # half a letter
        raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/{name}", operation=operation)
    if not least <= len(value.encode("utf-16-le")) // 2 <= limit:
        raise invalid("INVALID_STRING_LENGTH", f"{field}/{name}", value[:limit], operation)
    return value


def read_amounts(
    amount: Any, items: Any, field: str, currency: str | None, operation: str
) -> dict[str, Any]:
    """`amount` and `items` of a unit; PaypalError unless their sums agree."""
    total = read_amount(
        amount, f"{field}/amount", currency=currency, zero=False, operation=operation
    )
    parts = _read_breakdown(amount.get("breakdown"), f"{field}/amount/breakdown", total, operation)
    read: dict[str, Any] = {"amount": total.to_json()}
    if parts:
        read["amount"]["breakdown"] = {name: part.to_json() for name, part in parts.items()}
    if items is not None:
        read["items"] = _read_items(items, f"{field}/items", total.currency, parts, operation)
    return read


def _read_breakdown(breakdown: Any, field: str, total: Amount, operation: str) -> dict[str, Amount]:
    if breakdown is None:
        return {}
    if not isinstance(breakdown, dict):
        raise invalid("INVALID_PARAMETER_SYNTAX", field, operation=operation)
    parts = {
        name: read_amount(
            breakdown[name],
            f"{field}/{name}",
            currency=total.currency,
            zero=True,
            operation=operation,
        )
        for name in (*ADDED, *TAKEN_OFF)
        if name in breakdown
    }
    plus = sum(parts[name].minor for name in ADDED if name in parts)
    minus = sum(parts[name].minor for name in TAKEN_OFF if name in parts)
    if parts and plus - minus != total.minor:
        raise unprocessable(
            "AMOUNT_MISMATCH", field.rpartition("/")[0] + "/value", total.value, operation
        )
    return parts


def _read_items(
    items: Any, field: str, currency: str, parts: dict[str, Amount], operation: str
) -> list[dict[str, Any]]:
    if not isinstance(items, list):
        raise invalid("INVALID_PARAMETER_SYNTAX", field, operation=operation)
    read: list[dict[str, Any]] = []
    priced, taxed = 0, None
    for index, item in enumerate(items):
        ready, price, tax = _read_item(item, f"{field}/{index}", currency, operation)
        read.append(ready)
        priced += price
        taxed = taxed if tax is None else (taxed or 0) + tax
    breakdown = f"{field.rpartition('/')[0]}/amount/breakdown"
    sums = {"item_total": priced if read else None, "tax_total": taxed}
    for name, expected in sums.items():
        kind, place = name.upper(), f"{breakdown}/{name}"
        if expected is None:
            continue
        if name not in parts:
            raise unprocessable(f"{kind}_REQUIRED", place, None, operation)
        if parts[name].minor != expected:
            raise unprocessable(f"{kind}_MISMATCH", place, parts[name].value, operation)
    return read


def _read_item(
    item: Any, field: str, currency: str, operation: str
) -> tuple[dict[str, Any], int, int | None]:
    """An item, and what its pieces cost together, without and in tax."""
    if not isinstance(item, dict):
        raise invalid("INVALID_PARAMETER_SYNTAX", field, operation=operation)
    read: dict[str, Any] = {"name": read_text(item, "name", field, 127, operation)}
    quantity = read_text(item, "quantity", field, 10, operation)
    if not QUANTITY.fullmatch(quantity):
        raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/quantity", quantity, operation)
    read["quantity"] = quantity
    sums: dict[str, int] = {}
    for name in ("unit_amount", "tax"):
        if name == "unit_amount" or name in item:
            part = read_amount(
                item.get(name), f"{field}/{name}", currency=currency, zero=True, operation=operation
            )
            sums[name] = part.minor * int(quantity)
            read[name] = part.to_json()
    for name in ("description", "sku"):
        if name in item:
            read[name] = read_text(item, name, field, 127, operation, least=0)
    if "category" in item:
        if item["category"] not in CATEGORIES:
            raise invalid("INVALID_PARAMETER_VALUE", f"{field}/category", None, operation)
        read["category"] = item["category"]
    return read, sums["unit_amount"], sums.get("tax")


def _read_payee(payee: Any, field: str, config: SandboxConfig, operation: str) -> dict[str, str]:
    ours = {"email_address": config.merchant_email, "merchant_id": config.merchant_id}
    if payee is None:
        return ours
    if not isinstance(payee, dict):
        raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/payee", operation=operation)
    known = [payee[name] == value for name, value in ours.items() if name in payee]
    if not known or not all(known):
        raise unprocessable("PAYEE_ACCOUNT_INVALID", f"{field}/payee", None, "create")
    return ours
