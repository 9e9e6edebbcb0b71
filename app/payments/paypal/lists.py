"""What PayPal lists of the past: webhook events, and what moved on the shop's account.

https://developer.paypal.com/docs/api/webhooks/v1/#webhooks-events_list
https://developer.paypal.com/docs/api/transaction-search/v1/
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

from app.kit.money import Money
from app.payments.gateway import PaypalLine
from app.payments.paypal.calls import Call

log = logging.getLogger(__name__)
T = TypeVar("T")
EVENTS = "/v1/notifications/webhooks-events"
EVENTS_PAGE = 100
TRANSACTIONS = "/v1/reporting/transactions"
LINES_PAGE = 500


class Ask(Protocol):
    """Sends a call and reads the answer; raises PaypalUnknown, PaypalRefused."""

    def __call__(self, request: object, read: Callable[[dict[str, Any]], T]) -> T:
        """What the answer says."""


class Lists:
    """PayPal's lists. Each raises PaypalUnknown or PaypalRefused."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def events(self, start: datetime, end: datetime) -> Iterator[list[Any]]:
        """The webhook events of these times as PayPal keeps them, page by page, newest first."""
        asked = {"start_time": _moment(start), "end_time": _moment(end), "page_size": EVENTS_PAGE}
        path: str | None = f"{EVENTS}?{urlencode(asked)}"
        while path is not None:
            events, path = self._ask(Call("GET", path), _read_events)
            yield events

    def transactions(
        self, start: datetime, end: datetime, *, transaction_id: str | None = None
    ) -> Iterator[list[PaypalLine]]:
        """What moved the balance in these times, at most 31 days, page by page, oldest first."""
        asked = {"start_date": _moment(start), "end_date": _moment(end), "page_size": LINES_PAGE}
        if transaction_id is not None:
            asked["transaction_id"] = transaction_id
        number, pages = 1, 1
        while number <= pages:
            path = f"{TRANSACTIONS}?{urlencode(asked | {'page': number})}"
            lines, pages = self._ask(Call("GET", path), _read_lines)
            yield lines
            number += 1


def _read_events(body: dict[str, Any]) -> tuple[list[Any], str | None]:
    """A page of events, and where the next is: of the address only what follows the host."""
    events = list(body.get("events") or [])
    links = {link["rel"]: link["href"] for link in body.get("links") or []}
    if not events or "next" not in links:
        return events, None
    parts = urlsplit(str(links["next"]))
    if parts.path.rstrip("/") != EVENTS:
        raise ValueError("the next page is somewhere else")
    return events, f"{EVENTS}?{parts.query}"


def _read_lines(body: dict[str, Any]) -> tuple[list[PaypalLine], int]:
    """A page of lines, and how many pages there are."""
    found = (_read_line(one["transaction_info"]) for one in body.get("transaction_details") or [])
    lines = [line for line in found if line is not None]
    return lines, int(body.get("total_pages") or 0)


def _read_line(info: dict[str, Any]) -> PaypalLine | None:
    """A line; None for one that can't be compared, such as of a currency that nobody can pay in."""
    try:
        return PaypalLine(
            transaction_id=str(info["transaction_id"]),
            code=str(info["transaction_event_code"]),
            amount=_read_money(info["transaction_amount"]),
            fee_minor=_read_money(info["fee_amount"]).minor if info.get("fee_amount") else 0,
            initiated_at=datetime.fromisoformat(info["transaction_initiation_date"]),
            reference_id=info.get("paypal_reference_id"),
            custom=info.get("custom_field"),
        )
    except (KeyError, ValueError):
        log.exception("a line of PayPal's list can't be read", extra={"line": info})
        return None


def _read_money(body: dict[str, Any]) -> Money:
    return Money.parse(body["value"], body["currency_code"])


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
