"""Disputes as PayPal shows them to a merchant: in a list, and whole."""

import json
import sqlite3
from typing import Any

from app.sandbox.clock import iso
from app.sandbox.config import SandboxConfig
from app.sandbox.money import Amount
from app.sandbox.payers import PAYERS

PATH = "/v1/customer/disputes"


def summary(config: SandboxConfig, dispute: sqlite3.Row) -> dict[str, Any]:
    """A dispute as it stands in the list."""
    own = f"{config.public_url}{PATH}/{dispute['id']}"
    body = _common(dispute)
    body["dispute_state"] = _state(dispute)
    body["links"] = [{"href": own, "rel": "self", "method": "GET"}]
    return body


def whole(
    db: sqlite3.Connection, config: SandboxConfig, dispute: sqlite3.Row, capture: sqlite3.Row
) -> dict[str, Any]:
    """A dispute with its payment, its money, its evidence, and what may be done about it."""
    body = _common(dispute)
    body["disputed_transactions"] = [_transaction(config, capture)]
    body["links"] = _links(config, dispute)
    if movements := _movements(db, dispute):
        body["money_movements"] = movements
    if evidences := _evidences(db, config, dispute):
        body["evidences"] = evidences
    if dispute["note"]:
        body["messages"] = [
            {
                "posted_by": "BUYER",
                "time_posted": iso(dispute["created_at"]),
                "content": dispute["note"],
            }
        ]
    if dispute["outcome"]:
        body["dispute_outcome"] = {
            "outcome_code": dispute["outcome"],
            "amount_refunded": Amount(dispute["refunded"], dispute["currency"]).to_json(),
        }
    return body


def _common(dispute: sqlite3.Row) -> dict[str, Any]:
    body = {
        "dispute_id": dispute["id"],
        "create_time": iso(dispute["created_at"]),
        "update_time": iso(dispute["updated_at"]),
        "reason": dispute["reason"],
        "status": dispute["status"],
        "dispute_amount": Amount(dispute["minor"], dispute["currency"]).to_json(),
        "dispute_life_cycle_stage": dispute["stage"],
        "dispute_channel": "INTERNAL",
    }
    if dispute["due_at"]:
        body["seller_response_due_date"] = iso(dispute["due_at"])
    return body


def _state(dispute: sqlite3.Row) -> str:
    return {
        "OPEN": "OPEN_INQUIRIES",
        "WAITING_FOR_SELLER_RESPONSE": "REQUIRED_ACTION",
        "WAITING_FOR_BUYER_RESPONSE": "REQUIRED_OTHER_PARTY_ACTION",
        "UNDER_REVIEW": "UNDER_PAYPAL_REVIEW",
        "RESOLVED": "RESOLVED",
    }[dispute["status"]]


def _transaction(config: SandboxConfig, capture: sqlite3.Row) -> dict[str, Any]:
    body = {
        "buyer_transaction_id": capture["id"][::-1],
        "seller_transaction_id": capture["id"],
        "create_time": iso(capture["created_at"]),
        "transaction_status": capture["status"],
        "gross_amount": Amount(capture["gross"], capture["currency"]).to_json(),
        "buyer": {"name": f"Demo {PAYERS[capture['payer']].surname}"},
        "seller": {
            "email": config.merchant_email,
            "merchant_id": config.merchant_id,
            "name": config.merchant_name,
        },
    }
    if capture["invoice_id"] is not None:
        body["invoice_number"] = capture["invoice_id"]
    if capture["custom_id"] is not None:
        body["custom"] = capture["custom_id"]
    return body


def _links(config: SandboxConfig, dispute: sqlite3.Row) -> list[dict[str, str]]:
    own = f"{config.public_url}{PATH}/{dispute['id']}"
    links = [{"href": own, "rel": "self", "method": "GET"}]
    if dispute["status"] != "RESOLVED":
        links.append({"href": f"{own}/accept-claim", "rel": "accept_claim", "method": "POST"})
    if dispute["status"] == "WAITING_FOR_SELLER_RESPONSE":
        links.append(
            {"href": f"{own}/provide-evidence", "rel": "provide_evidence", "method": "POST"}
        )
    return links


def _movements(db: sqlite3.Connection, dispute: sqlite3.Row) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT * FROM dispute_movement WHERE dispute_id = ? ORDER BY id", (dispute["id"],)
    )
    return [
        {
            "affected_party": row["party"],
            "amount": Amount(row["minor"], dispute["currency"]).to_json(),
            "initiated_time": iso(row["created_at"]),
            "type": row["kind"],
            "reason": row["reason"],
        }
        for row in rows
    ]


def _evidences(
    db: sqlite3.Connection, config: SandboxConfig, dispute: sqlite3.Row
) -> list[dict[str, Any]]:
    shown = []
    rows = db.execute(
        "SELECT * FROM dispute_evidence WHERE dispute_id = ? ORDER BY id", (dispute["id"],)
    ).fetchall()
    for row in rows:
        body: dict[str, Any] = {
            "evidence_type": row["kind"],
            "source": "SUBMITTED_BY_SELLER",
            "date": iso(row["created_at"]),
            "dispute_life_cycle_stage": row["stage"],
        }
        if row["notes"]:
            body["notes"] = row["notes"]
        if info := json.loads(row["info"]):
            body["evidence_info"] = info
        documents = db.execute(
            "SELECT id, name FROM dispute_document WHERE evidence = ? ORDER BY id", (row["id"],)
        ).fetchall()
        if documents:
            body["documents"] = [
                {
                    "name": file["name"],
                    "url": f"{config.public_url}/sandbox/documents/{file['id']}",
                }
                for file in documents
            ]
        shown.append(body)
    return shown
