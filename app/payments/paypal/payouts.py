"""Payouts v1, for which PayPal's SDK has no classes.

https://developer.paypal.com/docs/api/payments.payouts-batch/v1/
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from app.kit.money import Money
from app.payments.gateway import PaypalPayout, PaypalPayoutBatch, PaypalPayoutItem
from app.payments.paypal.calls import Call

T = TypeVar("T")
BATCHES = "/v1/payments/payouts"
ITEMS = "/v1/payments/payouts-item"
MAX_PAGE = 1000  # items of a batch that are told at once


class Ask(Protocol):
    """Sends a call and reads the answer; raises PaypalUnknown, PaypalRefused."""

    def __call__(self, request: object, read: Callable[[dict[str, Any]], T]) -> T:
        """What the answer says."""


class Payouts:
    """The calls about payouts. Each raises PaypalUnknown or PaypalRefused."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def send(self, number: str, payouts: Sequence[PaypalPayout], *, subject: str) -> str:
        """Ask for a batch; PayPal's id of it.

        PayPal takes a `number` once in 30 days. A second time it refuses, with a link to the batch.
        It is asked once: each answer of its own is what the shop counts on.
        """
        body = {
            "sender_batch_header": {"sender_batch_id": number, "email_subject": subject},
            "items": [
                {
                    "recipient_type": "EMAIL",
                    "receiver": one.receiver,
                    "amount": {
                        "currency": one.amount.currency,
                        "value": one.amount.to_decimal_string(),
                    },
                    "sender_item_id": one.number,
                }
                for one in payouts
            ],
        }
        return self._ask(Call("POST", BATCHES, body, once=True), _read_batch).id

    def batch(self, batch_id: str, *, page: int = 1) -> PaypalPayoutBatch:
        """A batch as it stands, with a page of its items."""
        query = f"page={page}&page_size={MAX_PAGE}&total_required=true"
        return self._ask(Call("GET", f"{BATCHES}/{quote(batch_id, safe='')}?{query}"), _read_batch)

    def item(self, item_id: str) -> PaypalPayoutItem:
        """An item as it stands."""
        return self._ask(Call("GET", f"{ITEMS}/{quote(item_id, safe='')}"), _read_item)

    def cancel(self, item_id: str) -> PaypalPayoutItem:
        """Take back an item that nobody has claimed."""
        path = f"{ITEMS}/{quote(item_id, safe='')}/cancel"
        return self._ask(Call("POST", path), _read_item)


def linked_batch(links: Iterable[str]) -> str | None:
    """The id of the first batch that one of the links leads to; None if they lead to none."""
    for link in links:
        before, _slash, batch_id = urlsplit(link).path.rstrip("/").rpartition("/")
        if before == BATCHES and batch_id:
            return batch_id  # whatever host it names
    return None


def _read_money(body: dict[str, Any]) -> Money:
    return Money.parse(body["value"], body["currency"])


def _read_batch(body: dict[str, Any]) -> PaypalPayoutBatch:
    header = body["batch_header"]
    return PaypalPayoutBatch(
        id=str(header["payout_batch_id"]),
        status=str(header["batch_status"]),
        number=str((header.get("sender_batch_header") or {}).get("sender_batch_id") or ""),
        items=tuple(_read_item(item) for item in body.get("items") or []),
        pages=int(body.get("total_pages") or 1),
    )


def _read_item(body: dict[str, Any]) -> PaypalPayoutItem:
    wanted, fee = body["payout_item"], body.get("payout_item_fee")
    return PaypalPayoutItem(
        id=str(body["payout_item_id"]),
        batch_id=str(body["payout_batch_id"]),
        number=str(wanted.get("sender_item_id") or ""),
        status=str(body.get("transaction_status") or "PENDING"),
        amount=_read_money(wanted["amount"]),
        fee=_read_money(fee) if fee else None,
        issue=(body.get("errors") or {}).get("name"),
    )
