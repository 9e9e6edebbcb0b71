"""The sandbox's side doors: faults, clock, books, and what a payer or a bank would do.

For tests, and for whoever tries the shop out: GET /sandbox shows it all on one page.
"""

import contextlib
import json
import math
import sqlite3
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox import books, captures, disputes, events, payouts, refunds
from app.sandbox.api import error_answer, json_answer
from app.sandbox.clock import iso
from app.sandbox.errors import PaypalError
from app.sandbox.events import EVENT_TYPES
from app.sandbox.faults import (
    CHOICES,
    KINDS,
    MEANINGS,
    ONE_OPERATION,
    OPERATIONS,
    WEBHOOK_FAULTS,
)
from app.sandbox.forgeries import FORGERIES
from app.sandbox.ids import resource_id
from app.sandbox.money import CURRENCIES, Amount
from app.sandbox.payers import PAYER_TEXTS, PAYERS
from app.sandbox.state import sandbox
from app.sandbox.texts import LANGUAGES, amount, translate
from app.sandbox.transactions import Code, Entry

SHOWN = 20
LISTED = 1000
BAD_REQUEST, NOT_FOUND, CONFLICT = 400, 404, 409
MAX_ADVANCE = 366 * 24 * 3600
NUMBERS = frozenset({"times", "seconds", "copies", "status", "minor"})
OWN_CODES = (Code.WITHDRAWAL, Code.GENERAL_FEE)

blueprint = Blueprint("control", __name__)


@blueprint.before_request
def own_pages_only() -> Response | None:
    """A stranger's page, open in the same browser, must not move the clock."""
    if request.method != "GET" and request.headers.get("Sec-Fetch-Site") == "cross-site":
        return problem_answer(403, "This comes from another site.")
    return None


def problem_answer(status: int, text: str) -> Response:
    """What is wrong: JSON for programs, the page with a sentence for people."""
    return _page(text, status) if _is_person() else json_answer(status, {"error": text})


def _is_person() -> bool:
    types = request.accept_mimetypes
    return types.best_match(["application/json", "text/html"]) == "text/html"


def done(body: dict[str, Any]) -> AnyResponse:
    """JSON for programs; people go back to the page."""
    if _is_person():
        return redirect("/sandbox", 303)
    return json_answer(200, body)


def sent_body() -> Any:
    """The JSON that was sent, or the form's fields with their numbers read."""
    if request.mimetype == "application/json":
        return request.get_json(silent=True)
    fields: dict[str, Any] = {}
    for name, value in request.form.items():
        if value:
            fields[name] = _number(value) if name in NUMBERS else value
    return fields


def _number(text: str) -> int | float | str:
    """What was typed, read if it is a number; whoever takes it says what is wrong with it."""
    for read in (int, float):
        with contextlib.suppress(ValueError):
            return read(text)
    return text


@blueprint.get("/sandbox")
def page() -> Response:
    """Recent orders, captures, events and the books, and all that can be brought about."""
    return _page()


def _page(problem: str | None = None, status: int = 200) -> Response:
    box = sandbox()
    language = request.accept_languages.best_match(LANGUAGES) or "en"
    with box.storage.transaction() as db:
        shown: dict[str, Any] = {
            "orders": _rows(db, "SELECT id, status, document FROM paypal_order ORDER BY number"),
            "captures": _rows(db, "SELECT * FROM capture ORDER BY number"),
            "refunds": _rows(db, "SELECT * FROM refund ORDER BY number"),
            "payouts": _rows(db, "SELECT * FROM payout_item ORDER BY number"),
            "events": _rows(
                db, "SELECT number, id, event_type, created_at FROM event ORDER BY number"
            ),
            "deliveries": _rows(db, "SELECT * FROM delivery ORDER BY id"),
            "disputes": _rows(db, "SELECT * FROM dispute ORDER BY number"),
            "books": books.read(db),
        }
    for order in shown["orders"]:
        order["document"] = json.loads(order["document"])
    html = render_template(
        "control/page.html",
        **shown,
        problem=problem,
        language=language,
        _=lambda text, **names: translate(language, text, **names),
        faults=box.faults.listing(),
        kinds=KINDS,
        meanings=MEANINGS,
        choices=CHOICES,
        operations=OPERATIONS,
        one_operation=ONE_OPERATION,
        money_came=captures.MONEY_CAME,
        webhook_faults=WEBHOOK_FAULTS,
        event_types=EVENT_TYPES,
        forgeries=FORGERIES,
        payout_ends=PAYOUT_ENDS,
        payers=PAYERS.values(),
        reasons=disputes.REASONS,
        outcomes=disputes.OUTCOMES,
        payer_texts=PAYER_TEXTS,
        now=iso(box.clock.now()),
        iso=iso,
        money=lambda minor, currency: amount(language, Amount(minor, currency).to_json()),
        amount=lambda money: amount(language, money),
    )
    answer = make_response(html, status)
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _rows(db: sqlite3.Connection, query: str, limit: int = SHOWN) -> list[dict[str, Any]]:
    """The last rows of an ordered query, newest first."""
    return [dict(row) for row in db.execute(f"{query} DESC LIMIT ?", (limit,))]


@blueprint.get("/sandbox/books")
def show_books() -> Response:
    """The books, in minor units."""
    with sandbox().storage.transaction() as db:
        return json_answer(200, books.read(db))


@blueprint.post("/sandbox/transactions")
def add_transaction() -> AnyResponse:
    """Move money without the shop: `{"code": "T0400" | "T0100", "minor": -500, "currency": …}`."""
    sent = sent_body()
    code, minor = (sent.get("code"), sent.get("minor")) if isinstance(sent, dict) else (None, None)
    if code not in OWN_CODES or not isinstance(minor, int) or not minor:
        return problem_answer(
            BAD_REQUEST, f"code must be one of {', '.join(OWN_CODES)}, minor a number"
        )
    currency = sent.get("currency", "EUR")
    if currency not in CURRENCIES:
        return problem_answer(BAD_REQUEST, f"currency must be one of {', '.join(CURRENCIES)}")
    entry = Entry(id=resource_id(), code=Code(code), currency=currency, minor=minor)
    box = sandbox()
    with box.storage.transaction() as db:
        books.book_other(db, entry, now=box.clock.now())
    return done({"transaction_id": entry.id})


@blueprint.get("/sandbox/faults")
def show_faults() -> Response:
    """The faults that wait, and the kinds there are with what their options are when left out."""
    return json_answer(200, {"faults": sandbox().faults.listing(), "kinds": KINDS})


@blueprint.post("/sandbox/faults")
def add_fault() -> AnyResponse:
    """Order a fault: `{"kind": …, "times": 1, "operation": …}` and the kind's own options."""
    try:
        return done(sandbox().faults.add(sent_body()))
    except ValueError as error:
        return problem_answer(BAD_REQUEST, str(error))


@blueprint.delete("/sandbox/faults")
def clear_faults() -> Response:
    """Clear all faults."""
    sandbox().faults.clear()
    return json_answer(200, {"faults": []})


@blueprint.post("/sandbox/faults/clear")
def clear_faults_by_form() -> AnyResponse:
    """Clear all faults: a form has no DELETE."""
    sandbox().faults.clear()
    return done({"faults": []})


@blueprint.post("/sandbox/reset")
def reset() -> AnyResponse:
    """Begin anew: no orders, no money, no events, no faults, the machine's time."""
    box = sandbox()
    box.faults.clear()
    box.storage.clear()
    box.clock.reset()
    return done({"now": iso(box.clock.now())})


@blueprint.get("/sandbox/clock")
def show_clock() -> Response:
    """The sandbox's time."""
    return json_answer(200, {"now": iso(sandbox().clock.now())})


@blueprint.post("/sandbox/clock")
def move_clock() -> AnyResponse:
    """Move the clock forward: `{"seconds": 21600}`."""
    sent = sent_body()
    seconds = sent.get("seconds") if isinstance(sent, dict) else None
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, int | float)
        or not math.isfinite(seconds)
        or not 0 <= seconds <= MAX_ADVANCE
    ):
        return problem_answer(BAD_REQUEST, f"seconds must be a number from 0 to {MAX_ADVANCE}")
    box = sandbox()
    box.clock.advance(seconds)
    with box.storage.transaction() as db:
        disputes.close_overdue(db, box)
    box.dispatcher.nudge()
    return done({"now": iso(box.clock.now())})


_ENDS = {"complete": captures.complete, "deny": captures.deny, "fee": captures.tell_fee}


@blueprint.post("/sandbox/captures/<capture_id>/<any(complete, deny, fee):end>")
def end_capture(capture_id: str, end: str) -> AnyResponse:
    """The money of a pending capture arrives, or never will; or the fee of one is known."""
    box = sandbox()
    try:
        with box.storage.transaction() as db:
            _ENDS[end](db, box, capture_id)
            body = captures.show(db, box.config, capture_id)
    except captures.NotPending as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done(body)


@blueprint.post("/sandbox/captures/<capture_id>/refund")
def refund(capture_id: str) -> AnyResponse:
    """Refund as the merchant would in PayPal's own pages: `{"value": "1.50"}`, or all that is left.

    No call of the shop's API has made it: what the shop learns of it, it learns by webhook.
    """
    sent = sent_body() or {}
    value = sent.get("value") if isinstance(sent, dict) else None
    box = sandbox()
    try:
        with box.storage.transaction() as db:
            capture = captures.show(db, box.config, capture_id)
            body = {"amount": capture["amount"] | {"value": str(value)}} if value else {}
            made = refunds.make(db, box, capture_id, body)
    except PaypalError as error:
        if error.status == NOT_FOUND:
            raise
        return problem_answer(CONFLICT, error.details[0]["description"])
    box.dispatcher.nudge()
    return done(made)


_REFUND_ENDS = {"complete": refunds.complete, "fail": refunds.fail}


@blueprint.post("/sandbox/refunds/<refund_id>/<any(complete, fail):end>")
def end_refund(refund_id: str, end: str) -> AnyResponse:
    """The money of a pending refund reaches its payer, or comes back."""
    box = sandbox()
    try:
        with box.storage.transaction() as db:
            _REFUND_ENDS[end](db, box, refund_id)
            body = refunds.show(db, box.config, refund_id)
    except refunds.NotPending as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done(body)


# What can become of an item, by its state, and what the page calls it.
PAYOUT_ENDS = {
    "UNCLAIMED": {"claim": "Receiver claims it", "return": "Nobody claims it"},
    "ONHOLD": {
        "release": "PayPal lets it through",
        "block": "PayPal blocks it",
        "return": "Nobody claims it",
    },
    "SUCCESS": {"refund": "Receiver sends it back", "reverse": "PayPal takes it back"},
}


@blueprint.post(f"/sandbox/payouts/<item_id>/<any({', '.join(payouts.ENDS)}):end>")
def end_payout(item_id: str, end: str) -> AnyResponse:
    """What a receiver, or PayPal, does with an item of a payout."""
    box = sandbox()
    try:
        with box.storage.transaction() as db:
            payouts.advance(db, box)
            payouts.end(db, box, item_id, end)
            body = payouts.show_item(db, box.config, item_id)
    except payouts.NotNow as error:
        return problem_answer(CONFLICT, str(error))
    box.dispatcher.nudge()
    return done(body)


@blueprint.get("/sandbox/webhooks")
def deliveries() -> Response:
    """Every transmission of an event, newest first, and how it was answered."""
    with sandbox().storage.transaction() as db:
        found = _rows(
            db,
            "SELECT delivery.*, event.event_type, event.resource_id FROM delivery"
            " JOIN event ON event.id = delivery.event_id ORDER BY delivery.id",
            LISTED,
        )
    return json_answer(200, {"deliveries": found})


@blueprint.delete("/sandbox/webhooks")
def forget_deliveries() -> Response:
    """Give up what is still to be sent: a test that is over bothers the next one no more."""
    with sandbox().storage.transaction() as db:
        dropped = db.execute(
            "UPDATE delivery SET state = 'dropped' WHERE state IN ('queued', 'sending')"
        ).rowcount
    return json_answer(200, {"dropped": dropped})


@blueprint.post("/sandbox/webhooks/<event_id>/resend")
def resend(event_id: str) -> AnyResponse:
    """Send an event once more; `{"forgery": kind}` sends it as a forger would."""
    sent = sent_body() or {}
    forgery = sent.get("forgery") if isinstance(sent, dict) else None
    if forgery is not None and forgery not in FORGERIES:
        return problem_answer(BAD_REQUEST, f"forgery must be one of {', '.join(FORGERIES)}")
    box = sandbox()
    with box.storage.transaction() as db:
        if db.execute("SELECT 1 FROM event WHERE id = ?", (event_id,)).fetchone() is None:
            abort(NOT_FOUND)
        for row in db.execute("SELECT id FROM webhook").fetchall():
            events.enqueue(db, event_id, row["id"], due=box.clock.now(), forgery=forgery)
    tried = box.dispatcher.wait_until_tried(15)
    with box.storage.transaction() as db:
        last = _rows(db, "SELECT * FROM delivery ORDER BY id", 1)[0]
    return done({"event_id": event_id, "tried": tried, "answer": last["answer"]})


@blueprint.get("/sandbox/ca.pem")
def root() -> Response:
    """The root that a shop must trust to believe this sandbox's webhooks."""
    return Response(sandbox().certificates.root.pem, content_type="application/x-pem-file")


@blueprint.errorhandler(PaypalError)
def _unknown(error: PaypalError) -> Response:
    return error_answer(error)
