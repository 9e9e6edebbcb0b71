"""The one place that talks to PayPal: Orders v2 through its own SDK.

The SDK has no request id for creating an order; what its client lacks, `TimedClient` puts right.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar, cast

from flask import current_app
from paypalcheckoutsdk.core import PayPalEnvironment
from paypalcheckoutsdk.orders import OrdersCaptureRequest, OrdersCreateRequest, OrdersGetRequest
from paypalcheckoutsdk.payments import CapturesRefundRequest, RefundsGetRequest
from paypalhttp import HttpError

from app.kit.db import assert_no_transaction
from app.kit.money import Money
from app.payments.gateway import (
    PaypalCapture,
    PaypalItem,
    PaypalOrder,
    PaypalRefund,
    PaypalRefused,
    PaypalUnknown,
    PaypalWebhook,
)
from app.payments.paypal.calls import Call as _Call
from app.payments.paypal.calls import name_and_links
from app.payments.paypal.client import UNAUTHORIZED, TimedClient
from app.payments.paypal.disputes import Disputes
from app.payments.paypal.lists import Lists
from app.payments.paypal.payouts import Payouts

log = logging.getLogger(__name__)
T = TypeVar("T")
WEBHOOKS = "/v1/notifications/webhooks"
NOTE_UNITS = 255  # payments_payment_v2: refund_request.note_to_payer, without a line's end
NAME_UNITS = 127  # checkout_orders_v2: items[].name; a character beyond the BMP counts as two
IN_PROGRESS_PAUSES = (0.2, 0.4, 0.8)  # seconds
CONFLICT, TOO_MANY, SERVER_ERROR = 409, 429, 500
# Refusals of the call, not of the payment: asked again, the answer may be another.
SAYS_NOTHING = frozenset({UNAUTHORIZED, CONFLICT, TOO_MANY})
# No answer at all (requests' errors are OSErrors), or one of another shape than PayPal's.
UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Paypal:
    """The calls the shop makes. Each raises PaypalUnknown or PaypalRefused."""

    def __init__(self, client: TimedClient) -> None:
        self._client = client
        self.disputes = Disputes(self._ask)
        self.lists = Lists(self._ask)
        self.payouts = Payouts(self._ask)

    def create_order(
        self,
        *,
        request_id: str,
        reference: str,
        total: Money,
        items: list[PaypalItem],
        locale: str,
        return_url: str,
        cancel_url: str,
    ) -> PaypalOrder:
        """Create an order of one purchase unit, us as payee; same request id, same order."""
        request = OrdersCreateRequest()
        request.headers["PayPal-Request-Id"] = request_id
        request.prefer("return=representation")
        amount = _amount(total)
        body_items = [
            {
                "name": _cut(item.name, NAME_UNITS),
                "quantity": str(item.quantity),
                "unit_amount": _amount(Money(item.unit_minor, total.currency)),
                "category": "DIGITAL_GOODS",
            }
            for item in items
        ]
        request.request_body(
            {
                "intent": "CAPTURE",
                "purchase_units": [
                    {
                        "reference_id": reference,
                        "custom_id": reference,
                        "invoice_id": request_id,
                        "amount": {**amount, "breakdown": {"item_total": amount}},
                        "items": body_items,
                    }
                ],
                "payment_source": {
                    "paypal": {
                        "experience_context": {
                            "shipping_preference": "NO_SHIPPING",
                            "user_action": "PAY_NOW",
                            "locale": {"ru": "ru-RU"}.get(locale, "en-US"),
                            "return_url": return_url,
                            "cancel_url": cancel_url,
                        }
                    }
                },
            }
        )
        return self._whole(self._call(request))

    def get_order(self, paypal_order_id: str) -> PaypalOrder:
        """The order as it stands now."""
        return self._call(OrdersGetRequest(paypal_order_id))

    def capture(self, paypal_order_id: str, *, request_id: str, patient: bool) -> PaypalOrder:
        """Take the money of an approved order; the same request id, the same capture.

        `patient` waits while PayPal is at work on that request, for somebody who wants the answer.
        """
        request = OrdersCaptureRequest(paypal_order_id)
        request.pay_pal_request_id(request_id)
        request.prefer("return=representation")
        return self._whole(self._call(request, patient=patient))

    def refund(
        self, capture_id: str, *, request_id: str, amount: Money, number: str, note: str
    ) -> PaypalRefund:
        """Give back `amount` of a capture; the same request id, the same refund.

        `number` is what it is known by here: PayPal lists it with the refunds of the order.
        """
        request = CapturesRefundRequest(capture_id)
        request.pay_pal_request_id(request_id)
        request.prefer("return=representation")
        body: dict[str, Any] = {"amount": _amount(amount), "invoice_id": number}
        if note:
            body["note_to_payer"] = _cut(" ".join(note.split()), NOTE_UNITS)
        request.request_body(body)
        return self._ask(request, _read_refund)

    def get_refund(self, refund_id: str) -> PaypalRefund:
        """A refund as it stands, or what PayPal took back of a capture by itself."""
        return self._ask(RefundsGetRequest(refund_id), _read_refund)

    def webhooks(self) -> list[PaypalWebhook]:
        """Every address that events of our app are sent to."""
        return self._ask(_Call("GET", WEBHOOKS), _read_webhooks)

    def add_webhook(self, url: str, events: Sequence[str]) -> PaypalWebhook:
        """Have these events sent to an address from now on."""
        body = {"url": url, "event_types": _names(events)}
        return self._ask(_Call("POST", WEBHOOKS, body), _read_webhook)

    def set_events(self, webhook_id: str, events: Sequence[str]) -> PaypalWebhook:
        """Have these events sent, and no others."""
        change = {"op": "replace", "path": "/event_types", "value": _names(events)}
        return self._ask(_Call("PATCH", f"{WEBHOOKS}/{webhook_id}", [change]), _read_webhook)

    def _whole(self, order: PaypalOrder) -> PaypalOrder:
        """The order with all we compare: PayPal is asked for it, but may answer in short."""
        if order.payee and (order.captures or order.status != "COMPLETED"):
            return order
        try:
            return self.get_order(order.id)
        except PaypalRefused as refusal:  # it has just told us of this order
            raise PaypalUnknown(refusal.issue) from refusal

    def _call(self, request: Any, *, patient: bool = True) -> PaypalOrder:
        return self._ask(request, _read_order, patient=patient)

    def _ask(self, request: Any, read: Callable[[dict[str, Any]], T], *, patient: bool = True) -> T:
        assert_no_transaction()
        try:
            is_asked_again = patient and not getattr(request, "is_once", False)
            answer = self._when_free(request) if is_asked_again else self._client.execute(request)
            return read(answer.result.dict())
        except HttpError as error:
            _refused(error)
        except UNREADABLE as error:
            log.warning("PayPal gave no answer", extra={"error": type(error).__name__})
            raise PaypalUnknown(type(error).__name__) from error

    def _when_free(self, request: Any) -> Any:
        """Send a request; again, a little later, while PayPal is at work on the same one.

        A double click, or the browser and the webhook at once, so get one answer. "Wait for some
        time and try again": https://developer.paypal.com/api/rest/reference/orders/v2/errors/
        """
        for pause in IN_PROGRESS_PAUSES:
            try:
                return self._client.execute(request)
            except HttpError as error:
                if error.status_code != CONFLICT:
                    raise
            time.sleep(pause)
        return self._client.execute(request)


def _refused(error: HttpError) -> NoReturn:
    issue, word, debug_id = _read_error(error)
    log.warning(
        "PayPal refused",
        extra={"issue": issue or word, "status": error.status_code, "debug_id": debug_id},
    )
    # A conflict says that the same request is still being worked on: it may yet succeed. And only
    # PayPal's own words are a refusal: what a proxy says, or PayPal of our password, is none.
    if issue is None or error.status_code >= SERVER_ERROR or error.status_code in SAYS_NOTHING:
        raise PaypalUnknown(issue or word) from error
    name, links = name_and_links(error.message)
    raise PaypalRefused(issue, error.status_code, name=name, links=links) from error


def _read_error(error: HttpError) -> tuple[str | None, str, str | None]:
    """PayPal's word for why, None if it says none; a word for the log; what its support asks for.

    The errors of the call for a token have another form than all others: `{"error": …}`.
    """
    issue, word = None, "UNKNOWN"
    debug_id = error.headers.get("Paypal-Debug-Id")
    try:
        body = json.loads(error.message)
        word = str(body.get("error") or word)
        debug_id = body.get("debug_id") or debug_id
        if isinstance(body.get("name"), str):
            issue = body["name"]
            issue = str((body.get("details") or [{}])[0].get("issue") or issue)
    except UNREADABLE:
        pass
    return issue, word, debug_id


def _cut(text: str, units: int) -> str:
    """As much of a text as PayPal takes, ending with a whole character."""
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")


def _amount(money: Money) -> dict[str, str]:
    return {"currency_code": money.currency, "value": money.to_decimal_string()}


def _read_money(body: dict[str, Any]) -> Money:
    return Money.parse(body["value"], body["currency_code"])


def _read_order(body: dict[str, Any]) -> PaypalOrder:
    units = body.get("purchase_units") or [{}]
    unit: dict[str, Any] = units[0]
    payments = unit.get("payments") or {}
    captures = payments.get("captures") or []
    links = {link["rel"]: link["href"] for link in body.get("links") or []}
    payee = unit.get("payee") or {}
    return PaypalOrder(
        id=str(body["id"]),
        status=str(body.get("status", "")),
        custom_id=str(unit.get("custom_id", "")),
        payee=str(payee.get("merchant_id") or payee.get("email_address") or ""),
        approve_url=links.get("payer-action") or links.get("approve"),
        captures=tuple(_read_capture(capture, unit) for capture in captures),
        refunds=tuple(_read_refund(refund) for refund in payments.get("refunds") or []),
    )


def _read_capture(body: dict[str, Any], unit: dict[str, Any]) -> PaypalCapture:
    breakdown = body.get("seller_receivable_breakdown") or {}
    fee = breakdown.get("paypal_fee")
    return PaypalCapture(
        id=str(body["id"]),
        status=str(body["status"]),
        amount=_read_money(body["amount"]),
        custom_id=str(body.get("custom_id") or unit.get("custom_id") or ""),
        fee_minor=_read_money(fee).minor if fee else None,
        reason=(body.get("status_details") or {}).get("reason"),
    )


def _read_refund(body: dict[str, Any]) -> PaypalRefund:
    return PaypalRefund(
        id=str(body["id"]),
        status=str(body["status"]),
        amount=_read_money(body["amount"]),
        number=str(body.get("invoice_id") or ""),
        note=str(body.get("note_to_payer") or ""),
        reason=(body.get("status_details") or {}).get("reason"),
    )


def _names(events: Sequence[str]) -> list[dict[str, str]]:
    return [{"name": name} for name in events]


def _read_webhook(body: dict[str, Any]) -> PaypalWebhook:
    events = tuple(str(one["name"]) for one in body["event_types"])
    return PaypalWebhook(str(body["id"]), str(body["url"]), events)


def _read_webhooks(body: dict[str, Any]) -> list[PaypalWebhook]:
    return [_read_webhook(one) for one in body["webhooks"]]


def paypal() -> Paypal:
    """The current application's PayPal."""
    if "paypal" not in current_app.extensions:
        settings = current_app.extensions["settings"]
        environment = PayPalEnvironment(
            settings.paypal_client_id,
            settings.paypal_client_secret.get_secret_value(),
            settings.paypal_base_url,
            settings.paypal_web_url,
        )
        current_app.extensions["paypal"] = Paypal(TimedClient(environment))
    return cast(Paypal, current_app.extensions["paypal"])
