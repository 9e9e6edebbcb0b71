"""What the shop makes of everything that may come back from PayPal's address."""

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from paypalcheckoutsdk.core import PayPalEnvironment
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from app.kit.db import NestedNetworkError, db_now, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.payments.gateway import PaypalItem, PaypalOrder, PaypalRefused, PaypalUnknown
from app.payments.paypal import Paypal, TimedClient
from app.payments.service import paying
from app.payments.service.paying import Approval

SECRET, TOKEN = "the-client-secret", "A21AA-the-token"
MONEY = {"currency_code": "EUR", "value": "10.00"}
NUMBER = MONEY | {"value": 10}
CAPTURE = {
    "id": "CAP-1",
    "status": "COMPLETED",
    "amount": MONEY,
    "custom_id": "ours",
    "seller_receivable_breakdown": {"paypal_fee": MONEY | {"value": "0.84"}},
}
ORDER = {
    "id": "ORDER-1",
    "status": "COMPLETED",
    "purchase_units": [
        {
            "custom_id": "ours",
            "payee": {"merchant_id": "SHOP"},
            "payments": {"captures": [CAPTURE]},
        }
    ],
    "links": [{"href": "https://paypal.example/approve", "rel": "payer-action"}],
}
SHORT = {name: ORDER[name] for name in ("id", "status", "links")}
REFUSAL = {
    "name": "UNPROCESSABLE_ENTITY",
    "details": [{"issue": "INSTRUMENT_DECLINED"}],
    "debug_id": "f1f2f3",
}


class Address:
    """PayPal's address, with somebody behind it who answers in turn what it is told to."""

    def __init__(self) -> None:
        self.answers: list[Response] = []
        self.asked: list[Request] = []
        self.token: Response | None = None
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @Request.application
    def _answer(self, request: Request) -> Response:
        if request.path == "/v1/oauth2/token":
            grant = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 32400}
            return self.token or answer(200, grant)
        request.get_data()
        self.asked.append(request)
        return self.answers.pop(0)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def answer(
    status: int, body: Any, content_type: str | None = "application/json", **headers: str
) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    made = Response(content, status, content_type=content_type)
    for name, value in headers.items():
        made.headers[name.replace("_", "-")] = value
    if content_type is None:
        del made.headers["Content-Type"]
    return made


def order_with(**unit: Any) -> dict[str, Any]:
    return ORDER | {"purchase_units": [ORDER["purchase_units"][0] | unit]}


@pytest.fixture
def address() -> Iterator[Address]:
    address = Address()
    yield address
    address.stop()


@pytest.fixture
def paypal(application: Flask, address: Address) -> Iterator[Paypal]:
    with application.app_context():
        yield Paypal(TimedClient(PayPalEnvironment("client", SECRET, address.url, address.url)))


def capture(paypal: Paypal) -> PaypalOrder:
    return paypal.capture("ORDER-1", request_id="capture-1", patient=False)


class TestAnswersThatSayNothing:
    @pytest.mark.parametrize(
        "said",
        [
            answer(200, b""),
            answer(204, b""),
            answer(200, b'{"id": "ORDER-1", "status": "COMP'),
            answer(200, b"\xff\xfe\x00"),
            answer(200, b"<html>Wait</html>", "text/html"),
            answer(200, b"\x00\x01", "application/octet-stream"),
            answer(200, ORDER, None),
            answer(200, []),
            answer(200, [ORDER]),
            answer(200, "ORDER-1"),
            answer(200, {}),
            answer(200, ORDER | {"purchase_units": {"captures": []}}),
            answer(200, ORDER | {"purchase_units": ["ours"]}),
            answer(200, ORDER | {"links": ["approve"]}),
            answer(200, order_with(payments={"captures": [{"id": "CAP-1"}]})),
            answer(200, order_with(payments={"captures": [CAPTURE | {"amount": None}]})),
            answer(200, order_with(payments={"captures": [CAPTURE | {"amount": {"value": 10}}]})),
            answer(200, order_with(payments={"captures": [CAPTURE | {"amount": NUMBER}]})),
            answer(200, order_with(payments={"captures": {"id": "CAP-1"}})),
            answer(200, b"not gzip", Content_Encoding="gzip"),
            answer(200, gzip.compress(json.dumps(ORDER).encode())[:60], Content_Encoding="gzip"),
            answer(200, b"[" * 100_000),
            answer(302, b"", Location="http://127.0.0.1:9/login"),
            answer(400, b"<html>Bad request</html>", "text/html"),
            answer(403, b"<html>Access denied</html>", "text/html"),
            answer(404, b"<html>Not found</html>", "text/html"),
            answer(422, b""),
            answer(422, {"details": {"issue": "INSTRUMENT_DECLINED"}}),
            answer(401, {"name": "AUTHENTICATION_FAILURE"}),
            answer(409, {"name": "RESOURCE_CONFLICT"}),
            answer(429, {"name": "RATE_LIMIT_REACHED"}),
            answer(500, {"name": "INTERNAL_SERVER_ERROR"}),
            answer(503, b"<html>Sorry</html>", "text/html"),
        ],
        ids=str,
    )
    def test_payment_is_in_doubt(self, paypal: Paypal, address: Address, said: Response) -> None:
        address.answers = [said, said]
        with pytest.raises(PaypalUnknown):
            capture(paypal)

    @pytest.mark.parametrize(
        "said",
        [
            answer(400, {"error": "unsupported_grant_type"}),
            answer(401, {"error": "invalid_client"}),
            answer(403, b"<html>Access denied</html>", "text/html"),
            answer(200, {"access_token": TOKEN}),
            answer(200, b"", "text/html"),
        ],
        ids=str,
    )
    def test_without_a_token_nothing_is_known_of_a_payment(
        self, paypal: Paypal, address: Address, said: Response
    ) -> None:
        address.token = said
        with pytest.raises(PaypalUnknown):
            capture(paypal)
        assert address.asked == []
        address.token = None
        address.answers = [answer(200, ORDER)]
        assert capture(paypal).id == "ORDER-1"


class TestRefusals:
    def test_paypals_own_word_is_a_refusal(self, paypal: Paypal, address: Address) -> None:
        address.answers = [answer(422, REFUSAL)]
        with pytest.raises(PaypalRefused) as refused:
            capture(paypal)
        assert (refused.value.issue, refused.value.status) == ("INSTRUMENT_DECLINED", 422)

    @pytest.mark.parametrize("details", [None, [], [{}], ["x"], {}])
    def test_without_details_the_name_is_the_word(
        self, paypal: Paypal, address: Address, details: object
    ) -> None:
        address.answers = [answer(404, {"name": "RESOURCE_NOT_FOUND", "details": details})]
        with pytest.raises(PaypalRefused) as refused:
            paypal.get_order("ORDER-1")
        assert refused.value.issue == "RESOURCE_NOT_FOUND"

    @pytest.mark.parametrize(
        ("said", "debug_id"),
        [
            (answer(422, REFUSAL), "f1f2f3"),
            (answer(503, b"<html>", "text/html", Paypal_Debug_Id="a1a2a3"), "a1a2a3"),
        ],
        ids=["body", "header"],
    )
    def test_what_paypals_support_asks_for_is_logged_and_nothing_secret(
        self,
        paypal: Paypal,
        address: Address,
        said: Response,
        debug_id: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        address.answers = [said]
        with caplog.at_level(logging.DEBUG), pytest.raises((PaypalRefused, PaypalUnknown)):
            capture(paypal)
        assert debug_id in [vars(record).get("debug_id") for record in caplog.records]
        logged = " ".join(str(vars(record)) for record in caplog.records)
        assert SECRET not in logged
        assert TOKEN not in logged


class TestShortAnswers:
    """PayPal is asked for whole answers, but its default is a short one."""

    def test_capture_is_looked_up(self, paypal: Paypal, address: Address) -> None:
        address.answers = [answer(201, SHORT), answer(200, ORDER)]
        order = capture(paypal)
        assert [(one.id, one.fee_minor) for one in order.captures] == [("CAP-1", 84)]
        assert [request.method for request in address.asked] == ["POST", "GET"]

    def test_who_is_paid_is_looked_up(self, paypal: Paypal, address: Address) -> None:
        fresh = ORDER | {"status": "PAYER_ACTION_REQUIRED"}
        address.answers = [answer(201, SHORT | {"status": "CREATED"}), answer(200, fresh)]
        assert create(paypal).payee == "SHOP"

    def test_capture_that_can_not_be_looked_up_is_in_doubt(
        self, paypal: Paypal, address: Address
    ) -> None:
        address.answers = [answer(201, SHORT), answer(404, {"name": "RESOURCE_NOT_FOUND"})]
        with pytest.raises(PaypalUnknown):
            capture(paypal)


def create(paypal: Paypal) -> PaypalOrder:
    return paypal.create_order(
        request_id="create-1",
        reference="ours",
        total=Money(1000, "EUR"),
        items=[PaypalItem("Key", 1, 1000)],
        locale="ru",
        return_url="https://shop.example/back",
        cancel_url="https://shop.example/checkout",
    )


class TestCalls:
    def test_each_bears_its_id_and_asks_for_the_whole_answer(
        self, paypal: Paypal, address: Address
    ) -> None:
        address.answers = [answer(201, ORDER), answer(201, ORDER)]
        create(paypal)
        capture(paypal)
        sent = [
            (request.headers["PayPal-Request-Id"], request.headers["Prefer"])
            for request in address.asked
        ]
        whole = "return=representation"
        assert sent == [("create-1", whole), ("capture-1", whole)]

    def test_refused_token_is_renewed_once_and_the_id_stays(
        self, paypal: Paypal, address: Address
    ) -> None:
        expired = answer(401, {"error": "invalid_token"})
        address.answers = [expired, answer(201, ORDER)]
        assert capture(paypal).status == "COMPLETED"
        assert {request.headers["PayPal-Request-Id"] for request in address.asked} == {"capture-1"}
        assert len(address.asked) == 2

    def test_nothing_is_asked_inside_a_transaction(
        self, app: Flask, paypal: Paypal, address: Address
    ) -> None:
        @transactional
        def ask() -> None:
            db_now()
            paypal.get_order("ORDER-1")

        with pytest.raises(NestedNetworkError):
            ask()
        assert address.asked == []

    def test_packed_answer_is_read(self, paypal: Paypal, address: Address) -> None:
        packed = gzip.compress(json.dumps(ORDER).encode())
        address.answers = [
            answer(200, packed, "application/json;charset=UTF-8", Content_Encoding="gzip")
        ]
        assert paypal.get_order("ORDER-1").payee == "SHOP"


@pytest.mark.parametrize(
    "gone",
    [answer(404, {"name": "RESOURCE_NOT_FOUND"}), answer(200, ORDER | {"status": "VOIDED"})],
    ids=["forgotten", "voided"],
)
def test_order_that_paypal_has_dropped_is_made_anew(
    app: Flask, paypal: Paypal, address: Address, monkeypatch: pytest.MonkeyPatch, gone: Response
) -> None:
    monkeypatch.setitem(app.extensions, "paypal", paypal)
    reference = new_id()
    paying.open_payment(reference=reference, amount=Money(1000, "EUR"))
    address.answers = [answer(201, ORDER), gone, answer(201, ORDER | {"id": "ORDER-2"})]
    first, second = (start(reference) for _ in range(2))
    assert (first.paypal_order_id, second.paypal_order_id) == ("ORDER-1", "ORDER-2")
    ids = [request.headers.get("PayPal-Request-Id") for request in address.asked]
    assert ids[0] != ids[2]
    ticket = paying.begin_capture(reference=reference)
    assert ticket is not None
    assert ticket.paypal_order_id == "ORDER-2"


def start(reference: UUID) -> Approval:
    return paying.create_at_paypal(
        reference=reference,
        items=[PaypalItem("Key", 1, 1000)],
        locale="en",
        return_url="https://shop.example/back",
        cancel_url="https://shop.example/checkout",
    )
