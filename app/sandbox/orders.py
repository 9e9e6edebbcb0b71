"""Orders: created, approved by a payer, captured once. The state machine of PayPal's Orders v2.

CREATED | PAYER_ACTION_REQUIRED → APPROVED → COMPLETED; a declined capture, and a yes that is taken
back, lead to the start.
Every function works inside the caller's transaction.
"""

import json
import sqlite3
from typing import Any

from app.sandbox import captures, events, refunds
from app.sandbox.clock import iso
from app.sandbox.config import SandboxConfig
from app.sandbox.errors import PaypalError, not_found, text, unprocessable
from app.sandbox.idempotency import Answer
from app.sandbox.ids import resource_id
from app.sandbox.payers import PAYERS, Payer
from app.sandbox.state import Sandbox

MAX_ATTEMPTS = 10
MISSING = ("CREATED", "PAYER_ACTION_REQUIRED")


class NotNow(Exception):
    """A payer or the control page asks for what this order's state does not allow."""


def create(db: sqlite3.Connection, sandbox: Sandbox, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make an order of what `validation.read_order` read; the stored order."""
    now = sandbox.clock.now()
    order = {
        "id": resource_id(),
        "status": "PAYER_ACTION_REQUIRED" if wanted["wallet"] else "CREATED",
        **wanted,
        "payer": None,
        "attempts": 0,
        "declined_by": [],
        "decline_next": False,
        "created_at": now,
        "updated_at": now,
    }
    db.execute(
        "INSERT INTO paypal_order (id, number, status, document)"
        " SELECT ?, coalesce(max(number), 0) + 1, ?, ? FROM paypal_order",
        (order["id"], order["status"], json.dumps(order)),
    )
    return order


def find(db: sqlite3.Connection, order_id: str) -> dict[str, Any]:
    """The stored order; PaypalError 404 if there is none."""
    row = db.execute("SELECT document FROM paypal_order WHERE id = ?", (order_id,)).fetchone()
    if row is None:
        raise not_found()
    order: dict[str, Any] = json.loads(row["document"])
    return order


def save(db: sqlite3.Connection, sandbox: Sandbox, order: dict[str, Any]) -> None:
    """Store what has changed."""
    order["updated_at"] = sandbox.clock.now()
    db.execute(
        "UPDATE paypal_order SET status = ?, document = ? WHERE id = ?",
        (order["status"], json.dumps(order), order["id"]),
    )


def approve(
    db: sqlite3.Connection,
    sandbox: Sandbox,
    order_id: str,
    payer: Payer,
    *,
    decline_next: bool = False,
) -> dict[str, Any]:
    """The payer says yes; a second yes changes nothing but who pays.

    Raises PaypalError 404 for an unknown order, NotNow for one that is paid already.
    """
    order = find(db, order_id)
    if order["status"] == "COMPLETED":
        raise NotNow("This order is completed already.")
    fresh = order["status"] != "APPROVED"
    order |= {"status": "APPROVED", "payer": payer.key, "decline_next": decline_next}
    save(db, sandbox, order)
    if fresh:
        resource = render(db, sandbox.config, order)
        events.record(db, sandbox, "CHECKOUT.ORDER.APPROVED", "checkout-order", resource)
    return order


def take_back(db: sqlite3.Connection, sandbox: Sandbox, order_id: str) -> dict[str, Any]:
    """The payer's yes is taken back, as of one whose money was not fetched in time.

    What follows is asked of the payer again. PayPal does not say what the order becomes; its event
    has the order's id where others have `id`. Raises PaypalError 404 for an unknown order, NotNow
    for one that nobody has approved.
    """
    order = find(db, order_id)
    if order["status"] != "APPROVED":
        raise NotNow("Nobody has approved this order.")
    resource = {
        "order_id": order_id,
        "purchase_units": render(db, sandbox.config, order)["purchase_units"],
        "payment_source": {"paypal": {}},
    }
    order |= {"status": _start(order), "payer": None, "decline_next": False}
    save(db, sandbox, order)
    events.record(
        db,
        sandbox,
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
        "checkout-order",
        resource,
        resource_id=order_id,
    )
    return order


def _start(order: dict[str, Any]) -> str:
    return "PAYER_ACTION_REQUIRED" if order["wallet"] else "CREATED"


def capture(db: sqlite3.Connection, sandbox: Sandbox, order_id: str, *, whole: bool) -> Answer:
    """Take the money of an approved order, once; answer `whole` or with id, status and links.

    Raises PaypalError if the order is unknown, not approved, or captured already.
    """
    order = find(db, order_id)
    if order["status"] == "COMPLETED":
        raise unprocessable("ORDER_ALREADY_CAPTURED", operation="capture")
    if order["status"] != "APPROVED":
        raise _sent_back(order, sandbox.config, "ORDER_NOT_APPROVED")
    if captures.invoice_taken(db, order):
        raise unprocessable(
            "DUPLICATE_INVOICE_ID", "/purchase_units/0/invoice_id", operation="capture"
        )
    payer = PAYERS[order["payer"]]
    if issue := _decline(order, payer, sandbox):
        return _declined(db, sandbox, order, payer, issue)
    order |= {"status": "COMPLETED", "attempts": order["attempts"] + 1}
    save(db, sandbox, order)
    captures.take(db, sandbox, order, payer)
    resource = render(db, sandbox.config, order)
    events.record(db, sandbox, "CHECKOUT.ORDER.COMPLETED", "checkout-order", resource)
    return Answer(201, resource if whole else render_minimal(sandbox.config, order))


def _decline(order: dict[str, Any], payer: Payer, sandbox: Sandbox) -> str | None:
    """Why the payer's bank refuses this attempt; None if it pays."""
    if order["attempts"] >= MAX_ATTEMPTS:
        return "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"
    if fault := sandbox.faults.take("decline", operation="capture"):
        return str(fault["issue"])
    first = payer.declines_first and payer.key not in order["declined_by"]
    return "INSTRUMENT_DECLINED" if order["decline_next"] or first else None


def _declined(
    db: sqlite3.Connection, sandbox: Sandbox, order: dict[str, Any], payer: Payer, issue: str
) -> Answer:
    order |= {
        "status": _start(order),
        "attempts": order["attempts"] + 1,
        "declined_by": sorted({*order["declined_by"], payer.key}),
        "decline_next": False,
        "payer": None,
    }
    save(db, sandbox, order)
    return Answer(422, _sent_back(order, sandbox.config, issue).to_json())


def _sent_back(order: dict[str, Any], config: SandboxConfig, issue: str) -> PaypalError:
    """A refusal that the payer can mend in PayPal's window."""
    return PaypalError(
        422,
        [{"issue": issue, "description": text(issue, "capture")}],
        [{"href": payer_url(config, order["id"]), "rel": "payer-action", "method": "GET"}],
    )


def payer_url(config: SandboxConfig, order_id: str) -> str:
    """The page where a payer approves this order."""
    return f"{config.public_url}/checkoutnow?token={order_id}"


def _links(config: SandboxConfig, order: dict[str, Any]) -> list[dict[str, str]]:
    own = f"{config.public_url}/v2/checkout/orders/{order['id']}"
    links = [{"href": own, "rel": "self", "method": "GET"}]
    if order["status"] in MISSING:
        rel = "payer-action" if order["wallet"] else "approve"
        links.append({"href": payer_url(config, order["id"]), "rel": rel, "method": "GET"})
    if order["status"] != "COMPLETED":
        links.append({"href": own, "rel": "update", "method": "PATCH"})
        links.append({"href": f"{own}/capture", "rel": "capture", "method": "POST"})
    return links


def render_minimal(config: SandboxConfig, order: dict[str, Any]) -> dict[str, Any]:
    """What `Prefer: return=minimal` answers."""
    return {"id": order["id"], "status": order["status"], "links": _links(config, order)}


def render(db: sqlite3.Connection, config: SandboxConfig, order: dict[str, Any]) -> dict[str, Any]:
    """The whole order as PayPal shows it."""
    taken = captures.of_order(db, config, order["id"])
    given_back = refunds.of_order(db, config, order["id"]) if taken else {}
    units = []
    for index, unit in enumerate(order["purchase_units"]):
        shown = dict(unit)
        if index in taken:
            shown["payments"] = {"captures": [taken[index]]}
        if index in given_back:
            shown["payments"]["refunds"] = given_back[index]
        units.append(shown)
    body = {
        "id": order["id"],
        "intent": order["intent"],
        "status": order["status"],
        "purchase_units": units,
        "create_time": iso(order["created_at"]),
        "update_time": iso(order["updated_at"]),
        "links": _links(config, order),
    }
    if order["payer"]:
        payer = PAYERS[order["payer"]]
        body |= {"payer": payer.to_json(), "payment_source": payer.to_source()}
    elif order["wallet"]:
        body["payment_source"] = {"paypal": {}}
    return body
