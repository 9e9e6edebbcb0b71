"""Disputes: money held, moved on, given to one side, with PayPal's fee; and the books that say so.

Every call and webhook here is held against PayPal's description as well.
"""

import json
from typing import Any

import pytest
import requests

from tests.contracts.calls import Contract
from tests.sandbox.conftest import Api, issue, money
from tests.support.webhook_receiver import Receiver

DAY = 24 * 3600
FEE = 1470  # thirty times 0.49
PDF = ("evidence.pdf", b"%PDF-1.7 proof", "application/pdf")


def dispute(api: Api, capture: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Dispute a payment as its payer."""
    opened = api.control("POST", f"/sandbox/captures/{capture['id']}/dispute", **options)
    found: dict[str, Any] = opened.json()
    return found


def show(api: Api, dispute_id: str) -> dict[str, Any]:
    """The dispute as the merchant reads it."""
    answer = api.call("GET", f"/v1/customer/disputes/{dispute_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def provide(
    api: Api, dispute_id: str, *, file: tuple[str, bytes, str] = PDF, **changes: Any
) -> requests.Response:
    """Send evidence."""
    evidence = {"evidence_type": "PROOF_OF_FULFILLMENT", "notes": "Seen on Monday.", **changes}
    return api.session.post(
        f"{api.handle.url}/v1/customer/disputes/{dispute_id}/provide-evidence",
        files={
            "input": (None, json.dumps({"evidences": [evidence]}), "application/json"),
            "evidence-file": file,
        },
        timeout=30,
    )


def balance(api: Api) -> tuple[int, int, int]:
    """What the merchant has, what is held of it, and what PayPal took."""
    books = api.books()
    assert books["balanced"]
    return tuple(books[name].get("EUR", 0) for name in ("merchant", "held", "fees"))


def moved(api: Api, before: tuple[int, int, int]) -> tuple[int, ...]:
    """How those have changed since."""
    return tuple(now - then for now, then in zip(balance(api), before, strict=True))


def rels(shown: dict[str, Any]) -> set[str]:
    """What may be done about a dispute."""
    return {link["rel"] for link in shown["links"]}


class TestOpening:
    def test_money_is_held_and_the_shop_hears_of_it(self, api: Api, receiver: Receiver) -> None:
        capture = api.paid()
        before = balance(api)
        opened = dispute(api, capture, reason="UNAUTHORISED", note="Not me")
        assert moved(api, before) == (-1250, 1250, 0)
        shown = show(api, opened["dispute_id"])
        assert (shown["status"], shown["dispute_life_cycle_stage"]) == ("OPEN", "INQUIRY")
        assert shown["dispute_amount"] == money("12.50")
        (transaction,) = shown["disputed_transactions"]
        assert transaction["seller_transaction_id"] == capture["id"]
        assert transaction["custom"] == capture["custom_id"]
        assert rels(shown) == {"self", "accept_claim"}
        told = receiver.wait_for_types("CUSTOMER.DISPUTE.CREATED")
        resources = [webhook.event["resource"] for webhook in told]
        assert opened["dispute_id"] in [resource.get("dispute_id") for resource in resources]

    def test_only_a_part_is_held(self, api: Api) -> None:
        capture = api.paid()
        before = balance(api)
        dispute(api, capture, amount="2.50")
        dispute(api, capture)
        assert moved(api, before) == (-1250, 1250, 0)

    def test_more_than_was_paid_is_refused(self, api: Api) -> None:
        path = f"{api.handle.url}/sandbox/captures/{api.paid()['id']}/dispute"
        assert requests.post(path, json={"amount": "12.51"}, timeout=30).status_code == 409
        assert requests.post(path, json={"reason": "BORED"}, timeout=30).status_code == 400


class TestStages:
    def test_claim_costs_a_fee_and_asks_for_evidence(self, api: Api) -> None:
        before = balance(api)
        opened = dispute(api, api.paid())
        api.control("POST", f"/sandbox/disputes/{opened['dispute_id']}/escalate")
        assert moved(api, before) == (1157 - 1250 - FEE, 1250, 93 + FEE)
        shown = show(api, opened["dispute_id"])
        assert shown["dispute_life_cycle_stage"] == "CHARGEBACK"
        assert shown["status"] == "WAITING_FOR_SELLER_RESPONSE"
        assert "provide_evidence" in rels(shown)
        assert shown["seller_response_due_date"] > shown["create_time"]
        (movement,) = shown["money_movements"]
        assert (movement["type"], movement["reason"]) == ("DEBIT", "DISPUTE_FEE")

    def test_evidence_is_kept_and_taken_once(self, api: Api, contract: Contract) -> None:
        opened = dispute(api, api.paid(), stage="CHARGEBACK")["dispute_id"]
        assert provide(api, opened).status_code == 200
        shown = show(api, opened)
        assert shown["status"] == "UNDER_REVIEW"
        (evidence,) = shown["evidences"]
        assert (evidence["notes"], evidence["source"]) == ("Seen on Monday.", "SUBMITTED_BY_SELLER")
        (document,) = evidence["documents"]
        assert requests.get(document["url"], timeout=30).content == PDF[1]
        again = provide(api, opened)
        assert (again.status_code, issue(again)) == (422, "ACTION_NOT_ALLOWED")

    def test_each_stage_asks_for_evidence_anew(self, api: Api) -> None:
        opened = dispute(api, api.paid(), stage="CHARGEBACK")["dispute_id"]
        provide(api, opened)
        for stage in ("PRE_ARBITRATION", "ARBITRATION"):
            api.control("POST", f"/sandbox/disputes/{opened}/escalate")
            assert show(api, opened)["dispute_life_cycle_stage"] == stage
            assert provide(api, opened).status_code == 200

    @pytest.mark.parametrize(
        ("file", "changes"),
        [
            (("evidence.txt", b"text", "text/plain"), {}),
            (("evidence.pdf", b"no PDF", "application/pdf"), {}),
            (("evidence.pdf", b"%PDF-" + b" " * 10 * 2**20, "application/pdf"), {}),
            (PDF, {"evidence_type": "GOSSIP"}),
            (PDF, {"notes": "n" * 2001}),
        ],
    )
    def test_evidence_that_paypal_takes_not_is_refused(
        self,
        api: Api,
        contract: Contract,
        file: tuple[str, bytes, str],
        changes: dict[str, str],
    ) -> None:
        opened = dispute(api, api.paid(), stage="CHARGEBACK")["dispute_id"]
        with contract.broken_requests():
            assert provide(api, opened, file=file, **changes).status_code == 400
        assert show(api, opened)["status"] == "WAITING_FOR_SELLER_RESPONSE"


class TestOutcomes:
    @pytest.mark.parametrize(
        ("wanted", "outcome", "merchant", "fee"),
        [
            ("buyer", "RESOLVED_BUYER_FAVOUR", -1250 - FEE, FEE),
            ("seller", "RESOLVED_SELLER_FAVOUR", 0, 0),
            ("payout", "RESOLVED_WITH_PAYOUT", 0, 0),
            ("cancel", "CANCELED_BY_BUYER", 0, 0),
        ],
    )
    def test_held_money_goes_where_it_belongs(
        self,
        api: Api,
        receiver: Receiver,
        wanted: str,
        outcome: str,
        merchant: int,
        fee: int,
    ) -> None:
        capture = api.paid()
        before = balance(api)
        opened = dispute(api, capture, stage="CHARGEBACK")["dispute_id"]
        api.control("POST", f"/sandbox/disputes/{opened}/resolve", **{"for": wanted})
        assert moved(api, before) == (merchant, 0, fee)
        shown = show(api, opened)
        assert shown["status"] == "RESOLVED"
        assert shown["dispute_outcome"]["outcome_code"] == outcome
        assert rels(shown) == {"self"}
        receiver.wait_for_types("CUSTOMER.DISPUTE.RESOLVED")

    def test_part_of_it_goes_to_the_buyer(self, api: Api) -> None:
        capture = api.paid()
        before = balance(api)
        opened = dispute(api, capture)["dispute_id"]
        resolve = f"/sandbox/disputes/{opened}/resolve"
        api.control("POST", resolve, **{"for": "buyer", "amount": "5.00"})
        assert moved(api, before) == (-500, 0, 0)
        assert show(api, opened)["dispute_outcome"]["amount_refunded"] == money("5.00")
        again = requests.post(f"{api.handle.url}{resolve}", json={"for": "seller"}, timeout=30)
        assert again.status_code == 409

    def test_merchant_gives_in(self, api: Api) -> None:
        capture = api.paid()
        before = balance(api)
        opened = dispute(api, capture)["dispute_id"]
        answer = api.session.post(
            f"{api.handle.url}/v1/customer/disputes/{opened}/accept-claim",
            files={"input": (None, json.dumps({"note": "Sorry"}), "application/json")},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        assert moved(api, before) == (-1250, 0, 0)
        assert show(api, opened)["dispute_outcome"]["outcome_code"] == "ACCEPTED"

    def test_silence_loses(self, api: Api) -> None:
        opened = dispute(api, api.paid(), stage="CHARGEBACK")["dispute_id"]
        api.control("POST", "/sandbox/clock", seconds=11 * DAY)
        api.log_in()
        assert show(api, opened)["dispute_outcome"]["outcome_code"] == "RESOLVED_BUYER_FAVOUR"


class TestRefunds:
    def test_what_is_disputed_is_not_refunded(self, api: Api) -> None:
        capture = api.paid()
        opened = dispute(api, capture, amount="2.50")["dispute_id"]
        path = f"/v2/payments/captures/{capture['id']}/refund"
        assert issue(api.call("POST", path, {})) == "TRANSACTION_DISPUTED"
        api.control("POST", f"/sandbox/disputes/{opened}/resolve", **{"for": "buyer"})
        before = balance(api)
        rest = api.call("POST", path, {}, Prefer="return=representation").json()
        assert rest["amount"] == money("10.00")
        assert moved(api, before) == (-1000, 0, 0)

    def test_what_was_refunded_is_not_disputed(self, api: Api) -> None:
        capture = api.paid()
        path = f"/v2/payments/captures/{capture['id']}/refund"
        api.call("POST", path, {"amount": money("5.00")})
        assert dispute(api, capture)["dispute_amount"] == money("7.50")


class TestReversals:
    def test_money_goes_back_without_being_asked_for(self, api: Api, receiver: Receiver) -> None:
        capture = api.paid()
        before = balance(api)
        path = f"/sandbox/captures/{capture['id']}/reverse"
        part = api.control("POST", path, amount="2.50").json()
        assert moved(api, before) == (-250, 0, 0)
        shown = api.call("GET", f"/v2/payments/refunds/{part['id']}").json()
        assert (shown["amount"], shown["status"]) == (money("2.50"), "COMPLETED")
        assert {link["rel"] for link in shown["links"]} == {"self", "up"}
        receiver.wait_for_types("PAYMENT.CAPTURE.REVERSED")
        api.control("POST", path)
        assert moved(api, before) == (-1250, 0, 0)
        again = requests.post(f"{api.handle.url}{path}", json={}, timeout=30)
        assert again.status_code == 409


class TestListing:
    def test_pages_and_filters(self, api: Api) -> None:
        capture = api.paid()
        ids = [dispute(api, capture, amount="1.00")["dispute_id"] for _ in range(3)]
        api.control("POST", f"/sandbox/disputes/{ids[0]}/resolve", **{"for": "seller"})
        path = "/v1/customer/disputes"
        first = api.call("GET", f"{path}?page_size=2").json()
        assert [item["dispute_id"] for item in first["items"]] == [ids[2], ids[1]]
        following = {link["rel"]: link["href"] for link in first["links"]}["next"]
        second = api.call("GET", following.removeprefix(api.handle.url)).json()
        assert second["items"][0]["dispute_id"] == ids[0]
        of_this = api.call("GET", f"{path}?disputed_transaction_id={capture['id']}").json()
        assert len(of_this["items"]) == 3
        resolved = api.call("GET", f"{path}?dispute_state=RESOLVED&page_size=1").json()
        assert resolved["items"][0]["dispute_id"] == ids[0]

    @pytest.mark.parametrize(
        "query",
        ["page_size=51", "dispute_state=LOST", "update_time_after=noon", "next_page_token=!"],
    )
    def test_bad_filters_are_refused(self, api: Api, contract: Contract, query: str) -> None:
        with contract.broken_requests():
            assert api.call("GET", f"/v1/customer/disputes?{query}").status_code == 400

    def test_unknown_dispute_is_not_found(self, api: Api) -> None:
        assert api.call("GET", "/v1/customer/disputes/PP-R-XXX-1").status_code == 404
