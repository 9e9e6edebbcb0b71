"""One PayPal-Request-Id, one effect: for six hours."""

import threading
from collections.abc import Callable

import requests

from tests.sandbox.conftest import Api, issue, only_capture, order
from tests.support.sandbox import SandboxHandle

SIX_HOURS = 6 * 3600


class TestCreate:
    def test_same_id_and_body_is_the_same_order(self, api: Api) -> None:
        body = order()
        first = api.create(body, PayPal_Request_Id="same-1")
        second = api.create(body, PayPal_Request_Id="same-1")
        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json() == first.json()

    def test_no_id_makes_a_second_order(self, api: Api) -> None:
        body = order()
        assert api.create(body).json()["id"] != api.create(body).json()["id"]

    def test_same_id_for_something_else_is_refused(self, api: Api) -> None:
        api.create(order("1.00"), PayPal_Request_Id="other-1")
        answer = api.create(order("2.00"), PayPal_Request_Id="other-1")
        assert (answer.status_code, issue(answer)) == (422, "INCOMPATIBLE_PARAMETER_VALUE")

    def test_id_is_forgotten_after_six_hours(self, api: Api) -> None:
        body = order()
        first = api.create(body, PayPal_Request_Id="old-1").json()
        api.control("POST", "/sandbox/clock", seconds=SIX_HOURS - 60)
        assert api.create(body, PayPal_Request_Id="old-1").json()["id"] == first["id"]
        api.control("POST", "/sandbox/clock", seconds=120)
        later = api.create(body, PayPal_Request_Id="old-1")
        assert later.status_code == 201
        assert later.json()["id"] != first["id"]

    def test_mistaken_request_uses_no_id_up(self, api: Api, contract) -> None:
        with contract.broken_requests():
            assert api.create({}, PayPal_Request_Id="again-1").status_code == 400
        assert api.create(PayPal_Request_Id="again-1").status_code == 201

    def test_id_is_at_most_108_characters_long(self, api: Api) -> None:
        assert api.create(PayPal_Request_Id="x" * 108).status_code == 201
        assert api.create(PayPal_Request_Id="x" * 109).status_code == 400


class TestCapture:
    def test_same_id_is_the_same_capture(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id)
        first = api.capture(order_id, PayPal_Request_Id="capture-1")
        second = api.capture(order_id, PayPal_Request_Id="capture-1")
        assert (first.status_code, second.status_code) == (201, 200)
        assert only_capture(second.json())["id"] == only_capture(first.json())["id"]

    def test_refusal_is_given_again_to_the_same_id(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id, "empty")
        assert issue(api.capture(order_id, PayPal_Request_Id="try-1")) == "INSTRUMENT_DECLINED"
        api.approve(order_id, "balance")
        assert issue(api.capture(order_id, PayPal_Request_Id="try-1")) == "INSTRUMENT_DECLINED"
        assert api.show(order_id)["status"] == "APPROVED"
        assert api.capture(order_id, PayPal_Request_Id="try-2").status_code == 201

    def test_capturing_too_early_uses_no_id_up(self, api: Api) -> None:
        order_id = api.new_order()
        assert issue(api.capture(order_id, PayPal_Request_Id="early-1")) == "ORDER_NOT_APPROVED"
        api.approve(order_id)
        assert api.capture(order_id, PayPal_Request_Id="early-1").status_code == 201

    def test_same_id_for_another_order_is_refused(self, api: Api) -> None:
        orders = [api.new_order(), api.new_order()]
        for order_id in orders:
            api.approve(order_id)
        assert api.capture(orders[0], PayPal_Request_Id="swap-1").status_code == 201
        assert api.capture(orders[1], PayPal_Request_Id="swap-1").status_code == 422
        assert api.show(orders[1])["status"] == "APPROVED"

    def test_after_six_hours_the_order_is_still_captured_once(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id)
        api.capture(order_id, PayPal_Request_Id="late-1")
        api.control("POST", "/sandbox/clock", seconds=SIX_HOURS + 1)
        api.log_in()
        late = api.capture(order_id, PayPal_Request_Id="late-1")
        assert issue(late) == "ORDER_ALREADY_CAPTURED"

    def test_same_id_at_the_same_time_is_a_conflict(self, api: Api) -> None:
        order_id = api.new_order()
        api.approve(order_id)
        api.fault("slow", operation="capture", seconds=2)
        answers: list[requests.Response] = []

        def capture() -> None:
            answers.append(api.capture(order_id, PayPal_Request_Id="twice-1"))

        threads = [threading.Thread(target=capture) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        quick, slow = answers
        assert (quick.status_code, issue(quick)) == (409, "PREVIOUS_REQUEST_IN_PROGRESS")
        assert slow.status_code == 201
        assert api.capture(order_id, PayPal_Request_Id="twice-1").status_code == 200


def test_everything_outlives_the_process(start: Callable[..., SandboxHandle]) -> None:
    first = Api(start())
    order_id = first.new_order()
    first.approve(order_id)
    done = first.capture(order_id, PayPal_Request_Id="outlives")
    first.control("POST", "/sandbox/clock", seconds=1000)
    books = first.books()
    now = first.control("GET", "/sandbox/clock").json()["now"]
    certificate = first.handle.ca_file.read_bytes()
    first.handle.kill()
    first.session.close()

    second = Api(start())
    again = second.capture(order_id, PayPal_Request_Id="outlives")
    assert again.status_code == 200
    assert only_capture(again.json()) | {"links": []} == only_capture(done.json()) | {"links": []}
    assert second.books() == books
    assert second.control("GET", "/sandbox/clock").json()["now"] >= now
    assert second.handle.ca_file.read_bytes() == certificate
    second.session.close()
