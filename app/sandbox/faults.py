"""Faults to order: the next calls or webhooks go wrong in the ways that PayPal's do.

They are kept in memory: a restarted sandbox works as it should.
"""

import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from app.sandbox.errors import DECLINES, REFUND_REFUSALS
from app.sandbox.forgeries import FORGERIES
from app.sandbox.payees import OUTCOMES

OPERATIONS = (
    "token",
    "create",
    "get",
    "patch",
    "capture",
    "refund",
    "evidence",
    "accept",
    "payout",
    "get_payout",
    "cancel_payout",
)
# kind -> the options it takes, with what they are when left out
OPERATION_FAULTS: dict[str, dict[str, Any]] = {
    "slow": {"seconds": 2.0},
    "hang_after_commit": {"seconds": 60.0},
    "error_before_commit": {"status": 500},
    "error_after_commit": {"status": 500},
    "reset_after_commit": {},
    "rate_limit": {},
    "token_expired": {},
    "webhook_before_answer": {},
    "decline": {"issue": "INSTRUMENT_DECLINED"},
    "pending": {"reason": "ECHECK"},
    "declined_capture": {},
    "fee_later": {},
    "pending_refund": {},
    "failed_refund": {},
    "refuse_refund": {"refusal": "REFUND_FAILED_INSUFFICIENT_FUNDS"},
    "payout_item": {"state": "UNCLAIMED"},
    "payout_denied": {},
    "payout_wait": {"seconds": 3600.0},
}
WEBHOOK_FAULTS: dict[str, dict[str, Any]] = {
    "webhook_drop": {},
    "webhook_delay": {"seconds": 60.0},
    "webhook_duplicate": {"copies": 2},
    "webhook_shuffle": {"seconds": 1.0},
    "webhook_forge": {"forgery": "wrong_key"},
}
MEANINGS = {
    "slow": "The call is answered after a while.",
    "hang_after_commit": "The call is carried out, but the answer does not come for long.",
    "error_before_commit": "Nothing is done, and the answer is an error.",
    "error_after_commit": "The call is carried out, but the answer is an error.",
    "reset_after_commit": "The call is carried out, but the connection breaks.",
    "rate_limit": "The call is refused as one too many; nothing is done.",
    "token_expired": "The call's token is refused and forgotten; nothing is done.",
    "webhook_before_answer": "The shop hears of it before the call is answered.",
    "decline": "The payer's bank refuses the payment.",
    "pending": "The payment is taken, but its money comes later.",
    "declined_capture": "The payment is taken, but as one that was declined.",
    "fee_later": "The payment is completed, but PayPal does not tell its fee yet.",
    "pending_refund": "The refund is taken on, but the payer gets the money later.",
    "failed_refund": "The refund is taken on, but fails at once.",
    "refuse_refund": "PayPal refuses to refund.",
    "payout_item": "The next payout ends in this state.",
    "payout_denied": "The next batch of payouts is denied.",
    "payout_wait": "The next batch of payouts is processed later.",
    "webhook_drop": "The webhook is never sent.",
    "webhook_delay": "The webhook comes later.",
    "webhook_duplicate": "The webhook comes several times.",
    "webhook_shuffle": "Webhooks are collected for a while, then sent last first.",
    "webhook_forge": "The webhook is sent as a forger would send it.",
}
# kind -> the one operation in which it strikes
ONE_OPERATION = {
    kind: operation
    for operation, kinds in {
        "capture": ("decline", "pending", "declined_capture", "fee_later"),
        "refund": ("pending_refund", "failed_refund", "refuse_refund"),
        "payout": ("payout_item", "payout_denied", "payout_wait"),
    }.items()
    for kind in kinds
}
KINDS = OPERATION_FAULTS | WEBHOOK_FAULTS
MAX_TIMES = 100_000
MAX_SECONDS = 366 * 24 * 3600
PENDING_REASONS = (
    "ECHECK",
    "PENDING_REVIEW",
    "UNILATERAL",
    "RECEIVING_PREFERENCE_MANDATES_MANUAL_ACTION",
    "INTERNATIONAL_WITHDRAWAL",
    "VERIFICATION_REQUIRED",
    "TRANSACTION_APPROVED_AWAITING_FUNDING",
    "OTHER",
)
CHOICES: dict[str, tuple[Any, ...]] = {
    "issue": tuple(sorted(DECLINES)),
    "refusal": tuple(sorted(REFUND_REFUSALS)),
    "reason": PENDING_REASONS,
    "forgery": tuple(FORGERIES),
    "status": (500, 503),
    "state": OUTCOMES,
}


@dataclass
class Fault:
    """One fault, and how often it strikes yet."""

    number: int
    kind: str
    times: int
    operation: str | None = None
    event_type: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def strikes(self, kind: str, operation: str | None, event_type: str | None) -> bool:
        """Whether this is the fault's moment."""
        return (
            self.kind == kind
            and self.times > 0
            and self.operation in (None, operation)
            and self.event_type in (None, event_type)
        )


class Faults:
    """The faults that wait. Safe to use from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._number = 0

    def add(self, request: Any) -> dict[str, Any]:
        """Order a fault; ValueError says what is wrong with the request."""
        if not isinstance(request, dict) or request.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        kind: str = request["kind"]
        known = {"kind", "times", "operation", "event_type", *KINDS[kind]}
        if unknown := sorted(request.keys() - known):
            raise ValueError(f"{kind} takes no {', '.join(unknown)}")
        times = request.get("times", 1)
        if type(times) is not int or not 1 <= times <= MAX_TIMES:
            raise ValueError(f"times must be a whole number from 1 to {MAX_TIMES}")
        operation = request.get("operation")
        if operation is not None and (operation not in OPERATIONS or kind in WEBHOOK_FAULTS):
            raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}, not for webhooks")
        operation = ONE_OPERATION.get(kind, operation)
        event_type = request.get("event_type")
        if event_type is not None and kind not in WEBHOOK_FAULTS:
            raise ValueError("event_type is for webhook faults")
        options = {name: request.get(name, default) for name, default in KINDS[kind].items()}
        for name, value in options.items():
            _check(name, value)
        with self._lock:
            self._number += 1
            fault = Fault(self._number, kind, times, operation, event_type, options)
            self._waiting.append(fault)
            return asdict(fault)

    def listing(self) -> list[dict[str, Any]]:
        """The faults that still wait."""
        with self._lock:
            return [asdict(fault) for fault in self._waiting if fault.times > 0]

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._waiting.clear()

    def take(
        self, kind: str, *, operation: str | None = None, event_type: str | None = None
    ) -> dict[str, Any] | None:
        """Use up one strike of a fault; its kind and options, None if none of this kind waits."""
        with self._lock:
            for fault in self._waiting:
                if fault.strikes(kind, operation, event_type):
                    fault.times -= 1
                    if not fault.times:
                        self._waiting.remove(fault)
                    return {"kind": kind, **fault.options}
        return None


def _check(name: str, value: Any) -> None:
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"{name} must be one of {', '.join(map(str, CHOICES[name]))}")
    if name == "seconds" and (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= MAX_SECONDS
    ):
        raise ValueError(f"seconds must be a number from 0 to {MAX_SECONDS}")
    if name == "copies" and (type(value) is not int or not 1 <= value <= 100):
        raise ValueError("copies must be a whole number from 1 to 100")
