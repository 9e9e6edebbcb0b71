"""Transaction Search v1: what moved on the merchant's account, for whoever compares books.

https://developer.paypal.com/docs/api/transaction-search/v1/
"""

import math
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from app.sandbox import transactions
from app.sandbox.api import json_answer, require_token
from app.sandbox.clock import from_iso, iso
from app.sandbox.errors import PaypalError
from app.sandbox.state import sandbox

PATH = "/v1/reporting/transactions"
PAGE_SIZE, MAX_PAGE_SIZE, MAX_PAGE = 100, 500, 2147483647
MAX_SECONDS = 31 * 24 * 3600
# More than this PayPal does not go through, page by page; the time asked for has to be shorter.
MAX_FOUND = 10_000
YEARS_SECONDS = 3 * 366 * 24 * 3600
MIN_ID, MAX_ID = 17, 19
YES, NO = "Y", "N"

blueprint = Blueprint("reporting", __name__)


@blueprint.get(PATH)
def search() -> Response:
    """The transactions of up to 31 days, oldest first, a page at a time."""
    box = sandbox()
    require_token(box)
    now = box.clock.now()
    asked = _read_search(now)
    size = _number("page_size", PAGE_SIZE, MAX_PAGE_SIZE)
    number = _number("page", 1, MAX_PAGE)
    with box.storage.transaction() as db:
        found = transactions.count(db, asked)
        if found > MAX_FOUND:
            raise _refused("RESULTSET_TOO_LARGE", "end_date")
        shown = transactions.page(db, asked, size=size, offset=(number - 1) * size)
    pages = math.ceil(found / size)
    body: dict[str, Any] = {
        "account_number": box.config.merchant_id,
        "start_date": iso(asked.start),
        "end_date": iso(min(asked.end, now)),
        "last_refreshed_datetime": iso(now),
        "page": number,
        "total_items": found,
        "total_pages": pages,
        "links": _links(number, pages),
    }
    if shown:  # the list has at least one, where there is one
        body["transaction_details"] = shown
    return json_answer(200, body)


def _read_search(now: float) -> transactions.Search:
    start, end = _time("start_date"), _time("end_date")
    if end < start or start < now - YEARS_SECONDS:
        raise _refused("INVALID_PARAMETER_VALUE", "start_date")
    if end - start > MAX_SECONDS:
        raise _refused("Date range is greater than 31 days", "end_date")
    transaction_id = request.args.get("transaction_id")
    if transaction_id is not None and not MIN_ID <= len(transaction_id) <= MAX_ID:
        raise _refused("INVALID_STRING_LENGTH", "transaction_id")
    balance_only = request.args.get("balance_affecting_records_only", YES)
    if balance_only not in {YES, NO}:
        raise _refused("INVALID_PARAMETER_VALUE", "balance_affecting_records_only")
    return transactions.Search(
        start,
        end,
        transaction_id=transaction_id,
        code=request.args.get("transaction_type"),
        status=request.args.get("transaction_status"),
        currency=request.args.get("transaction_currency"),
        balance_only=balance_only == YES,
    )


def _time(name: str) -> float:
    if name not in request.args:
        raise _refused("MISSING_REQUIRED_PARAMETER", name)
    try:
        return from_iso(request.args[name])
    except ValueError:
        raise _refused("INVALID_PARAMETER_SYNTAX", name) from None


def _number(name: str, default: int, most: int) -> int:
    text = request.args.get(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= most:
        raise _refused("INVALID_PARAMETER_VALUE", name)
    return number


def _refused(issue: str, field: str) -> PaypalError:
    """400, of a parameter of the address."""
    return PaypalError(400, [{"field": field, "location": "query", "issue": issue}])


def _links(number: int, pages: int) -> list[dict[str, str]]:
    wanted = {"self": number, "first": 1, "last": pages}
    if number > 1:
        wanted["prev"] = number - 1
    if number < pages:
        wanted["next"] = number + 1
    return [
        {"href": _address(page=str(at)), "rel": rel, "method": "GET"} for rel, at in wanted.items()
    ]


def _address(**changes: str) -> str:
    """This call's address with other parameters."""
    from_here = request.args.to_dict() | changes
    query = urlencode(from_here)
    return f"{sandbox().config.public_url}{PATH}?{query}"
