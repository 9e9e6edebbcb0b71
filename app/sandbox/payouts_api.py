"""Payouts v1 over HTTP.

https://developer.paypal.com/docs/api/payments.payouts-batch/v1/
"""

import re
import sqlite3
from typing import Any

from flask import Blueprint, Response, request

from app.sandbox import payouts
from app.sandbox.api import perform, read_json, require_token
from app.sandbox.errors import PaypalError
from app.sandbox.idempotency import Answer
from app.sandbox.money import Amount, read_amount
from app.sandbox.payout_errors import PayoutError
from app.sandbox.payouts import MAX_PAGE, Wanted
from app.sandbox.state import sandbox

MAX_ITEMS = 15_000
RECIPIENTS = ("EMAIL", "PAYPAL_ID", "PHONE")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
HEADER_TEXTS = {"sender_batch_id": 256, "email_subject": 255, "email_message": 1000}
ITEM_TEXTS = {"note": 4000, "sender_item_id": 63}
MAX_RECEIVER = 127
# PayPal's own way of asking for an error: the note of the first item names it.
# https://developer.paypal.com/docs/payouts/standard/integrate-api/test-and-go-live/
MOCK_NOTES = {
    "ERRPYO001": "SENDER_RESTRICTED",
    "ERRPYO002": "SENDER_EMAIL_UNCONFIRMED",
    "ERRPYO003": "AUTHORIZATION_ERROR",
    "ERRPYO005": "INSUFFICIENT_FUNDS",
    "ERRPYO006": "INTERNAL_ERROR",
    "ERRPYO010": "VALIDATION_ERROR",
    "ERRPYO011": "REQUIRED_SCOPE_MISSING",
    "ERRPYO012": "SENDER_LOCKED",
    "ERRPYO014": "USER_BUSINESS_ERROR",
}

blueprint = Blueprint("payouts", __name__)


@blueprint.post("/v1/payments/payouts")
def create() -> Response:
    """Send money to many."""
    box = sandbox()
    require_token(box)
    body = read_json(required=True)
    header, items = read_batch(body)
    if items[0].note in MOCK_NOTES:
        raise PayoutError.of(MOCK_NOTES[items[0].note])

    def work(db: sqlite3.Connection) -> Answer:
        return Answer(201, payouts.render_new(box.config, payouts.create(db, box, header, items)))

    # It is the sender_batch_id that makes a batch one, not the PayPal-Request-Id.
    return perform("payout", work, keyed=False)


@blueprint.get("/v1/payments/payouts/<batch_id>")
def show(batch_id: str) -> Response:
    """A batch as it stands."""
    box = sandbox()
    page = max(1, request.args.get("page", 1, type=int))
    size = max(1, request.args.get("page_size", MAX_PAGE, type=int))

    def work(db: sqlite3.Connection) -> Answer:
        payouts.advance(db, box)
        return Answer(200, payouts.show_batch(db, box.config, batch_id, page=page, page_size=size))

    return perform("get_payout", work)


@blueprint.get("/v1/payments/payouts-item/<item_id>")
def show_item(item_id: str) -> Response:
    """An item as it stands."""
    box = sandbox()

    def work(db: sqlite3.Connection) -> Answer:
        payouts.advance(db, box)
        return Answer(200, payouts.show_item(db, box.config, item_id))

    return perform("get_payout", work)


@blueprint.post("/v1/payments/payouts-item/<item_id>/cancel")
def cancel(item_id: str) -> Response:
    """Take back what nobody has claimed."""
    box = sandbox()

    def work(db: sqlite3.Connection) -> Answer:
        payouts.advance(db, box)
        payouts.cancel(db, box, item_id)
        return Answer(200, payouts.show_item(db, box.config, item_id))

    return perform("cancel_payout", work, keyed=False)


def read_batch(body: Any) -> tuple[dict[str, str], list[Wanted]]:
    """The batch that a request asks for; PayoutError for the first rule that is broken."""
    if not isinstance(body, dict) or not isinstance(body.get("sender_batch_header"), dict):
        raise PayoutError.invalid("/sender_batch_header", "Required field is missing")
    sent, items = body["sender_batch_header"], body.get("items")
    header = {
        name: _text(sent, name, "/sender_batch_header", limit)
        for name, limit in HEADER_TEXTS.items()
        if name in sent
    }
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_ITEMS:
        raise PayoutError.invalid("/items", f"There must be from 1 to {MAX_ITEMS} items")
    kind = sent.get("recipient_type")
    read: list[Wanted] = []
    for index, item in enumerate(items):
        currency = read[0].amount.currency if read else None
        read.append(_item(item, f"/items/{index}", kind, currency))
    named = [item.sender_item_id for item in read if item.sender_item_id]
    if len(set(named)) < len(named):
        raise PayoutError.of("DUPLICATE_ITEM")
    return header, read


def _item(item: Any, field: str, kind: Any, currency: str | None) -> Wanted:
    if not isinstance(item, dict):
        raise PayoutError.invalid(field, "Value is invalid")
    kind = item.get("recipient_type", kind)
    if kind not in RECIPIENTS:
        raise PayoutError.invalid(f"{field}/recipient_type", "Value is invalid")
    receiver = _text(item, "receiver", field, MAX_RECEIVER)
    if kind == "EMAIL" and not EMAIL.fullmatch(receiver):
        raise PayoutError.invalid(f"{field}/receiver", "Receiver is invalid or does not match type")
    texts = {
        name: _text(item, name, field, limit)
        for name, limit in ITEM_TEXTS.items()
        if item.get(name) is not None
    }
    return Wanted(
        recipient_type=kind,
        receiver=receiver,
        amount=_amount(item.get("amount"), f"{field}/amount", currency),
        note=texts.get("note"),
        sender_item_id=texts.get("sender_item_id"),
    )


def _amount(sent: Any, field: str, currency: str | None) -> Amount:
    """An amount of a payout, whose currency has another name than in orders."""
    if not isinstance(sent, dict):
        raise PayoutError.invalid(field, "Required field is missing")
    money = {"currency_code": sent.get("currency"), "value": sent.get("value")}
    try:
        return read_amount(money, field, currency=currency, zero=False, operation="create")
    except PaypalError as error:
        detail = error.details[0]
        raise PayoutError.invalid(detail.get("field", field), detail["description"]) from None


def _text(holder: dict[str, Any], name: str, field: str, limit: int) -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        raise PayoutError.invalid(f"{field}/{name}", "Value is invalid")
    return value
