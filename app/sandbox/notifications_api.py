"""Webhooks v1: subscriptions, events, signatures, certificates.

https://developer.paypal.com/docs/api/webhooks/v1/
"""

import base64
import json
import re
import secrets
import sqlite3
from typing import Any
from urllib.parse import urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Blueprint, Response, abort, request

from app.sandbox import events
from app.sandbox.api import json_answer, read_json, require_token
from app.sandbox.clock import from_iso, iso
from app.sandbox.errors import invalid, not_found
from app.sandbox.events import EVENT_TYPES, EVERYTHING
from app.sandbox.forgeries import CERTIFICATE_PATH
from app.sandbox.signing import ALGORITHM, signed_text
from app.sandbox.state import sandbox
from app.sandbox.validation import origin

MAX_URL = 2048
PAGE_SIZE, MAX_PAGE_SIZE = 10, 1000
SIGNED_FIELDS = (
    "auth_algo",
    "cert_url",
    "transmission_id",
    "transmission_sig",
    "transmission_time",
    "webhook_id",
)
EVENT_FIELD = re.compile(r'"webhook_event"\s*:\s*')

blueprint = Blueprint("notifications", __name__)


@blueprint.get(f"{CERTIFICATE_PATH}<certificate_id>")
def certificate(certificate_id: str) -> Response:
    """A certificate of a webhook's signer, in PEM."""
    identity = sandbox().certificates.served(certificate_id)
    if identity is None:
        abort(404)
    return Response(identity.pem, content_type="application/x-pem-file")


@blueprint.post("/v1/notifications/webhooks")
def subscribe() -> Response:
    """Ask for events at an address."""
    box = sandbox()
    require_token(box)
    body = read_json(required=True)
    url, wanted = _read_subscription(body)
    webhook_id = secrets.token_hex(9).upper()[:17]
    with box.storage.transaction() as db:
        db.execute("INSERT INTO webhook VALUES (?, ?, ?)", (webhook_id, url, json.dumps(wanted)))
        row = db.execute("SELECT * FROM webhook WHERE id = ?", (webhook_id,)).fetchone()
    return json_answer(201, _webhook(row))


def _read_subscription(body: Any) -> tuple[str, list[str]]:
    if not isinstance(body, dict):
        raise invalid("MALFORMED_REQUEST_JSON")
    return _read_url(body.get("url")), _read_types(body.get("event_types"))


def _read_url(url: Any) -> str:
    if not isinstance(url, str) or not origin(url):
        raise invalid("INVALID_PARAMETER_SYNTAX", "/url")
    if len(url) > MAX_URL:
        raise invalid("INVALID_STRING_LENGTH", "/url")
    return url


def _read_types(types: Any) -> list[str]:
    if not isinstance(types, list) or not types:
        raise invalid("MISSING_REQUIRED_PARAMETER", "/event_types")
    wanted = [entry.get("name") if isinstance(entry, dict) else None for entry in types]
    for index, name in enumerate(wanted):
        if not isinstance(name, str) or not name:
            raise invalid("INVALID_PARAMETER_VALUE", f"/event_types/{index}/name")
    return [str(name) for name in wanted]


@blueprint.get("/v1/notifications/webhooks")
def webhooks() -> Response:
    """Every subscription."""
    box = sandbox()
    require_token(box)
    with box.storage.transaction() as db:
        rows = db.execute("SELECT * FROM webhook ORDER BY id").fetchall()
    return json_answer(200, {"webhooks": [_webhook(row) for row in rows]})


@blueprint.get("/v1/notifications/webhooks/<webhook_id>")
def webhook(webhook_id: str) -> Response:
    """One subscription."""
    box = sandbox()
    require_token(box)
    with box.storage.transaction() as db:
        row = db.execute("SELECT * FROM webhook WHERE id = ?", (webhook_id,)).fetchone()
    if row is None:
        raise not_found()
    return json_answer(200, _webhook(row))


@blueprint.patch("/v1/notifications/webhooks/<webhook_id>")
def resubscribe(webhook_id: str) -> Response:
    """Replace a subscription's address or its events, those left out included."""
    box = sandbox()
    require_token(box)
    body = read_json(required=True)
    if not isinstance(body, list):
        raise invalid("MALFORMED_REQUEST_JSON")
    changes: dict[str, str] = {}
    for index, one in enumerate(body):
        if not isinstance(one, dict) or one.get("op") != "replace":
            raise invalid("INVALID_PARAMETER_VALUE", f"/{index}/op")
        match one.get("path"):
            case "/url":
                changes["url"] = _read_url(one.get("value"))
            case "/event_types":
                changes["event_types"] = json.dumps(_read_types(one.get("value")))
            case _:
                raise invalid("INVALID_PARAMETER_VALUE", f"/{index}/path")
    with box.storage.transaction() as db:
        row = db.execute("SELECT * FROM webhook WHERE id = ?", (webhook_id,)).fetchone()
        if row is None:
            raise not_found()
        new = dict(row) | changes
        db.execute(
            "UPDATE webhook SET url = ?, event_types = ? WHERE id = ?",
            (new["url"], new["event_types"], webhook_id),
        )
        row = db.execute("SELECT * FROM webhook WHERE id = ?", (webhook_id,)).fetchone()
    return json_answer(200, _webhook(row))


@blueprint.delete("/v1/notifications/webhooks/<webhook_id>")
def unsubscribe(webhook_id: str) -> Response:
    """Send no more to this address, not even what is queued."""
    box = sandbox()
    require_token(box)
    with box.storage.transaction() as db:
        db.execute("DELETE FROM delivery WHERE webhook_id = ?", (webhook_id,))
        if not db.execute("DELETE FROM webhook WHERE id = ?", (webhook_id,)).rowcount:
            raise not_found()
    return json_answer(204, None)


@blueprint.get("/v1/notifications/webhooks-event-types")
def event_types() -> Response:
    """What can be asked for."""
    require_token(sandbox())
    types = [_event_type(name) for name in EVENT_TYPES]
    return json_answer(200, {"event_types": types})


@blueprint.get("/v1/notifications/webhooks-events")
def listing() -> Response:
    """Events of the past, newest first: how a shop learns what it missed."""
    box = sandbox()
    require_token(box)
    size = max(1, min(request.args.get("page_size", PAGE_SIZE, type=int), MAX_PAGE_SIZE))
    query = "SELECT number, body, created_at FROM event WHERE true"
    values: list[Any] = []
    for name, comparison in (("start_time", "created_at >= ?"), ("end_time", "created_at <= ?")):
        if name in request.args:
            query += f" AND {comparison}"
            values.append(_time(name))
    for name, column in (("transaction_id", "resource_id"), ("event_type", "event_type")):
        if name in request.args:
            query += f" AND {column} = ?"
            values.append(request.args[name])
    if request.args.get("move_to") == "next":
        query += " AND number < ?"
        values.append(request.args.get("index_id", 0, type=int))
    query += " ORDER BY number DESC LIMIT ?"
    values.append(size + 1)
    with box.storage.transaction() as db:
        rows = db.execute(query, values).fetchall()
    found = [json.loads(row["body"]) for row in rows[:size]]
    links = [{"href": _listing_address({}), "rel": "self", "method": "GET"}]
    if len(rows) > size:
        last = rows[size - 1]
        here = {
            "move_to": "next",
            "index_time": iso(last["created_at"]),
            "index_id": last["number"],
        }
        links.append({"href": _listing_address(here), "rel": "next", "method": "GET"})
    return json_answer(200, {"events": found, "count": len(found), "links": links})


def _listing_address(place: dict[str, Any]) -> str:
    """The address of this list, or of what follows a place in it."""
    query = urlencode(request.args.to_dict() | place)
    own = f"{sandbox().config.public_url}/v1/notifications/webhooks-events"
    return f"{own}?{query}" if query else own


def _time(name: str) -> float:
    try:
        return from_iso(request.args[name])
    except ValueError:
        raise invalid("INVALID_PARAMETER_SYNTAX", name, request.args[name]) from None


@blueprint.get("/v1/notifications/webhooks-events/<event_id>")
def show(event_id: str) -> Response:
    """One event."""
    box = sandbox()
    require_token(box)
    with box.storage.transaction() as db:
        return Response(_event(db, event_id), content_type="application/json")


@blueprint.post("/v1/notifications/webhooks-events/<event_id>/resend")
def resend(event_id: str) -> Response:
    """Send an event once more."""
    box = sandbox()
    require_token(box)
    body = read_json(required=False) or {}
    webhook_ids = body.get("webhook_ids", []) if isinstance(body, dict) else None
    if not isinstance(webhook_ids, list):
        raise invalid("MALFORMED_REQUEST_JSON")
    with box.storage.transaction() as db:
        event = _event(db, event_id)
        events.resend(db, box, event_id, webhook_ids)
    box.dispatcher.nudge()
    return Response(event, 202, content_type="application/json")


def _event(db: sqlite3.Connection, event_id: str) -> bytes:
    row = db.execute("SELECT body FROM event WHERE id = ?", (event_id,)).fetchone()
    if row is None:
        raise not_found()
    return bytes(row["body"])


@blueprint.post("/v1/notifications/verify-webhook-signature")
def verify() -> Response:
    """Whether the sandbox signed this event for this webhook.

    The event's bytes count as they stand in the request: written anew, they fail.
    """
    box = sandbox()
    require_token(box)
    body = read_json(required=True)
    if not isinstance(body, dict):
        raise invalid("MALFORMED_REQUEST_JSON")
    for name in (*SIGNED_FIELDS, "webhook_event"):
        if name not in body:
            raise invalid("MISSING_REQUIRED_PARAMETER", f"/{name}")
    true = _is_signed({name: str(body[name]) for name in SIGNED_FIELDS})
    return json_answer(200, {"verification_status": "SUCCESS" if true else "FAILURE"})


def _is_signed(sent: dict[str, str]) -> bool:
    box = sandbox()
    ours = f"{box.config.public_url}{CERTIFICATE_PATH}{box.certificates.signer.id}"
    if sent["auth_algo"] != ALGORITHM or sent["cert_url"] != ours:
        return False
    with box.storage.transaction() as db:
        known = db.execute("SELECT 1 FROM webhook WHERE id = ?", (sent["webhook_id"],)).fetchone()
    if known is None:
        return False
    text = signed_text(
        sent["transmission_id"], sent["transmission_time"], sent["webhook_id"], _raw_event()
    )
    try:
        signature = base64.b64decode(sent["transmission_sig"], validate=True)
        key = box.certificates.signer.key.public_key()
        key.verify(signature, text.encode(), padding.PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def _raw_event() -> bytes:
    """The event's own bytes within the request."""
    raw = request.get_data().decode()
    match = EVENT_FIELD.search(raw)
    if match is None:
        return b""
    _, end = json.JSONDecoder().raw_decode(raw, match.end())
    return raw[match.end() : end].encode()


def _webhook(row: sqlite3.Row) -> dict[str, Any]:
    own = f"{sandbox().config.public_url}/v1/notifications/webhooks/{row['id']}"
    return {
        "id": row["id"],
        "url": row["url"],
        "event_types": [_event_type(name) for name in json.loads(row["event_types"])],
        "links": [{"href": own, "rel": "self", "method": "GET"}],
    }


def _event_type(name: str) -> dict[str, str]:
    if name == EVERYTHING:
        return {"name": EVERYTHING, "description": "ALL"}
    return {"name": name, "description": EVENT_TYPES.get(name, name)}
