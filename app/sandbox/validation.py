"""What a request to create an order must look like; the rules of PayPal's Orders v2.

https://developer.paypal.com/docs/api/orders/v2/#orders_create
"""

import re
from typing import Any

from app.sandbox.config import SandboxConfig
from app.sandbox.errors import invalid, unprocessable
from app.sandbox.money import Amount, read_amount

MAX_UNITS = 10
CATEGORIES = ("DIGITAL_GOODS", "PHYSICAL_GOODS", "DONATION")
ADDED = ("item_total", "tax_total", "shipping", "handling", "insurance")
TAKEN_OFF = ("shipping_discount", "discount")
QUANTITY = re.compile(r"[1-9][0-9]{0,9}")
LOCALE = re.compile(r"[a-z]{2}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")
MAX_URL = 4000
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
    read = {}
    for name, choices in CONTEXT_CHOICES.items():
        if name in context:
            if context[name] not in choices:
                raise invalid("INVALID_PARAMETER_VALUE", f"{field}/{name}", context[name])
            read[name] = context[name]
    for name in ("return_url", "cancel_url"):
        if name in context:
            url = read_text(context, name, field, MAX_URL, "create")
            if not str(url).startswith(("https://", "http://")):
                raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/{name}", url)
            read[name] = url
    if "brand_name" in context:
        read["brand_name"] = read_text(context, "brand_name", field, 127, "create")
    if "locale" in context:
        locale = read_text(context, "locale", field, 10, "create")
        if not LOCALE.fullmatch(str(locale)):
            raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/locale", locale)
        read["locale"] = locale
    return read


def read_unit(
    unit: Any, field: str, currency: str | None, config: SandboxConfig, operation: str
) -> dict[str, Any]:
    """One purchase unit, amounts written with PayPal's decimals; PaypalError if it breaks a rule."""
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


def read_text(
    holder: dict[str, Any], name: str, field: str, limit: int, operation: str, least: int = 1
) -> str:
    """A string of `least` to `limit` characters; PaypalError otherwise."""
    value = holder.get(name)
    if value is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", f"{field}/{name}", operation=operation)
    if not isinstance(value, str):
        raise invalid("INVALID_PARAMETER_SYNTAX", f"{field}/{name}", operation=operation)
    if not least <= len(value) <= limit:
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
    read, sums, taxed = [], {"unit_amount": 0, "tax": 0}, False
    for index, item in enumerate(items):
        place = f"{field}/{index}"
        if not isinstance(item, dict):
            raise invalid("INVALID_PARAMETER_SYNTAX", place, operation=operation)
        ready: dict[str, Any] = {"name": read_text(item, "name", place, 127, operation)}
        quantity = read_text(item, "quantity", place, 10, operation)
        if not QUANTITY.fullmatch(quantity):
            raise invalid("INVALID_PARAMETER_SYNTAX", f"{place}/quantity", quantity, operation)
        ready["quantity"] = quantity
        for name in ("unit_amount", "tax"):
            if name == "tax" and name not in item:
                continue
            part = read_amount(
                item.get(name), f"{place}/{name}", currency=currency, zero=True, operation=operation
            )
            taxed = taxed or name == "tax"
            sums[name] += part.minor * int(quantity)
            ready[name] = part.to_json()
        for name in ("description", "sku"):
            if name in item:
                ready[name] = read_text(item, name, place, 127, operation, least=0)
        if "category" in item:
            if item["category"] not in CATEGORIES:
                raise invalid("INVALID_PARAMETER_VALUE", f"{place}/category", None, operation)
            ready["category"] = item["category"]
        read.append(ready)
    breakdown = field.rpartition("/")[0] + "/amount/breakdown"
    if read and "item_total" not in parts:
        raise unprocessable("ITEM_TOTAL_REQUIRED", f"{breakdown}/item_total", None, operation)
    if read and parts["item_total"].minor != sums["unit_amount"]:
        raise unprocessable(
            "ITEM_TOTAL_MISMATCH", f"{breakdown}/item_total", parts["item_total"].value, operation
        )
    if taxed and "tax_total" not in parts:
        raise unprocessable("TAX_TOTAL_REQUIRED", f"{breakdown}/tax_total", None, operation)
    if taxed and parts["tax_total"].minor != sums["tax"]:
        raise unprocessable(
            "TAX_TOTAL_MISMATCH", f"{breakdown}/tax_total", parts["tax_total"].value, operation
        )
    return read


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
