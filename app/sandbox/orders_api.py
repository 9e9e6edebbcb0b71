"""Orders v2 over HTTP.

https://developer.paypal.com/docs/api/orders/v2/
"""

import sqlite3

from flask import Blueprint, Response, request

from app.sandbox import orders, patching, validation
from app.sandbox.api import REQUEST_ID, perform, read_json, require_token, wants_whole
from app.sandbox.errors import invalid
from app.sandbox.idempotency import Answer
from app.sandbox.state import sandbox

blueprint = Blueprint("orders", __name__)


@blueprint.post("/v2/checkout/orders")
def create() -> Response:
    """Make an order."""
    box, whole = sandbox(), wants_whole()
    require_token(box)
    body = read_json(required=True)
    wanted = validation.read_order(body, box.config)
    if wanted["wallet"] and REQUEST_ID not in request.headers:
        raise invalid("PAYPAL_REQUEST_ID_REQUIRED")

    def work(db: sqlite3.Connection) -> Answer:
        order = orders.create(db, box, wanted)
        if whole:
            return Answer(201, orders.render(db, box.config, order))
        return Answer(201, orders.render_minimal(box.config, order))

    return perform("create", work, body=body)


@blueprint.get("/v2/checkout/orders/<order_id>")
def show(order_id: str) -> Response:
    """An order as it stands."""
    box = sandbox()

    def work(db: sqlite3.Connection) -> Answer:
        return Answer(200, orders.render(db, box.config, orders.find(db, order_id)))

    return perform("get", work)


@blueprint.patch("/v2/checkout/orders/<order_id>")
def change(order_id: str) -> Response:
    """Change what an order is for, as long as it is not paid."""
    box = sandbox()
    require_token(box)
    changes = read_json(required=True)

    def work(db: sqlite3.Connection) -> Answer:
        patching.patch(db, box, order_id, changes)
        return Answer(204)

    return perform("patch", work)


@blueprint.post("/v2/checkout/orders/<order_id>/capture")
def capture(order_id: str) -> Response:
    """Take the money of an approved order."""
    box, whole = sandbox(), wants_whole()
    require_token(box)
    body = read_json(required=False)
    if body is not None and not isinstance(body, dict):
        raise invalid("MALFORMED_REQUEST_JSON", operation="capture")

    def work(db: sqlite3.Connection) -> Answer:
        return orders.capture(db, box, order_id, whole=whole)

    return perform("capture", work, body=body)
