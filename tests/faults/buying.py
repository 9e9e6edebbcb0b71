"""One sale, as a buyer's program makes it, which asks again where there is no answer."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import requests

from app.auth.models import User
from app.auth.scopes import scopes_for
from app.auth.service import bearer
from app.kit.db import session
from app.kit.errors import AppError
from app.orders.service import returning
from app.orders.service.returning import Scope
from tests.factories.auth import make_user
from tests.faults.plans import Back, Plan, Step
from tests.faults.world import World

TRIES = 60
PAUSE_SECONDS = 0.25
ANSWER_SECONDS = 15.0
DELIVERED_SECONDS = 10.0
NO_ANSWER = (429, 500, 502, 503, 504)
# What the buyer hears last of the money.
PAID, NOT_CHARGED = "paid", frozenset({"stopped", "declined", "not_approved"})


class GaveUp(Exception):
    """The shop did not answer for too long."""


@dataclass
class Sale:
    """What a buyer knows of their purchase: the answers, as far as there were any."""

    plan: Plan
    buyer_id: UUID | None = None
    order_id: UUID | None = None
    refused: str = ""  # why there was no order
    told: str = ""  # the last word on the money
    gave_up: bool = False
    errors: int = 0  # answers of 500, which no outage excuses
    keys: list[str] = field(default_factory=list)


def make(world: World, plan: Plan) -> Sale:
    """Let a sale happen as it was planned, fault and all."""
    sale = Sale(plan)
    with world.banned(plan.bans):
        try:
            _buy(world, plan, sale)
        except GaveUp:
            sale.gave_up = True
    return sale


def _buy(world: World, plan: Plan, sale: Sale) -> None:
    buyer = _Buyer(world, sale)

    def before(step: Step) -> None:
        if plan.fault is not None and plan.step is step:
            world.strike(plan.fault)

    before(Step.FILL)
    key = buyer.fill()
    before(Step.PLACE)
    placed = buyer.place(key) if key else None
    if placed is None:
        return
    sale.order_id = UUID(placed["id"])
    before(Step.APPROVE)
    buyer.approve(placed["paypal_order_id"])
    before(Step.CAPTURE)
    if not plan.closes_page:
        buyer.capture(placed["paypal_order_id"])
    before(Step.OPEN)
    if sale.told != PAID or not buyer.waits_for_the_goods():
        return
    if plan.reveals and plan.back is not Back.WHILE_OPENING:
        buyer.open()
    before(Step.GIVE_BACK)
    buyer.has_it_go_back()


class _Buyer:
    """A program with a token."""

    def __init__(self, world: World, sale: Sale) -> None:
        self._world, self._sale, self._plan = world, sale, sale.plan
        self._http = requests.Session()
        user = world.asking(make_user)
        sale.buyer_id = user.id
        self._token = world.asking(lambda: _token(user.id))

    def fill(self) -> str | None:
        """Fill the basket; the checkout key, None if the goods are not to be had."""
        for number, quantity in self._plan.pieces.items():
            product = str(self._world.products[number])
            lines = "/order/basket/lines"
            added = self.ask("POST", lines, {"product_id": product, "quantity": quantity})
            if added.ok:  # asked twice, it would be there twice
                added = self.ask("PUT", f"{lines}/{product}", {"quantity": quantity})
            if not added.ok:
                self._sale.refused = _code(added)
                return None
        key: str | None = self.ask("GET", "/order/basket").json()["checkout_key"]
        return key

    def place(self, key: str) -> dict[str, Any] | None:
        """Press the button, perhaps twice at once; None if there is no order to be had."""

        def press() -> requests.Response:
            return self.ask("POST", "/order", {"checkout_key": key})

        answers = self._at_once([press] * (2 if self._plan.clicks_twice else 1))
        placed = [answer.json() for answer in answers if answer.status_code == 201]
        if not placed:
            self._sale.refused = _code(answers[0])
            return None
        assert len({one["id"] for one in placed}) == 1, "two clicks made two orders"
        return dict(placed[0])

    def approve(self, paypal_order_id: str) -> None:
        """Say yes at PayPal, which may not take it any more."""
        paypal = self._world.paypal
        with suppress(AssertionError):
            self._world.at_paypal(lambda: paypal.approve(paypal_order_id, self._plan.payer))

    def capture(self, paypal_order_id: str) -> None:
        """Come back to the shop, until it says what became of the money."""

        def come_back() -> requests.Response:
            return self.ask("POST", self._path("/capture"), {})

        for _try in range(TRIES):
            answer = self._at_once([come_back] * (2 if self._plan.clicks_twice else 1))[0]
            self._sale.told = answer.json()["state"] if answer.ok else _code(answer)
            if self._sale.told == "declined":  # the card: another one will do
                self.approve(paypal_order_id)
            elif self._sale.told != "confirming":
                return
            time.sleep(PAUSE_SECONDS)

    def waits_for_the_goods(self) -> bool:
        """Wait for them a while; whether they came."""
        deadline = time.monotonic() + DELIVERED_SECONDS
        while time.monotonic() < deadline:
            if self.ask("GET", self._path()).json()["state"] == "delivered":
                return True
            time.sleep(PAUSE_SECONDS)
        return False

    def open(self) -> None:
        """Look at what came."""
        opened = self.ask("POST", self._path("/reveal"), {})
        if opened.ok:
            self._sale.keys = [piece["value"] for piece in opened.json()["pieces"]]

    def has_it_go_back(self) -> None:
        """Have money go back, if that was planned."""
        match self._plan.back:
            case Back.BY_BUYER:
                self.give_back()
            case Back.WHILE_OPENING:
                self.open_and_give_back()
            case Back.IN_PART:
                self.gets_back()
            case Back.AT_PAYPAL:
                self.gets_back_at_paypal()

    def give_back(self) -> None:
        """Give back what was not opened."""
        self.ask("POST", self._path("/refund"), {})

    def open_and_give_back(self) -> None:
        """Try to have both, goods and money."""
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(self.open), pool.submit(self.give_back)]:
                done.result()

    def gets_back(self) -> None:
        """The shop's staff gives back a part of the money, and lets the buyer keep the goods."""
        order_id, staff = self._sale.order_id, self._world.sellers[0]
        assert order_id is not None
        scope = Scope(amount_minor=max(1, int(self._paid_minor() * self._plan.share)))

        def refund() -> None:
            with suppress(AppError):
                returning.refund(
                    actor_id=staff, by_staff=True, order_id=order_id, scope=scope, reason="Broken"
                )

        self._world.asking(refund)

    def gets_back_at_paypal(self) -> None:
        """The operator gives back in PayPal's own pages; the shop hears of it by webhook."""
        world = self._world
        value = f"{max(1, int(self._paid_minor() * self._plan.share)) / 100:.2f}"
        for capture in world.at_paypal(world.paypal.captures):
            if capture["custom_id"] == str(self._sale.order_id):
                with suppress(AssertionError, requests.RequestException):  # it went back already
                    world.paypal.refund(capture["id"], value)

    def _paid_minor(self) -> int:
        return int(self.ask("GET", self._path()).json()["total"]["minor"])

    def _path(self, act: str = "") -> str:
        return f"/order/{self._sale.order_id}{act}"

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """What the shop answers, asked again while it has no answer. Raises GaveUp."""
        for _try in range(TRIES):
            with suppress(requests.RequestException):
                answer = self._http.request(
                    method,
                    f"{self._world.shop.url}/api/v1{path}",
                    json=body,
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=ANSWER_SECONDS,
                )
                self._sale.errors += answer.status_code == 500
                if answer.status_code not in NO_ANSWER:
                    return answer
            time.sleep(PAUSE_SECONDS)
        raise GaveUp

    @staticmethod
    def _at_once(calls: list[Callable[[], requests.Response]]) -> list[requests.Response]:
        with ThreadPoolExecutor(len(calls)) as pool:
            return [one.result() for one in [pool.submit(call) for call in calls]]


def _token(user_id: UUID) -> str:
    user = session().get_one(User, user_id)
    return bearer.issue(user, [scope.value for scope in scopes_for(user)])


def _code(answer: requests.Response) -> str:
    return str(answer.json().get("code", answer.status_code))
