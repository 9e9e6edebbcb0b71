"""The button and the payment window in a real browser, on a shop's page with a strict policy."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from app.sandbox.forgeries import FORGERIES
from tests.flows.steps import wait_until
from tests.sandbox.conftest import Api, order, with_wallet
from tests.support.sandbox import SandboxHandle
from tests.support.webhook_receiver import Receiver

pytestmark = pytest.mark.browser
NONCE = "r4nd0m"
PAGE = """<!doctype html><html lang="en"><title>Shop</title>
<h1>Checkout</h1><div id="buttons"></div><ol id="log"></ol>
<script nonce="{nonce}" src="{sdk}" {nonce_attribute}></script>
<script nonce="{nonce}">
  const log = (...words) => {{
    const line = document.createElement("li");
    line.textContent = words.join(" ");
    document.getElementById("log").append(line);
  }};
  const post = (url) => fetch(url, {{method: "POST"}}).then((answer) => answer.json());
  window.buttons = paypal.Buttons({{
    style: {{shape: "rect"}},
    createOrder: () => post("/create").then((order) => {{
      if (!order.id) throw new Error(order.error);
      return order.id;
    }}),
    onApprove: (data, actions) => post("/capture/" + data.orderID).then((answer) => {{
      log(answer.issue || answer.status, data.payerID);
      if (answer.issue === "INSTRUMENT_DECLINED") return actions.restart();
    }}),
    onCancel: (data) => log("cancelled", data.orderID),
    onError: (error) => log("error", error.message)
  }});
  if (window.buttons.isEligible()) window.buttons.render("#buttons");
</script></html>"""


class Shop:
    """A shop that sells one key, with PayPal's calls made by its server."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.error: str | None = None
        self.sdk_query = ""
        self.nonce_attribute = f'data-csp-nonce="{NONCE}"'
        app = Flask(__name__)
        app.add_url_rule("/", view_func=self.page)
        app.add_url_rule("/create", view_func=self.create, methods=["POST"])
        app.add_url_rule("/capture/<order_id>", view_func=self.capture, methods=["POST"])
        app.add_url_rule("/back", view_func=self.end)
        app.add_url_rule("/cancelled", view_func=self.end)
        app.add_url_rule("/favicon.ico", view_func=self.end)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def page(self) -> Response:
        sandbox = self.api.handle.url
        sdk = f"{sandbox}/sdk/js?client-id=test-client&amp;currency=EUR{self.sdk_query}"
        html = PAGE.format(nonce=NONCE, sdk=sdk, nonce_attribute=self.nonce_attribute)
        answer = Response(html, content_type="text/html; charset=utf-8")
        answer.headers["Content-Security-Policy"] = (
            f"default-src 'self'; script-src 'self' 'nonce-{NONCE}' {sandbox}; "
            f"style-src 'self' 'nonce-{NONCE}'; connect-src 'self'; object-src 'none'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        answer.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
        return answer

    def end(self) -> str:
        return request.path

    def order(self) -> str:
        """A new order that leads back to this shop."""
        body = with_wallet(
            order("1234.50"),
            return_url=f"{self.url}/back?order=7",
            cancel_url=f"{self.url}/cancelled",
            brand_name="Corner Shop",
        )
        body["purchase_units"][0]["items"][0]["name"] = "Key & <b>lock</b>"
        reference = body["purchase_units"][0]["custom_id"]
        return str(self.api.create(body, PayPal_Request_Id=reference).json()["id"])

    def create(self) -> Response:
        return jsonify({"error": self.error} if self.error else {"id": self.order()})

    def capture(self, order_id: str) -> Response:
        body = self.api.capture(order_id).json()
        issue = body["details"][0]["issue"] if "details" in body else None
        return jsonify({"status": body.get("status"), "issue": issue})

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def shop(api: Api) -> Iterator[Shop]:
    shop = Shop(api)
    yield shop
    shop.stop()


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Browser:
    return chromium


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A page in a profile of its own; every complaint of the browser fails the test."""
    complaints: list[str] = []
    contexts = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )

    def open_one(**options: Any) -> Page:
        context = browser.new_context(**options)
        context.set_default_timeout(15_000)
        context.on("page", watch)
        contexts.append(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()
    # A refused capture is an answer like any other; the shop's server made that call, not the page.
    assert complaints == []


def press(page: Page) -> Page:
    """Press the button; the window it opens."""
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Pay with the PayPal sandbox").click()
    popup = opened.value
    popup.wait_for_url(re.compile(r"token="))
    return popup


def pay(popup: Page, payer: str, button: str = "approve") -> None:
    """Choose a payer and press a button of the review page."""
    popup.get_by_test_id(f"payer-{payer}").click()
    popup.get_by_test_id(button).click()


class TestPopup:
    def test_payer_pays(self, shop: Shop, open_page: Callable[..., Page]) -> None:
        page = open_page()
        page.goto(shop.url)
        popup = press(page)
        expect(popup.get_by_text("Key & <b>lock</b>")).to_be_visible()
        expect(popup.get_by_test_id("total")).to_have_text("1,234.50\u00a0EUR")
        with popup.expect_event("close"):
            pay(popup, "balance")
        expect(page.locator("#log li")).to_have_text(["COMPLETED PAYERBALANCE2"])
        expect(page.get_by_role("button")).to_have_attribute("aria-disabled", "false")

    def test_declined_payer_is_asked_again_in_the_same_window(
        self, shop: Shop, open_page: Callable[..., Page]
    ) -> None:
        page = open_page()
        page.goto(shop.url)
        popup = press(page)
        pay(popup, "empty")
        expect(popup.get_by_role("alert")).to_contain_text("declined")
        with popup.expect_event("close"):
            pay(popup, "balance")
        expect(page.locator("#log li")).to_have_text(
            ["INSTRUMENT_DECLINED PAYEREMPTY222", "COMPLETED PAYERBALANCE2"]
        )

    def test_payer_lets_the_bank_say_no(self, shop: Shop, open_page: Callable[..., Page]) -> None:
        page = open_page()
        page.goto(shop.url)
        popup = press(page)
        pay(popup, "balance", "approve-declined")
        expect(popup.get_by_role("alert")).to_contain_text("declined")
        popup.close()
        expect(page.locator("#log li").last).to_contain_text("cancelled")

    @pytest.mark.parametrize("way", ["cancel", "close"])
    def test_payer_goes_away(self, shop: Shop, open_page: Callable[..., Page], way: str) -> None:
        page = open_page()
        page.goto(shop.url)
        popup = press(page)
        if way == "close":
            popup.close()
        else:
            with popup.expect_event("close"):
                popup.get_by_test_id("cancel").click()
        expect(page.locator("#log li")).to_have_text([re.compile("cancelled [A-Z0-9]{17}")])
        # And may change their mind.
        with press(page).expect_event("close") as closed:
            pay(page.context.pages[-1], "balance")
        assert closed.value
        expect(page.locator("#log li").last).to_contain_text("COMPLETED")

    def test_shop_without_an_order_gets_its_error_back(
        self, shop: Shop, open_page: Callable[..., Page]
    ) -> None:
        shop.error = "sold out"
        page = open_page()
        page.goto(shop.url)
        with page.expect_popup() as opened:
            page.get_by_role("button").click()
        expect(page.locator("#log li")).to_have_text(["error sold out"])
        wait_until(page, opened.value.is_closed)

    def test_window_follows_the_shops_page_when_it_leaves(
        self, shop: Shop, open_page: Callable[..., Page]
    ) -> None:
        page = open_page()
        page.goto(shop.url)
        popup = press(page)
        with popup.expect_event("close"):
            page.goto(f"{shop.url}/cancelled")

    def test_message_of_another_site_pays_nothing(
        self, shop: Shop, open_page: Callable[..., Page]
    ) -> None:
        page = open_page()
        page.goto(shop.url)
        popup = press(page)
        token = re.search("token=([A-Z0-9]+)", popup.url)[1]
        forged = {
            "sender": "paypal-sandbox",
            "type": "approved",
            "orderID": token,
            "payerID": "X",
        }
        page.evaluate(f"window.postMessage({json.dumps(forged)}, '*')")
        with popup.expect_event("close"):
            pay(popup, "balance")
        expect(page.locator("#log li")).to_have_text(["COMPLETED PAYERBALANCE2"])


class TestButton:
    def test_button_works_by_keyboard_and_is_styled_under_the_policy(
        self, shop: Shop, open_page: Callable[..., Page]
    ) -> None:
        page = open_page()
        page.goto(shop.url)
        button = page.get_by_role("button", name="Pay with the PayPal sandbox")
        expect(button).to_have_css("background-color", "rgb(255, 209, 64)")
        expect(page.get_by_role("status")).to_contain_text("no real money")
        page.keyboard.press("Tab")
        expect(button).to_be_focused()
        with page.expect_popup() as opened:
            page.keyboard.press("Enter")
        expect(opened.value.get_by_role("heading", name="Choose who pays")).to_be_visible()

    def test_button_is_styled_without_a_nonce_too(
        self, shop: Shop, open_page: Callable[..., Page]
    ) -> None:
        shop.nonce_attribute = ""
        page = open_page()
        page.goto(shop.url)
        expect(page.get_by_role("button")).to_have_css("background-color", "rgb(255, 209, 64)")

    def test_button_speaks_russian(self, shop: Shop, open_page: Callable[..., Page]) -> None:
        shop.sdk_query = "&amp;locale=ru_RU"
        page = open_page()
        page.goto(shop.url)
        with page.expect_popup() as opened:
            page.get_by_role("button", name="Оплатить через PayPal песочница").click()
        expect(opened.value.get_by_role("heading", name="Кто платит?")).to_be_visible()

    def test_closed_button_is_gone(self, shop: Shop, open_page: Callable[..., Page]) -> None:
        page = open_page()
        page.goto(shop.url)
        expect(page.get_by_role("button")).to_be_visible()
        page.evaluate("window.buttons.close()")
        expect(page.get_by_role("button")).to_have_count(0)

    @pytest.mark.parametrize(
        "query",
        ["client-id=other&currency=EUR", "client-id=test-client&currency=RUB", "currency=EUR"],
    )
    def test_script_for_a_wrong_shop_is_refused(
        self, sandbox: SandboxHandle, open_page: Callable[..., Page], query: str
    ) -> None:
        answer = open_page().request.get(f"{sandbox.url}/sdk/js?{query}")
        assert answer.status == 400


class TestRedirect:
    def test_blocked_window_becomes_a_redirect_there_and_back(
        self, shop: Shop, open_page: Callable[..., Page]
    ) -> None:
        page = open_page()
        page.add_init_script("window.open = () => null;")
        page.goto(shop.url)
        page.get_by_role("button").click()
        page.wait_for_url(re.compile(r"/checkoutnow\?token="))
        pay(page, "balance")
        page.wait_for_url(re.compile(r"/back\?"))
        assert re.search(r"order=7&token=[A-Z0-9]{17}&PayerID=PAYERBALANCE2", page.url)

    def test_cancelling_leads_to_the_shops_cancel_address(
        self, shop: Shop, open_page: Callable[..., Page], sandbox: SandboxHandle
    ) -> None:
        page = open_page()
        page.goto(f"{sandbox.url}/checkoutnow?token={shop.order()}")
        page.get_by_test_id("cancel").click()
        page.wait_for_url(re.compile(r"/cancelled\?token="))

    def test_paid_or_unknown_orders_say_so(
        self, api: Api, shop: Shop, open_page: Callable[..., Page], sandbox: SandboxHandle
    ) -> None:
        page = open_page()
        order_id = shop.order()
        page.goto(f"{sandbox.url}/checkoutnow?token={order_id}&payer=balance")
        api.approve(order_id)
        api.capture(order_id)
        page.get_by_test_id("approve").click()
        expect(page.get_by_role("status")).to_have_text("This order has already been paid.")
        late = {"token": order_id, "action": "cancel"}
        refused = page.request.post(f"{sandbox.url}/checkoutnow", form=late).text()
        assert "This order has already been paid." in refused
        page.goto(f"{sandbox.url}/checkoutnow?token={order_id}")
        page.get_by_role("link", name="Back to the shop").click()
        page.wait_for_url(re.compile(r"/back\?order=7&token="))

    def test_order_without_items_shows_what_it_is_for(
        self, api: Api, open_page: Callable[..., Page], sandbox: SandboxHandle
    ) -> None:
        body = order("12.50", description="A month of music")
        del body["purchase_units"][0]["items"]
        page = open_page()
        page.goto(f"{sandbox.url}/checkoutnow?token={api.create(body).json()['id']}&payer=balance")
        expect(page.get_by_text("A month of music")).to_be_visible()
        expect(page.get_by_test_id("total")).to_have_text("12.50\u00a0EUR")

    def test_window_opened_by_nobody_is_shown(
        self, shop: Shop, open_page: Callable[..., Page], sandbox: SandboxHandle
    ) -> None:
        url = f"{sandbox.url}/checkoutnow?token={shop.order()}&flow=popup&origin=http://["
        assert open_page().request.get(url).status == 200

    def test_unknown_order_is_not_found(
        self, open_page: Callable[..., Page], sandbox: SandboxHandle
    ) -> None:
        answer = open_page().request.get(f"{sandbox.url}/checkoutnow?token=NOTHING")
        assert answer.status == 404
        assert "There is no such order." in answer.text()


class TestLook:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [390, 1280])
    def test_window_fits_and_is_dark_in_the_dark(
        self,
        shop: Shop,
        open_page: Callable[..., Page],
        sandbox: SandboxHandle,
        width: int,
        scheme: str,
    ) -> None:
        page = open_page(
            viewport={"width": width, "height": 800}, color_scheme=scheme, locale="ru-RU"
        )
        token = shop.order()
        for path in (
            f"/checkoutnow?token={token}",
            f"/checkoutnow?token={token}&payer=echeck",
            "/sandbox",
        ):
            page.goto(f"{sandbox.url}{path}")
            page.evaluate(
                "for (const part of document.querySelectorAll('details')) part.open = true"
            )
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (dark == "rgb(16, 21, 31)") == (scheme == "dark")

    def test_window_speaks_the_browsers_language(
        self, shop: Shop, open_page: Callable[..., Page], sandbox: SandboxHandle
    ) -> None:
        page = open_page(locale="ru-RU")
        page.goto(f"{sandbox.url}/checkoutnow?token={shop.order()}&payer=balance")
        expect(page.get_by_role("heading", name="Вы платите: Corner Shop")).to_be_visible()
        expect(page.get_by_role("button", name="Оплатить", exact=True)).to_be_visible()
        expect(page.get_by_test_id("total")).to_have_text("1\u00a0234,50\u00a0EUR")


class TestControlPage:
    def test_person_decides_about_a_pending_payment(
        self, api: Api, open_page: Callable[..., Page], sandbox: SandboxHandle
    ) -> None:
        order_id = api.new_order()
        api.approve(order_id, "echeck")
        api.capture(order_id)
        page = open_page()
        page.goto(f"{sandbox.url}/sandbox")
        row = page.get_by_role("row").filter(has_text=order_id).filter(has_text="PENDING")
        row.get_by_role("button", name="Money arrives").click()
        page.wait_for_url(f"{sandbox.url}/sandbox")
        unit = api.show(order_id)["purchase_units"][0]
        assert unit["payments"]["captures"][0]["status"] == "COMPLETED"
        expect(page.get_by_text("Every entry sums to zero.")).to_be_visible()

    def test_person_orders_a_fault_and_moves_the_clock(
        self, api: Api, open_page: Callable[..., Page], sandbox: SandboxHandle
    ) -> None:
        page = open_page()
        page.goto(f"{sandbox.url}/sandbox")
        page.get_by_text("Add a fault").click()
        decline = page.get_by_role("form", name="decline", exact=True)
        decline.get_by_label("Times").fill("2")
        decline.get_by_label("issue").select_option("PAYER_CANNOT_PAY")
        decline.get_by_role("button", name="Add").click()
        expect(page.get_by_text("decline × 2 on capture, issue: PAYER_CANNOT_PAY")).to_be_visible()
        page.get_by_text("Add a fault").click()
        slow = page.get_by_role("form", name="slow")
        slow.get_by_role("combobox", name="On").select_option("get")
        slow.get_by_label("seconds").fill("0.5")
        slow.get_by_role("button", name="Add").click()
        expect(page.get_by_text("slow × 1 on get, seconds: 0.5")).to_be_visible()
        page.get_by_role("button", name="Clear all faults").click()
        expect(page.get_by_text("None set.")).to_be_visible()
        page.get_by_role("button", name="Move it forward").click()
        expect(page.get_by_role("heading", name="Clock")).to_be_visible()

    def test_person_sends_an_event_again_as_any_forger_would(
        self,
        api: Api,
        receiver: Receiver,
        open_page: Callable[..., Page],
        sandbox: SandboxHandle,
    ) -> None:
        page = open_page(locale="ru-RU")
        api.approve(api.new_order())
        (true,) = receiver.wait_for(lambda got: len(got) == 1)
        page.goto(f"{sandbox.url}/sandbox")
        row = page.get_by_role("row").filter(has_text=true.event["id"]).first
        ways = row.locator("option").evaluate_all("options => options.map(one => one.value)")
        assert ways == ["", *FORGERIES]
        row.get_by_label("Как").select_option("self_signed")
        row.get_by_role("button", name="Отправить снова").click()
        cell = page.get_by_role("cell").filter(has_text="сертификат ручается сам за себя")
        expect(cell.last).to_be_visible()
        assert api.deliveries()[0]["forgery"] == "self_signed"
