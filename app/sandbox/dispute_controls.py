"""The side doors of disputes: what a payer does, what PayPal decides. Part of the control page."""

from typing import Any

from flask import Blueprint, Response, abort
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import captures, disputes, reversals
from app.sandbox.control import (
    BAD_REQUEST,
    CONFLICT,
    NOT_FOUND,
    done,
    own_pages_only,
    problem_answer,
    sent_body,
)
from app.sandbox.money import Amount, read_amount
from app.sandbox.state import sandbox

blueprint = Blueprint("dispute_controls", __name__)
blueprint.before_request(own_pages_only)


@blueprint.post("/sandbox/captures/<capture_id>/dispute")
def open_dispute(capture_id: str) -> AnyResponse:
    """Dispute a payment as its payer: `{"reason": …, "stage": "INQUIRY", "amount": …, "note": …}`.

    `amount` is a decimal string in the payment's currency; left out, all of it is disputed.
    """
    sent, box = sent_body() or {}, sandbox()
    reason = sent.get("reason", disputes.REASONS[0])
    stage = sent.get("stage", disputes.STAGES[0])
    if reason not in disputes.REASONS or stage not in disputes.STAGES[:2]:
        return problem_answer(BAD_REQUEST, f"reason must be one of {', '.join(disputes.REASONS)}")
    try:
        with box.storage.transaction() as db:
            currency = captures.show(db, box.config, capture_id)["amount"]["currency_code"]
            new_id = disputes.open_one(
                db,
                box,
                capture_id,
                reason=reason,
                stage=stage,
                amount=_amount(sent, currency),
                note=str(sent.get("note", "")),
            )
            body = disputes.show(db, box.config, new_id)
    except disputes.NotNow as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done(body)


@blueprint.post("/sandbox/disputes/<dispute_id>/escalate")
def escalate(dispute_id: str) -> AnyResponse:
    """Take a dispute to its next stage."""
    box = sandbox()
    try:
        with box.storage.transaction() as db:
            disputes.escalate(db, box, dispute_id)
            body = disputes.show(db, box.config, dispute_id)
    except disputes.NotNow as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done(body)


@blueprint.post("/sandbox/disputes/<dispute_id>/resolve")
def resolve_dispute(dispute_id: str) -> AnyResponse:
    """Decide as PayPal: `{"for": "buyer" | "seller" | "payout" | "cancel", "amount": …}`."""
    sent, box = sent_body() or {}, sandbox()
    if sent.get("for") not in disputes.OUTCOMES:
        return problem_answer(BAD_REQUEST, f"for must be one of {', '.join(disputes.OUTCOMES)}")
    try:
        with box.storage.transaction() as db:
            amount = _amount(sent, disputes.find(db, dispute_id)["currency"])
            outcome = disputes.OUTCOMES[sent["for"]]
            disputes.resolve(db, box, dispute_id, outcome=outcome, amount=amount)
            body = disputes.show(db, box.config, dispute_id)
    except disputes.NotNow as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done(body)


@blueprint.post("/sandbox/captures/<capture_id>/reverse")
def reverse(capture_id: str) -> AnyResponse:
    """Take a payment back as for a chargeback: all that is left, or `{"amount": …}`."""
    sent, box = sent_body() or {}, sandbox()
    try:
        with box.storage.transaction() as db:
            currency = captures.show(db, box.config, capture_id)["amount"]["currency_code"]
            made = reversals.reverse(db, box, capture_id, amount=_amount(sent, currency))
            body = reversals.show(db, box.config, made)
    except disputes.NotNow as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done(body)


def _amount(sent: dict[str, Any], currency: str) -> Amount | None:
    """The amount that was sent; PaypalError for what is none."""
    if not sent.get("amount"):
        return None
    money = {"currency_code": currency, "value": str(sent["amount"])}
    return read_amount(money, "/amount", currency=currency, zero=False, operation="create")


@blueprint.get("/sandbox/documents/<int:number>")
def show_document(number: int) -> Response:
    """A file that came as evidence, for saving."""
    with sandbox().storage.transaction() as db:
        row = db.execute("SELECT * FROM dispute_document WHERE id = ?", (number,)).fetchone()
    if row is None:
        abort(NOT_FOUND)
    answer = Response(bytes(row["content"]), content_type=row["kind"])
    answer.headers["Content-Disposition"] = "attachment"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
