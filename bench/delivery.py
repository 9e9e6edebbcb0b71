"""From the capture's answer to the key on the buyer's page, idle and at five sales a second.

A sale is what the browser of somebody who has logged in does: fill the basket, press the button,
say yes, capture. The clock starts when the capture's answer is there. Then the purchase's page is
opened, its socket tells of the delivery, the page asks for its part that has changed, and the key
is revealed: the clock stops when the key has arrived. What all this costs is read server by server,
with what each does all the time; all log-ins are done before.
"""

import html
import json
import re
import threading
import time
from dataclasses import dataclass
from uuid import UUID

import requests
from flask import Flask
from websocket import WebSocket, WebSocketTimeoutException, create_connection

from app.embedded.processes import free_port
from bench.figures import Figure, percentile
from bench.spent import spent
from tests.conftest import PASSWORD
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support import servers as throwaway
from tests.support.sale import SandboxControl
from tests.support.shop import Shop

IDLE_SALES = 30
BUSY_SALES = 150
SALES_PER_SECOND = 5
MOST_MILLISECONDS = 300  # p99
MOST_CPU_MILLISECONDS = 300  # a sale, all servers together
SECONDS = 30
POLL_SECONDS = 3.0
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
# All that `make run` starts; who is logged in, the sockets ask `auth`.
ROLES = ("paypal", "auth", "web", "chat", "worker", "delivery", "webhooks", "clock")
TOKEN = "bench-only-service-token-bench-only"


@dataclass
class Buyer:
    """A browser that is logged in."""

    shop: Shop
    email: str

    def __post_init__(self) -> None:
        """Log in."""
        self.browser = requests.Session()
        self.token = self._token(self.browser.get(f"{self.shop.url}/auth/login", timeout=SECONDS))
        answer = self._post("/auth/login", {"email": self.email, "password": PASSWORD})
        self.token = self._token(answer)

    def prepare(self, product_id: UUID) -> str:
        """All up to PayPal's yes; the order's id."""
        self._post("/order/basket/add", {"product_id": str(product_id), "quantity": "1"})
        page = self.browser.get(f"{self.shop.url}/order/checkout", timeout=SECONDS).text
        key = re.search(r'name="checkout_key"[^>]*value="([^"]+)"', page)
        if key is None:
            raise RuntimeError("the checkout page has no key")
        started = self._json("/order/checkout/paypal", {"checkout_key": key[1]})
        SandboxControl(self.shop.paypal_url).approve(started["id"])
        return str(started["order_id"])

    def buy(self, order_id: str) -> float:
        """Capture, and the seconds from its answer until the key is on the page."""
        self._json(f"/order/{order_id}/capture", {})
        began = time.perf_counter()
        page = f"{self.shop.url}/order/purchases/{order_id}"
        shown = self.browser.get(page, timeout=SECONDS).text
        reveal = _reveal_path(shown)
        if reveal is None:
            socket = self._socket(order_id)
            news = _news_address(shown)
            while reveal is None:
                _wait_for_news(socket)  # the first is that the subscription is in force
                part = self.browser.get(self.shop.url + news, headers=PARTIAL, timeout=SECONDS)
                reveal = _reveal_path(part.text)
            socket.close()
        revealed = self._post(reveal, {})
        if "BENCH-KEY-" not in revealed.text:
            raise RuntimeError(f"no key came: {revealed.status_code}")
        return time.perf_counter() - began

    def _socket(self, order_id: str) -> WebSocket:
        ticket = self._json("/live/ticket", {})["ticket"]
        live = self.shop.environment["LIVE_URL"]
        socket = create_connection(
            f"{live}/live?ticket={ticket}", origin=self.shop.url, timeout=POLL_SECONDS
        )
        socket.send(json.dumps({"subscribe": [f"order:{order_id}"]}))
        return socket

    def _post(self, path: str, data: dict[str, str]) -> requests.Response:
        answer = self.browser.post(
            self.shop.url + path, data={**data, "csrf_token": self.token}, timeout=SECONDS
        )
        answer.raise_for_status()
        return answer

    def _json(self, path: str, body: dict[str, str]) -> dict[str, str]:
        answer = self.browser.post(
            self.shop.url + path, json=body, headers={"X-CSRFToken": self.token}, timeout=SECONDS
        )
        answer.raise_for_status()
        return dict(answer.json())

    @staticmethod
    def _token(answer: requests.Response) -> str:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.text)
        if found is None:
            raise RuntimeError(f"no form on {answer.url}")
        return found[1]


def _news_address(page: str) -> str:
    found = re.search(r'hx-get="(/order/purchases/[^"]+)"', page)
    if found is None:
        raise RuntimeError("the page does not wait for news")
    return html.unescape(found[1])


def _reveal_path(page: str) -> str | None:
    found = re.search(r'"(/order/purchases/[^"]+/pieces/[^"]+/reveal)"', page)
    return found[1] if found else None


def _wait_for_news(socket: WebSocket) -> None:
    try:
        socket.recv()
    except WebSocketTimeoutException:
        return  # the page polls at this pace as well


def run(application: Flask, shop: Shop) -> list[Figure]:
    """Sales one by one, then at a steady rate."""
    listen = f"127.0.0.1:{free_port()}"
    shop.environment |= {
        "AUTH_GRPC_LISTEN": listen,
        "AUTH_GRPC_URL": f"grpc://{listen}",
        "AUTH_GRPC_TOKEN": TOKEN,
    }
    shop.start(*ROLES)
    with application.app_context():
        seller = make_user(roles=("seller",))
        stock = tuple(f"BENCH-KEY-{n}" for n in range(IDLE_SALES + BUSY_SALES))
        product_id = make_product(seller, stock=stock).id
        emails = [make_user().email for _n in range(IDLE_SALES + BUSY_SALES)]
    buyers = [Buyer(shop, email) for email in emails]
    idle = [buyer.buy(buyer.prepare(product_id)) for buyer in buyers[:IDLE_SALES]]
    with spent(shop.process_ids() | throwaway.process_ids()) as cost:
        busy = _at_a_rate(buyers[IDLE_SALES:], product_id)
    costs = {name: each / len(busy) for name, each in cost.milliseconds.items()}
    total = sum(costs.values())
    return [
        *_figures("one after the other", idle),
        *_figures(f"{SALES_PER_SECOND} sales a second", busy, at_most=MOST_MILLISECONDS),
        Figure("CPU of such a sale", total, "ms", at_most=MOST_CPU_MILLISECONDS),
        *(Figure(f"  in {name}", each, "ms") for name, each in costs.items()),
    ]


def _at_a_rate(buyers: list[Buyer], product_id: UUID) -> list[float]:
    times: list[float] = []

    def sell(buyer: Buyer) -> None:
        times.append(buyer.buy(buyer.prepare(product_id)))

    threads = []
    began = time.monotonic()
    for number, buyer in enumerate(buyers):
        time.sleep(max(0.0, began + number / SALES_PER_SECOND - time.monotonic()))
        thread = threading.Thread(target=sell, args=(buyer,))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    if len(times) != len(buyers):
        raise RuntimeError(f"{len(buyers) - len(times)} sales failed")
    return times


def _figures(name: str, times: list[float], at_most: float | None = None) -> list[Figure]:
    p50, p99 = (percentile(times, share) * 1000 for share in (0.5, 0.99))
    title = f"{name}, {len(times)} sales"
    return [
        Figure(f"{title}, p50", p50, "ms"),
        Figure(f"{title}, p99", p99, "ms", at_most=at_most),
    ]
