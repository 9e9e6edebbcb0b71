"""What is going to happen, drawn from a seed: who buys what, what goes wrong, what is done then."""

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.sandbox.forgeries import FORGERIES
from tests.faults.points import POINTS

ONE_IN = 4  # sales, something goes wrong
SELLERS = 5
SCARCE = 0  # the product that there is too little of
PRODUCTS = 12
MOST_PIECES = 3


class Step(StrEnum):
    """The steps of a sale, before each of which a fault may strike."""

    FILL = "fill"
    PLACE = "place"
    APPROVE = "approve"
    CAPTURE = "capture"
    OPEN = "open"
    GIVE_BACK = "give back"


class Back(StrEnum):
    """How money of a sale goes back."""

    NO = "no"
    BY_BUYER = "by buyer"  # who has not opened it
    WHILE_OPENING = "while opening"  # both at once: one of them wins
    IN_PART = "in part"
    AT_PAYPAL = "at PayPal"  # in PayPal's own pages


@dataclass(frozen=True)
class Fault:
    """What goes wrong: `kind` as in `trouble.STRIKES`, and its details."""

    kind: str
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.kind, *map(str, self.details.values())])


@dataclass(frozen=True)
class Plan:
    """One sale. `pieces` are quantities by product; `fault` strikes before `step`."""

    number: int
    pieces: dict[int, int]
    payer: str
    closes_page: bool
    clicks_twice: bool
    reveals: bool
    fault: Fault | None
    step: Step
    back: Back
    share: float  # of the money, that goes back in part
    bans: int | None  # a seller, who is banned for the time of the sale

    def __str__(self) -> str:
        return f"{self.number} ({self.payer}, {self.fault or 'no fault'} before {self.step})"


def plans(seed: int, number: int) -> list[Plan]:
    """The sales of a seed: the same each time, though not to the millisecond in which they meet."""
    dice = random.Random(seed)
    faulty = set(dice.sample(range(number), number // ONE_IN))
    return [_plan(dice, each, is_faulty=each in faulty) for each in range(number)]


def pieces_wanted(sales: list[Plan]) -> Counter[int]:
    """How many pieces of each product all of them want."""
    wanted: Counter[int] = Counter()
    for sale in sales:
        wanted.update(sale.pieces)
    return wanted


def _plan(dice: random.Random, number: int, *, is_faulty: bool) -> Plan:
    chosen = dice.sample(range(PRODUCTS), dice.choice((1, 1, 1, 2, 3)))
    return Plan(
        number=number,
        pieces={product: dice.randint(1, MOST_PIECES) for product in chosen},
        payer=dice.choices(("balance", "empty", "echeck"), (85, 8, 7))[0],
        closes_page=dice.random() < 0.15,
        clicks_twice=dice.random() < 0.1,
        reveals=dice.random() < 0.5,
        fault=_fault(dice) if is_faulty else None,
        step=dice.choice(list(Step)),
        back=dice.choices(list(Back), (70, 10, 5, 8, 7))[0],
        share=dice.choice((0.1, 0.5, 1.0)),
        bans=dice.randrange(SELLERS) if dice.random() < 0.03 else None,
    )


def _fault(dice: random.Random) -> Fault:
    return dice.choices(
        [
            Fault("crash", {"point": dice.choice(list(POINTS))}),
            Fault("kill", {"role": dice.choice(("web", "worker", "worker", "clock"))}),
            Fault(dice.choice(("valkey flushed", "valkey gone"))),
            Fault("postgres restarted"),
            Fault("paypal", _at_paypal(dice)),
            Fault("webhook", _of_webhooks(dice)),
        ],
        (8, 3, 2, 1, 6, 5),
    )[0]


def _at_paypal(dice: random.Random) -> dict[str, Any]:
    anywhere = dice.choice(
        (
            {"kind": "slow", "seconds": 1.0},
            {"kind": "hang_after_commit", "seconds": 2.5},
            {"kind": "error_after_commit", "status": dice.choice((500, 503)), "times": 2},
            {"kind": "error_before_commit", "status": dice.choice((500, 503)), "times": 2},
            {"kind": "reset_after_commit"},
            {"kind": "rate_limit", "times": 2},
            {"kind": "token_expired"},
            {"kind": "webhook_before_answer"},
        )
    ) | {"operation": dice.choice(("create", "get", "capture", "capture", "refund"))}
    of_money = dice.choice(
        (
            {"kind": "decline"},
            {"kind": "pending", "reason": "PENDING_REVIEW"},
            {"kind": "declined_capture"},
            {"kind": "fee_later"},
            {"kind": "pending_refund"},
            {"kind": "failed_refund"},
            {"kind": "refuse_refund"},
        )
    )
    return dice.choices((anywhere, of_money), (2, 1))[0]


def _of_webhooks(dice: random.Random) -> dict[str, Any]:
    return dice.choice(
        (
            {"kind": "webhook_drop", "times": 2},
            {"kind": "webhook_delay", "seconds": dice.choice((2.0, 3 * 24 * 3600.0)), "times": 2},
            {"kind": "webhook_duplicate", "copies": 5, "times": 3},
            {"kind": "webhook_shuffle", "seconds": 1.0, "times": 4},
            {"kind": "webhook_forge", "forgery": dice.choice(list(FORGERIES)), "times": 2},
        )
    )
