"""What sellers were paid and owe, and how disputes ended, by the shop and by PayPal's books."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.kit.db import session
from app.payments.service.payouts.following import LEFT, STATES

PAYOUTS = "SELECT id, seller_id, state, amount_minor FROM payout"
# What sellers keep of their sales: what they sold, without the commission and what went back.
KEPT = """SELECT l.seller_id, sum(l.quantity * l.unit_price_minor - l.commission_minor
        - l.given_back_minor + l.commission_back_minor) AS minor
    FROM order_line l JOIN orders o ON o.id = l.order_id
    WHERE o.state IN ('paid', 'delivered', 'refunded') GROUP BY l.seller_id"""
OWED = """SELECT a.owner_id, -sum(b.balance_minor) AS minor FROM account_balance b
    JOIN ledger_account a ON a.id = b.account_id WHERE a.owner_id IS NOT NULL GROUP BY a.owner_id"""
DISPUTES = "SELECT paypal_id, state FROM dispute WHERE source = 'dispute'"
NEVER_SENT = frozenset({"unsent", "failed"})
ENDS = {
    "RESOLVED_BUYER_FAVOUR": "lost",
    "ACCEPTED": "lost",
    "RESOLVED_SELLER_FAVOUR": "won",
    "RESOLVED_WITH_PAYOUT": "won",
    "CANCELED_BY_BUYER": "won",
}


class Payees:
    """Sellers and their payouts, as the shop has them beside what PayPal knows."""

    def __init__(self, items: Sequence[dict[str, Any]], sellers: Sequence[UUID]) -> None:
        self._items, self._sellers = items, sellers
        self._payouts = {str(row.id): row for row in session().execute(text(PAYOUTS))}
        self._kept = {row.seller_id: int(row.minor) for row in session().execute(text(KEPT))}
        self._owed = {row.owner_id: int(row.minor) for row in session().execute(text(OWED))}

    def booked_otherwise(self) -> Iterator[str]:
        """Payouts that PayPal knows otherwise, or twice, or that the shop knows nothing of."""
        times = Counter(item["sender_item_id"] for item in self._items)
        for item in self._items:
            payout = self._payouts.get(item["sender_item_id"])
            if payout is None or times[item["sender_item_id"]] > 1:
                yield f"{item['sender_item_id']}: {times[item['sender_item_id']]} times there"
                continue
            ours = (payout.state, payout.amount_minor)
            theirs = (STATES[item["status"]].value, item["amount_minor"])
            if ours != theirs:
                yield f"{payout.id}: {ours} here, {theirs} there"
        for number, payout in self._payouts.items():
            if number not in times and payout.state not in NEVER_SENT:
                yield f"{number}: {payout.state}, which PayPal knows nothing of"

    def owed_otherwise(self) -> Iterator[str]:
        """Sellers who were paid and are owed together other than what they have earned."""
        paid: Counter[UUID] = Counter()
        for item in self._items:
            payout = self._payouts.get(item["sender_item_id"])
            if payout is not None and STATES[item["status"]] in LEFT:
                paid[payout.seller_id] += item["amount_minor"]
        for seller_id in self._sellers:
            kept, owed = self._kept.get(seller_id, 0), self._owed.get(seller_id, 0)
            if kept != paid[seller_id] + owed:
                yield f"{seller_id}: earned {kept}, was paid {paid[seller_id]}, is owed {owed}"


def disputes_ended_otherwise(disputes: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Disputes that PayPal decided otherwise than the shop knows, if it knows them."""
    states = {row.paypal_id: row.state for row in session().execute(text(DISPUTES))}
    for dispute in disputes:
        state = states.get(dispute["id"])
        if state != ENDS[dispute["outcome"]]:
            yield f"{dispute['id']}: {state} here, {dispute['outcome']} there"
