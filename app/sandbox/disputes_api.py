"""Customer Disputes v1 over HTTP, as far as a merchant needs it.

https://developer.paypal.com/docs/api/customer-disputes/v1/
"""

import base64
import json
import sqlite3
from pathlib import PurePath
from typing import Any

from flask import Blueprint, Response, request

from app.sandbox import dispute_shapes, disputes
from app.sandbox.api import perform, require_token
from app.sandbox.clock import from_iso
from app.sandbox.dispute_shapes import PATH
from app.sandbox.errors import PaypalError, invalid
from app.sandbox.idempotency import Answer
from app.sandbox.money import Amount, read_amount
from app.sandbox.state import sandbox

PAGE_SIZE, MAX_PAGE_SIZE = 10, 50
MIB = 1024 * 1024
# https://developer.paypal.com/platforms/disputes/reference/supported-file-types-sizes
MAX_DOCUMENT, MAX_DOCUMENTS = 10 * MIB, 50 * MIB
# What files begin with, by the end of their name.
SIGNATURES = {
    ".jpg": b"\xff\xd8\xff",
    ".jpeg": b"\xff\xd8\xff",
    ".gif": b"GIF8",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".pdf": b"%PDF-",
}
MAX_NOTES = 2000
INPUT = "input"  # the part of a request that is JSON
# Of the many that PayPal has, those that say something of goods without a parcel.
EVIDENCE_TYPES = frozenset(
    {
        "PROOF_OF_FULFILLMENT",
        "PROOF_OF_REFUND",
        "PROOF_FOR_SOFTWARE_OR_SERVICE_DELIVERED",
        "ITEM_DESCRIPTION",
        "RETURN_POLICY",
        "DETAILS_OF_PURCHASE",
        "ORDER_DETAILS",
        "MERCHANT_RESPONSE",
        "LISTING_URL",
        "OTHER",
    }
)
STATES = {
    "REQUIRED_ACTION": "WAITING_FOR_SELLER_RESPONSE",
    "REQUIRED_OTHER_PARTY_ACTION": "WAITING_FOR_BUYER_RESPONSE",
    "UNDER_PAYPAL_REVIEW": "UNDER_REVIEW",
    "RESOLVED": "RESOLVED",
    "OPEN_INQUIRIES": "OPEN",
    "APPEALABLE": "",  # the sandbox hears no appeals
}
TIMES = {
    "start_time": "created_at >= ?",
    "update_time_after": "updated_at >= ?",
    "update_time_before": "updated_at <= ?",
}

blueprint = Blueprint("disputes", __name__)


@blueprint.get(PATH)
def listing() -> Response:
    """The merchant's disputes, newest first."""
    require_token(sandbox())
    conditions, values = _filters()
    size = request.args.get("page_size", PAGE_SIZE, type=int)
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise invalid("INVALID_PARAMETER_VALUE", "page_size", size)

    def work(db: sqlite3.Connection) -> Answer:
        rows = db.execute(
            f"SELECT * FROM dispute WHERE {conditions} ORDER BY number DESC LIMIT ?",  # noqa: S608  # ours
            (*values, size + 1),
        ).fetchall()
        return Answer(200, _page(rows, size))

    return perform("get", work)


def _filters() -> tuple[str, list[Any]]:
    conditions = ["true"]
    values: list[Any] = []
    if "start_time" in request.args and "disputed_transaction_id" in request.args:
        raise invalid("INVALID_PARAMETER_VALUE", "disputed_transaction_id")
    for name, condition in TIMES.items():
        if name in request.args:
            conditions.append(condition)
            values.append(_time(name))
    if "disputed_transaction_id" in request.args:
        conditions.append("capture_id = ?")
        values.append(request.args["disputed_transaction_id"])
    if "dispute_state" in request.args:
        wanted = request.args["dispute_state"].split(",")
        if not set(wanted) <= STATES.keys():
            raise invalid("INVALID_PARAMETER_VALUE", "dispute_state")
        conditions.append(f"status IN ({', '.join('?' * len(wanted))})")
        values += [STATES[name] for name in wanted]
    if "next_page_token" in request.args:
        conditions.append("number < ?")
        values.append(_number(request.args["next_page_token"]))
    return " AND ".join(conditions), values


def _time(name: str) -> float:
    try:
        return from_iso(request.args[name])
    except ValueError:
        raise invalid("INVALID_PARAMETER_SYNTAX", name, request.args[name]) from None


def _number(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True))
    except ValueError:
        raise invalid("INVALID_PARAMETER_SYNTAX", "next_page_token", token) from None


def _page(rows: list[sqlite3.Row], size: int) -> dict[str, Any]:
    config = sandbox().config
    shown, more = rows[:size], len(rows) > size
    own = f"{config.public_url}{PATH}"
    links = [{"href": own, "rel": "self", "method": "GET"}]
    if more:
        token = base64.b64encode(str(shown[-1]["number"]).encode()).decode()
        following = f"{own}?page_size={size}&next_page_token={token}"
        links.append({"href": following, "rel": "next", "method": "GET"})
    return {"items": [dispute_shapes.summary(config, row) for row in shown], "links": links}


@blueprint.get(f"{PATH}/<dispute_id>")
def show(dispute_id: str) -> Response:
    """A dispute as it stands."""
    box = sandbox()
    return perform("get", lambda db: Answer(200, disputes.show(db, box.config, dispute_id)))


@blueprint.post(f"{PATH}/<dispute_id>/provide-evidence")
def provide_evidence(dispute_id: str) -> Response:
    """Take the merchant's evidence: `evidences` in the part `input`, files in parts beside it."""
    box = sandbox()
    require_token(box)
    request.max_content_length = MAX_DOCUMENTS + MIB
    body = _read_input()
    evidences = _read_evidences(body.get("evidences"))
    documents = _read_documents()

    def work(db: sqlite3.Connection) -> Answer:
        disputes.provide_evidence(db, box, dispute_id, evidences=evidences, documents=documents)
        return Answer(200, _link(dispute_id))

    return perform("evidence", work, body=body)


@blueprint.post(f"{PATH}/<dispute_id>/accept-claim")
def accept_claim(dispute_id: str) -> Response:
    """Give in to the payer."""
    box = sandbox()
    require_token(box)
    body = _read_input()
    amount = _read_refund(body)

    def work(db: sqlite3.Connection) -> Answer:
        disputes.accept_claim(db, box, dispute_id, amount=amount)
        return Answer(200, _link(dispute_id))

    return perform("accept", work, body=body)


def _read_input() -> dict[str, Any]:
    """The JSON of a request in parts."""
    if request.mimetype not in {"multipart/form-data", "multipart/related"}:
        raise PaypalError(415)
    try:
        body = json.loads(request.form.get(INPUT, "{}"))
    except ValueError:
        raise invalid("MALFORMED_REQUEST_JSON") from None
    if not isinstance(body, dict):
        raise invalid("MALFORMED_REQUEST_JSON")
    return body


def _read_evidences(evidences: Any) -> list[dict[str, Any]]:
    if not isinstance(evidences, list) or not evidences:
        raise invalid("MISSING_REQUIRED_PARAMETER", "/evidences")
    for index, evidence in enumerate(evidences):
        place = f"/evidences/{index}"
        if not isinstance(evidence, dict):
            raise invalid("INVALID_PARAMETER_SYNTAX", place)
        if evidence.get("evidence_type") not in EVIDENCE_TYPES:
            raise invalid("INVALID_PARAMETER_VALUE", f"{place}/evidence_type")
        notes = evidence.get("notes", "")
        if not isinstance(notes, str):
            raise invalid("INVALID_PARAMETER_SYNTAX", f"{place}/notes")
        if len(notes.encode("utf-16-le", "replace")) // 2 > MAX_NOTES:
            raise invalid("INVALID_STRING_LENGTH", f"{place}/notes")
    return evidences


def _read_documents() -> list[disputes.Document]:
    documents = []
    for file in request.files.values():
        content = file.read(MAX_DOCUMENT)
        suffix = PurePath(file.filename or "").suffix.lower()
        if suffix not in SIGNATURES or not content.startswith(SIGNATURES[suffix]):
            raise invalid("INVALID_PARAMETER_VALUE", f"/{file.name}", file.filename)
        if len(content) == MAX_DOCUMENT:
            raise invalid("INVALID_PARAMETER_VALUE", f"/{file.name}", "10 MB or more")
        documents.append(disputes.Document(str(file.filename), file.mimetype, content))
    return documents


def _read_refund(body: dict[str, Any]) -> Amount | None:
    if "refund_amount" not in body:
        return None
    return read_amount(
        body["refund_amount"], "/refund_amount", currency=None, zero=False, operation="create"
    )


def _link(dispute_id: str) -> dict[str, Any]:
    own = f"{sandbox().config.public_url}{PATH}/{dispute_id}"
    return {"links": [{"href": own, "rel": "self", "method": "GET"}]}
