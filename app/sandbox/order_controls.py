"""The side doors of orders: a payer's yes, given or taken back. Part of the control page."""

from flask import Blueprint, Response, abort
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import orders
from app.sandbox.api import json_answer
from app.sandbox.control import (
    BAD_REQUEST,
    CONFLICT,
    NOT_FOUND,
    done,
    own_pages_only,
    problem_answer,
    sent_body,
)
from app.sandbox.payers import DEFAULT_PAYER, PAYERS
from app.sandbox.state import sandbox

blueprint = Blueprint("order_controls", __name__)
blueprint.before_request(own_pages_only)


@blueprint.post("/sandbox/orders/<order_id>/approve")
def approve(order_id: str) -> AnyResponse:
    """Say yes as a payer would: `{"payer": "balance" | "empty" | "echeck", "decline": false}`."""
    sent = sent_body() or {}
    payer = PAYERS.get(sent.get("payer", DEFAULT_PAYER.key)) if isinstance(sent, dict) else None
    if payer is None:
        return problem_answer(BAD_REQUEST, f"payer must be one of {', '.join(PAYERS)}")
    box = sandbox()
    try:
        with box.storage.transaction() as db:
            order = orders.approve(db, box, order_id, payer, decline_next=bool(sent.get("decline")))
    except orders.NotNow as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done({"id": order["id"], "status": order["status"], "payer_id": payer.payer_id})


@blueprint.post("/sandbox/orders/<order_id>/take-back")
def take_back(order_id: str) -> AnyResponse:
    """Take a payer's yes back before the money is fetched."""
    box = sandbox()
    try:
        with box.storage.transaction() as db:
            order = orders.take_back(db, box, order_id)
    except orders.NotNow as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done({"id": order["id"], "status": order["status"]})


@blueprint.delete("/sandbox/orders/<order_id>")
def drop_order(order_id: str) -> Response:
    """Forget an order, as PayPal does after some hours with one that nobody has paid."""
    with sandbox().storage.transaction() as db:
        dropped = db.execute(
            "DELETE FROM paypal_order WHERE id = ? AND status <> 'COMPLETED'", (order_id,)
        ).rowcount
    if not dropped:
        abort(NOT_FOUND)
    return json_answer(200, {"dropped": order_id})
