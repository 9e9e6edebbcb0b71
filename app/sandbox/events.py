"""Events: what happened, and which webhooks must hear of it."""

import json
import sqlite3
import uuid
from typing import Any

from app.sandbox.clock import iso
from app.sandbox.faults import Faults
from app.sandbox.ids import event_id
from app.sandbox.state import Sandbox

EVENT_TYPES: dict[str, str] = {
    "CHECKOUT.ORDER.APPROVED": "An order has been approved by buyer",
    "CHECKOUT.ORDER.COMPLETED": "Checkout Order Completed",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED": "A payment has been reversed after approval.",
    "PAYMENT.CAPTURE.COMPLETED": "Payment completed",
    "PAYMENT.CAPTURE.PENDING": "Payment pending",
    "PAYMENT.CAPTURE.DENIED": "Payment denied",
    "PAYMENT.CAPTURE.DECLINED": "Payment declined",
    "PAYMENT.CAPTURE.REFUNDED": "Payment refunded",
    "PAYMENT.REFUND.PENDING": "Refund pending",
    "PAYMENT.REFUND.FAILED": "Refund failed",
    "PAYMENT.CAPTURE.REVERSED": "Payment reversed",
    "CUSTOMER.DISPUTE.CREATED": "A new dispute opened with Case #",
    "CUSTOMER.DISPUTE.UPDATED": "A dispute was updated with Case #",
    "CUSTOMER.DISPUTE.RESOLVED": "A dispute was resolved with Case #",
    "PAYMENT.PAYOUTSBATCH.PROCESSING": "Payouts batch is being processed",
    "PAYMENT.PAYOUTSBATCH.SUCCESS": "Payouts batch completed successfully",
    "PAYMENT.PAYOUTSBATCH.DENIED": "Payouts batch got denied",
    "PAYMENT.PAYOUTS-ITEM.SUCCEEDED": "A payout item has succeeded",
    "PAYMENT.PAYOUTS-ITEM.UNCLAIMED": "A payout item is unclaimed",
    "PAYMENT.PAYOUTS-ITEM.RETURNED": "A payout item is returned",
    "PAYMENT.PAYOUTS-ITEM.CANCELED": "A payout item is canceled",
    "PAYMENT.PAYOUTS-ITEM.HELD": "A payout item is on hold",
    "PAYMENT.PAYOUTS-ITEM.BLOCKED": "A payout item is blocked",
    "PAYMENT.PAYOUTS-ITEM.FAILED": "A payout item has failed",
    "PAYMENT.PAYOUTS-ITEM.REFUNDED": "A payout item is refunded",
}
EVERYTHING = "*"


def record(
    db: sqlite3.Connection,
    sandbox: Sandbox,
    event_type: str,
    resource_type: str,
    resource: dict[str, Any],
    *,
    resource_id: str | None = None,
) -> str:
    """Write an event and queue it for every webhook that asked for its kind; the event's id.

    `resource_id` is for resources whose id has another name than `id`.
    """
    new_id = event_id()
    now = sandbox.clock.now()
    body = {
        "id": new_id,
        "event_version": "1.0",
        "create_time": iso(now),
        "resource_type": resource_type,
        "resource_version": "2.0",
        "event_type": event_type,
        "summary": EVENT_TYPES[event_type],
        "resource": resource,
        "links": [
            {
                "href": f"{sandbox.config.public_url}/v1/notifications/webhooks-events/{new_id}",
                "rel": "self",
                "method": "GET",
            },
            {
                "href": (
                    f"{sandbox.config.public_url}/v1/notifications/webhooks-events/{new_id}/resend"
                ),
                "rel": "resend",
                "method": "POST",
            },
        ],
    }
    # The very bytes are kept: what is signed, sent, sent again and listed must not differ.
    db.execute(
        "INSERT INTO event (id, event_type, resource_id, created_at, body) VALUES (?, ?, ?, ?, ?)",
        (
            new_id,
            event_type,
            resource_id or resource.get("id") or resource["dispute_id"],
            now,
            json.dumps(body).encode(),
        ),
    )
    _queue(db, sandbox.faults, new_id, event_type, now)
    return new_id


def _queue(
    db: sqlite3.Connection, faults: Faults, new_id: str, event_type: str, now: float
) -> None:
    for webhook in db.execute("SELECT id, event_types FROM webhook").fetchall():
        wanted = json.loads(webhook["event_types"])
        if EVERYTHING not in wanted and event_type not in wanted:
            continue
        due, state, copies, shuffled = now, "queued", 1, False
        forge = faults.take("webhook_forge", event_type=event_type)
        if faults.take("webhook_drop", event_type=event_type):
            state = "dropped"
        if delay := faults.take("webhook_delay", event_type=event_type):
            due += delay["seconds"]
        if duplicate := faults.take("webhook_duplicate", event_type=event_type):
            copies = duplicate["copies"]
        if shuffle := faults.take("webhook_shuffle", event_type=event_type):
            due, shuffled = _window(db, due, shuffle["seconds"]), True
        for _ in range(copies):
            enqueue(
                db,
                new_id,
                webhook["id"],
                due=due,
                state=state,
                shuffled=shuffled,
                forgery=forge["forgery"] if forge else None,
            )


def _window(db: sqlite3.Connection, due: float, seconds: float) -> float:
    """When the batch of shuffled events is over: all that come before then leave together."""
    row = db.execute(
        "SELECT max(due_at) AS due FROM delivery"
        " WHERE state = 'queued' AND shuffled AND due_at > ?",
        (due,),
    ).fetchone()
    return float(row["due"]) if row["due"] is not None else due + seconds


def enqueue(  # a row's columns
    db: sqlite3.Connection,
    of_event: str,
    webhook_id: str,
    *,
    due: float,
    state: str = "queued",
    shuffled: bool = False,
    forgery: str | None = None,
) -> int:
    """Queue one transmission of an event; its number."""
    cursor = db.execute(
        "INSERT INTO delivery (event_id, webhook_id, transmission_id, state, due_at, shuffled,"
        " forgery) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (of_event, webhook_id, str(uuid.uuid4()), state, due, shuffled, forgery),
    )
    return int(cursor.lastrowid or 0)


def resend(db: sqlite3.Connection, sandbox: Sandbox, of_event: str, webhook_ids: list[str]) -> int:
    """Queue an event once more for these webhooks, all if none is named; how many they are."""
    known = [row["id"] for row in db.execute("SELECT id FROM webhook")]
    chosen = [name for name in known if not webhook_ids or name in webhook_ids]
    for webhook_id in chosen:
        enqueue(db, of_event, webhook_id, due=sandbox.clock.now())
    return len(chosen)
