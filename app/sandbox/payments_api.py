"""Payments v2 over HTTP: captures and their refunds.

https://developer.paypal.com/docs/api/payments/v2/
"""

import sqlite3

from flask import Blueprint, Response

from app.sandbox import captures, refunds, reversals
from app.sandbox.api import perform, read_json, require_token, wants_whole
from app.sandbox.errors import invalid
from app.sandbox.idempotency import Answer
from app.sandbox.state import sandbox

blueprint = Blueprint("payments", __name__)


@blueprint.get("/v2/payments/captures/<capture_id>")
def show_capture(capture_id: str) -> Response:
    """A capture as it stands."""
    box = sandbox()

    def work(db: sqlite3.Connection) -> Answer:
        return Answer(200, captures.show(db, box.config, capture_id))

    return perform("get", work)


@blueprint.post("/v2/payments/captures/<capture_id>/refund")
def refund(capture_id: str) -> Response:
    """Give captured money back: an amount, or all that is left."""
    box, whole = sandbox(), wants_whole()
    require_token(box)
    body = read_json(required=False)
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise invalid("INVALID_PARAMETER_SYNTAX", "/", operation="refund")

    def work(db: sqlite3.Connection) -> Answer:
        made = refunds.make(db, box, capture_id, body)
        return Answer(201, made if whole else refunds.show_minimal(made))

    return perform("refund", work, body=body)


@blueprint.get("/v2/payments/refunds/<refund_id>")
def show_refund(refund_id: str) -> Response:
    """A refund as it stands."""
    box = sandbox()

    def work(db: sqlite3.Connection) -> Answer:
        if reversals.is_known(db, refund_id):
            return Answer(200, reversals.show(db, box.config, refund_id))
        return Answer(200, refunds.show(db, box.config, refund_id))

    return perform("get", work)
