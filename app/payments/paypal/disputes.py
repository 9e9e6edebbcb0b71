"""Customer Disputes v1, for which PayPal's SDK has no classes.

https://developer.paypal.com/docs/api/customer-disputes/v1/
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from urllib3.filepost import encode_multipart_formdata

from app.kit.money import Money
from app.payments.gateway import PaypalDispute
from app.payments.paypal.calls import Call

log = logging.getLogger(__name__)
T = TypeVar("T")
DISPUTES = "/v1/customer/disputes"
NOTES_UNITS = 2000  # customer_disputes_v1: evidence.notes
FEES = frozenset({"DISPUTE_FEE", "CHARGEBACK_FEE", "DISPUTE_SETTLEMENT_FEE"})
SETTLEMENT = "DISPUTE_SETTLEMENT"


class Ask(Protocol):
    """Sends a call and reads the answer; raises PaypalUnknown, PaypalRefused."""

    def __call__(self, request: object, read: Callable[[dict[str, Any]], T]) -> T:
        """What the answer says."""


class Disputes:
    """The calls about disputes. Each raises PaypalUnknown or PaypalRefused."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def get(self, dispute_id: str) -> PaypalDispute:
        """A dispute as it stands now."""
        return self._ask(Call("GET", f"{DISPUTES}/{quote(dispute_id, safe='')}"), _read)

    def of_payment(self, capture_id: str) -> list[str]:
        """PayPal's ids of the disputes of a payment, the newest first."""
        path = f"{DISPUTES}?disputed_transaction_id={quote(capture_id, safe='')}"
        return self._ask(
            Call("GET", path),
            lambda body: [str(one["dispute_id"]) for one in body.get("items") or []],
        )

    def provide_evidence(self, dispute_id: str, *, kind: str, notes: str, document: bytes) -> None:
        """Answer a dispute. PayPal has no request id for it: look first whether it was answered."""
        evidences = {"evidences": [{"evidence_type": kind, "notes": notes}]}
        body, content_type = encode_multipart_formdata(
            [
                ("input", (None, json.dumps(evidences), "application/json")),  # type: ignore[list-item]  # urllib3 takes no file's name, too
                ("evidence-file", ("evidence.pdf", document, "application/pdf")),
            ]
        )
        path = f"{DISPUTES}/{quote(dispute_id, safe='')}/provide-evidence"
        call = Call("POST", path, body)
        call.headers["Content-Type"] = content_type
        self._ask(call, lambda answer: answer)


def cut_notes(notes: str) -> str:
    """As much of a text as PayPal takes as notes, ending with a whole character."""
    return notes.encode("utf-16-le")[: 2 * NOTES_UNITS].decode("utf-16-le", "ignore")


def _read(body: dict[str, Any]) -> PaypalDispute:
    amount = _money(body["dispute_amount"])
    movements = body.get("money_movements") or []
    outcome = body.get("dispute_outcome") or {}
    refunded = _in(amount.currency, outcome.get("amount_refunded"))
    transactions = body.get("disputed_transactions") or []
    due = body.get("seller_response_due_date")
    links = [str(link["href"]) for link in body.get("links") or []]
    return PaypalDispute(
        id=str(body["dispute_id"]),
        updated_at=_moment(body.get("update_time") or body["create_time"]),
        status=str(body["status"]),
        stage=str(body.get("dispute_life_cycle_stage") or ""),
        reason=str(body.get("reason") or "OTHER"),
        amount=amount,
        capture_ids=tuple(
            str(one["seller_transaction_id"])
            for one in transactions
            if one.get("seller_transaction_id")
        ),
        custom_ids=tuple(str(one["custom"]) for one in transactions if one.get("custom")),
        outcome=outcome.get("outcome_code"),
        refunded_minor=refunded,
        settled_minor=_moved(movements, {SETTLEMENT}, amount.currency),
        fee_minor=_moved(movements, FEES, amount.currency) or 0,
        movements=len(movements),
        respond_by=_moment(due) if due else None,
        takes_evidence=any(link.endswith("/provide-evidence") for link in links),
        note="\n\n".join(
            _clean(str(message.get("content") or ""))
            for message in body.get("messages") or []
            if message.get("posted_by") == "BUYER"
        ),
        evidence_notes=tuple(
            str(one.get("notes") or "")
            for one in body.get("evidences") or []
            if one.get("source") == "SUBMITTED_BY_SELLER"
        ),
    )


def _moved(
    movements: list[dict[str, Any]], reasons: set[str] | frozenset[str], currency: str
) -> int | None:
    """What the seller paid in all for these reasons; None if there is no such movement."""
    told = [
        one
        for one in movements
        if one.get("affected_party") == "SELLER" and one.get("reason") in reasons
    ]
    readable = [
        (-1 if one.get("type") == "CREDIT" else 1, minor)
        for one in told
        if (minor := _in(currency, one.get("amount"))) is not None
    ]
    return sum(sign * minor for sign, minor in readable) if readable else None


def _in(currency: str, body: dict[str, Any] | None) -> int | None:
    """Minor units of a currency; None if there are none, or PayPal speaks of another one.

    What can't be read is no reason to hold nothing: the reconciliation with PayPal's list shows it.
    """
    if not body:
        return None
    try:
        amount = _money(body)
    except (KeyError, ValueError, ArithmeticError):
        amount = None
    if amount is None or amount.currency != currency:
        log.error("part of a dispute can't be read", extra={"told": str(body)[:200]})
        return None
    return amount.minor


def _clean(text: str) -> str:
    """A text without what PostgreSQL does not take: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _money(body: dict[str, Any]) -> Money:
    return Money.parse(body["value"], body["currency_code"])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text!r}")
    return moment
