"""The end of a run: the shop is left alone until nothing moves, and then it is counted."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import select, text

from app.kit import promises
from app.kit.db import session, transactional
from app.orders.models import Delivery
from app.orders.queries import stuck
from app.products.service import stock
from tests.faults.buying import NOT_CHARGED, PAID, Sale
from tests.faults.world import CANARY, ROLES, SECONDS, World

QUIET_SECONDS = 120.0
LOOK_SECONDS = 0.5
LATE_SECONDS = 4 * 24 * 3600  # after which PayPal sends what it kept back the longest

# The time after which the clock looks at a thing once more: nobody waits for it here.
LET_TIME_PASS = (
    """UPDATE payment SET next_check_at = clock_timestamp() WHERE next_check_at IS NOT NULL
        AND (state NOT IN ('settled', 'failed') OR fee_minor IS NULL)""",
    "UPDATE orders SET expires_at = clock_timestamp() - interval '1 second' WHERE state = 'open'",
    """UPDATE refund SET next_check_at = clock_timestamp() WHERE state IN ('created', 'pending')""",
    "UPDATE orders SET next_delivery_at = clock_timestamp() WHERE state = 'paid'",
    """UPDATE outbox SET available_at = clock_timestamp()
        WHERE done_at IS NULL AND parked_at IS NULL AND attempts > 0""",
)
# What is still under way, by name.
MOVING = {
    "orders that wait": "SELECT count(*) FROM orders WHERE state IN ('open', 'approved', 'paid')",
    "payments in PayPal's hands": """SELECT count(*) FROM payment
        WHERE state IN ('capturing', 'pending')""",
    "fees not told": "SELECT count(*) FROM payment WHERE state = 'settled' AND fee_minor IS NULL",
    "refunds under way": "SELECT count(*) FROM refund WHERE state IN ('created', 'pending')",
    "news not passed on": "SELECT count(*) FROM outbox WHERE done_at IS NULL",
}


CASH = """SELECT sum(b.balance_minor) FROM account_balance b
    JOIN ledger_account a ON a.id = b.account_id
    WHERE a.kind = 'paypal_cash' AND a.currency = 'EUR'"""
SOLD = frozenset({"delivered", "refunded"})
MONEY_CAME = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
REFUSED = (400, None)  # None: it was sent while there was nobody to hear it


@dataclass(frozen=True)
class Line:
    """One line of the table: how many of a thing, and those that should not be."""

    name: str
    found: Sequence[str]
    of: int


def settle(world: World, seed: int) -> dict[str, int]:
    """Let all come to its end; what still moves after two minutes."""
    world.calm_down()
    dice = random.Random(seed)
    _end_pending(world, dice)
    world.paypal.move_clock(LATE_SECONDS)
    deadline = time.monotonic() + QUIET_SECONDS
    moving: dict[str, int] = {}
    while time.monotonic() < deadline:
        _tell_fees(world)
        _end_refunds(world, dice)
        world.asking(_let_time_pass)
        moving = {**world.asking(_moving), "webhooks not sent": _unsent(world)}
        if not any(moving.values()):
            return {}
        time.sleep(LOOK_SECONDS)
    return {name: number for name, number in moving.items() if number}


def _end_pending(world: World, dice: random.Random) -> None:
    """Each payment that waits for its money gets it, or never will."""
    for capture in world.at_paypal(world.paypal.captures):
        if capture["status"] == "PENDING":
            world.paypal.end_pending(capture["id"], dice.choice(("complete", "deny")))


def _end_refunds(world: World, dice: random.Random) -> None:
    for refund in _books(world)["refunds"]:
        if refund["status"] == "PENDING":
            world.paypal.end_refund(refund["id"], dice.choice(("complete", "complete", "fail")))


def _books(world: World) -> dict[str, Any]:
    books = f"{world.paypal.url}/sandbox/books"
    return dict(world.at_paypal(lambda: requests.get(books, timeout=SECONDS)).json())


def _tell_fees(world: World) -> None:
    for capture in world.at_paypal(world.paypal.captures):
        if capture["status"] == "COMPLETED" and capture["fee_minor"] is None:
            world.paypal.end_pending(capture["id"], "fee")


@transactional
def _let_time_pass() -> None:
    for statement in LET_TIME_PASS:
        session().execute(text(statement))


def _moving() -> dict[str, int]:
    found = {name: int(session().scalar(text(count)) or 0) for name, count in MOVING.items()}
    found["orders that wait"] -= len(_with_operator())
    return found


def _unsent(world: World) -> int:
    states = Counter(delivery["state"] for delivery in world.at_paypal(world.paypal.deliveries))
    return states["queued"] + states["sending"]


def _with_operator() -> set[UUID]:
    """Orders that the operator's list names."""
    return {one.order_id for one in stuck.stuck_payments(size=10_000).items}


class Reckoning:
    """What the shop, PayPal and the buyers say of the same orders, once nothing moves any more."""

    def __init__(self, world: World, sales: Sequence[Sale], moving: dict[str, int]) -> None:
        self._world, self._sales, self._moving = world, sales, moving
        self._ordered = [sale for sale in sales if sale.order_id is not None]
        self._books = _books(world)
        self._taken = _taken(self._books)
        self._deliveries = world.at_paypal(world.paypal.deliveries)
        with world.app.app_context():
            self._states = _states()
            self._owed = _owed()
            self._with_operator = _with_operator()
            self._keys = _keys_by_state()
            self._goods = _goods()
            self._broken = [
                f"{one.name}: {one.detail}" for one in promises.check() if not one.holds
            ]

    def lines(self) -> list[Line]:
        """The table."""
        found = {
            "keys lost": (self._lost(), self._world.keys),
            "keys delivered twice": (self._twice(), self._handed_out()),
            "paid orders undelivered": (self._undelivered(), self._taken),
            "orders delivered unpaid": (self._unpaid(), self._goods),
            "orders booked otherwise": (self._otherwise(), self._owed),
            "payments too many, kept": (self._kept(), self._books["captures"]),
            "buyers told what is not so": (self._misled(), self._ordered),
            "goods shown that differ": (self._foreign(), [one for one in self._sales if one.keys]),
            "forged webhooks believed": (self._believed(), self._forged()),
            "things stuck": ([f"{name}: {n}" for name, n in self._moving.items()], MOVING),
            "promises broken": (self._broken, self._world.app.extensions["promises"]),
            "answers of 500": ([str(one.plan) for one in self._sales if one.errors], self._sales),
            "keys in logs": ([CANARY] if CANARY in self._world.shop.logs() else [], ROLES),
        }
        return [Line(name, list(wrong), len(of)) for name, (wrong, of) in found.items()]

    def cash(self) -> tuple[int, int]:
        """What the shop has at PayPal, by its own ledger and by the sandbox's books, in cents."""
        with self._world.app.app_context():
            ours = session().scalar(text(CASH))
        return int(ours or 0), int(self._books["merchant"].get("EUR", 0))

    def _handed_out(self) -> list[str]:
        every = (key for keys in self._goods.values() for key in keys)
        return [key for key in every if key in self._world.keys]

    def _lost(self) -> set[str]:
        return self._world.keys - {key for keys in self._keys.values() for key in keys}

    def _twice(self) -> list[str]:
        out = Counter(self._handed_out())
        still_there = set(self._keys.get("free", ())) & out.keys()
        return [*(key for key, number in out.items() if number > 1), *still_there]

    def _undelivered(self) -> Iterator[str]:
        for order_id, minor in self._taken.items():
            is_there = self._states.get(order_id) in SOLD or order_id in self._with_operator
            if minor > 0 and not is_there:
                yield f"{order_id} {self._states.get(order_id)}: {minor}"

    def _unpaid(self) -> Iterator[str]:
        for order_id in self._goods:
            if order_id not in self._taken:
                yield str(order_id)

    def _otherwise(self) -> Iterator[str]:
        """Orders for which PayPal has other money than what was paid less what was given back."""
        for order_id, minor in self._owed.items():
            if self._taken.get(order_id, 0) != minor:
                yield f"{order_id}: {minor} here, {self._taken.get(order_id, 0)} there"

    def _kept(self) -> Iterator[str]:
        """More captures of an order than one, or one of an order that is not ours."""
        captures = Counter(
            capture["custom_id"]
            for capture in self._books["captures"]
            if capture["status"] in MONEY_CAME
        )
        for order_id, number in captures.items():
            if number > 1 and UUID(order_id) not in self._with_operator:
                yield f"{order_id}: {number} times"

    def _misled(self) -> Iterator[str]:
        for sale in self._ordered:
            assert sale.order_id is not None
            minor = self._taken.get(sale.order_id, 0)
            is_paid = sale.order_id in self._taken
            if (sale.told == PAID and not is_paid) or (sale.told in NOT_CHARGED and minor > 0):
                yield f"{sale.plan}: {sale.told}, {minor} taken, {self._states[sale.order_id]}"

    def _foreign(self) -> Iterator[str]:
        for sale in self._ordered:
            assert sale.order_id is not None
            if not Counter(sale.keys) <= Counter(self._goods.get(sale.order_id, ())):
                yield str(sale.plan)

    def _forged(self) -> list[dict[str, Any]]:
        return [one for one in self._deliveries if one["forgery"] not in {None, "replay"}]

    def _believed(self) -> Iterator[str]:
        for one in self._forged():
            if one["answer"] not in REFUSED:
                yield f"{one['forgery']}: {one['answer']}"


def _taken(books: dict[str, Any]) -> dict[UUID, int]:
    """What PayPal took for each order and has not given back, in cents."""
    back: Counter[str] = Counter()
    for refund in books["refunds"]:
        if refund["status"] in {"COMPLETED", "PENDING"}:
            back[refund["capture_id"]] += refund["gross_minor"]
    taken: dict[UUID, int] = {}
    for capture in books["captures"]:
        if capture["status"] in MONEY_CAME:
            order_id = UUID(capture["custom_id"])
            taken[order_id] = taken.get(order_id, 0) + capture["gross_minor"] - back[capture["id"]]
    return taken


def _states() -> dict[UUID, str]:
    rows = session().execute(text("SELECT id, state FROM orders"))
    return {row.id: row.state for row in rows}


def _owed() -> dict[UUID, int]:
    """What was paid for each sold order less what was given back, in cents."""
    rows = session().execute(
        text("""SELECT o.id, o.total_minor - sum(l.given_back_minor) AS minor
            FROM orders o JOIN order_line l ON l.order_id = o.id
            WHERE o.state IN ('paid', 'delivered', 'refunded') GROUP BY o.id""")
    )
    return {row.id: int(row.minor) for row in rows}


def _keys_by_state() -> dict[str, list[str]]:
    rows = session().execute(text("SELECT id, state FROM stock_item")).all()
    texts = stock.open_units(unit_ids={row.id for row in rows})
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.state, []).append(texts[row.id])
    return found


def _goods() -> dict[UUID, list[str]]:
    """The clear texts that each order was delivered and has not given back."""
    kept = select(Delivery.order_id, Delivery.unit_id, Delivery.content_id)
    rows = session().execute(kept.where(Delivery.returned_at.is_(None))).all()
    texts = stock.open_units(unit_ids={row.unit_id for row in rows if row.unit_id})
    texts |= stock.open_contents(content_ids={row.content_id for row in rows if row.content_id})
    found: dict[UUID, list[str]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append(texts[row.unit_id or row.content_id])
    return found
