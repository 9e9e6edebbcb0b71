"""Changes to an order that is not paid yet: JSON Patch on what PayPal lets be changed.

https://developer.paypal.com/docs/api/orders/v2/#orders_patch
"""

import re
import sqlite3
from typing import Any

from app.sandbox import orders
from app.sandbox.errors import invalid, unprocessable
from app.sandbox.state import Sandbox
from app.sandbox.validation import UNIT_TEXTS, read_amounts, read_text

PATCH = "patch"
PATH = re.compile(r"/purchase_units/@reference_id=='(?P<reference>[^']*)'/(?P<name>[a-z_]+)")
TEXTS = frozenset(UNIT_TEXTS) - {"reference_id"}
# Amounts are replaced, texts also added and removed.
OPERATIONS = ("add", "replace", "remove")


def patch(db: sqlite3.Connection, sandbox: Sandbox, order_id: str, changes: Any) -> None:
    """Apply all changes or none; PaypalError names the first that can't be made."""
    order = orders.find(db, order_id)
    if not isinstance(changes, list):
        raise invalid("MALFORMED_REQUEST_JSON", operation=PATCH)
    if not changes:
        raise invalid("MISSING_REQUIRED_PARAMETER", "/", operation=PATCH)
    if order["status"] == "COMPLETED":
        raise unprocessable("ORDER_ALREADY_COMPLETED", operation=PATCH)
    approved = [unit["amount"]["value"] for unit in order["purchase_units"]]
    for index, change in enumerate(changes):
        if not isinstance(change, dict):
            raise invalid("MALFORMED_REQUEST_JSON", operation=PATCH)
        _apply(order, change, f"/{index}")
    amounts = [unit["amount"]["value"] for unit in order["purchase_units"]]
    if order["status"] == "APPROVED" and amounts != approved:
        raise unprocessable("AMOUNT_CHANGE_NOT_ALLOWED", operation=PATCH)
    for index, unit in enumerate(order["purchase_units"]):
        read_amounts(
            unit["amount"], unit.get("items"), f"/purchase_units/{index}", _currency(order), PATCH
        )
    orders.save(db, sandbox, order)


def _currency(order: dict[str, Any]) -> str:
    return str(order["purchase_units"][0]["amount"]["currency_code"])


def _apply(order: dict[str, Any], change: dict[str, Any], field: str) -> None:
    what, path = change.get("op"), change.get("path")
    if what not in OPERATIONS:
        raise invalid("INVALID_PARAMETER_VALUE", f"{field}/op", what, PATCH)
    if not path:
        raise unprocessable("PATCH_PATH_REQUIRED", f"{field}/path", None, PATCH)
    if what != "remove" and "value" not in change:
        raise unprocessable("PATCH_VALUE_REQUIRED", f"{field}/value", None, PATCH)
    if not isinstance(path, str) or not path.startswith("/"):
        raise unprocessable("INVALID_JSON_POINTER_FORMAT", f"{field}/path", path, PATCH)
    match = PATH.fullmatch(path)
    if match is None:
        raise unprocessable("NOT_PATCHABLE", f"{field}/path", path, PATCH)
    unit = _unit(order, match["reference"], field)
    name = match["name"]
    if name == "amount" and what == "replace":
        read = read_amounts(change["value"], None, f"{field}/value", _currency(order), PATCH)
        unit["amount"] = read["amount"]
    elif name in TEXTS:
        _apply_text(unit, name, what, change, field)
    else:
        raise unprocessable("NOT_PATCHABLE", f"{field}/path", path, PATCH)


def _apply_text(
    unit: dict[str, Any], name: str, what: str, change: dict[str, Any], field: str
) -> None:
    if (what == "add") == (name in unit):
        raise invalid("INVALID_PATCH_OPERATION", f"{field}/op", what, PATCH)
    if what == "remove":
        del unit[name]
    else:
        unit[name] = read_text(change, "value", field, UNIT_TEXTS[name], PATCH)


def _unit(order: dict[str, Any], reference: str, field: str) -> dict[str, Any]:
    for unit in order["purchase_units"]:
        if unit["reference_id"] == reference:
            found: dict[str, Any] = unit
            return found
    raise unprocessable("REFERENCE_ID_NOT_FOUND", f"{field}/path", reference, PATCH)
