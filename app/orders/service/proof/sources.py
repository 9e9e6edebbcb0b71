"""What this room itself knows of an order: the listing as bought, and the record of its pieces."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.kit.db import end_read, session
from app.kit.money import Money
from app.orders.models import Delivery, DeliveryAct, DeliveryRecord, Order, OrderLine
from app.orders.service import evidence
from app.orders.service.proof.gathering import Scope, Section

ACTS = {
    DeliveryAct.ASSIGNED: "delivered to the buyer's account",
    DeliveryAct.REVEALED: "opened by the buyer",
    DeliveryAct.DOWNLOADED: "downloaded by the buyer",
    DeliveryAct.REFUNDED: "refunded",
    DeliveryAct.RESTORED: "the buyer's again",
}


def moment(at: datetime | None) -> str:
    """A moment as the evidence tells it, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "not yet"


def listing(scope: Scope) -> list[Section]:
    """What was bought: the listing with its terms, as it stood when the order was placed."""
    order = _order(scope.order_id)
    if order is None:
        return []
    rows = [
        ("Order", order.number),
        ("Ordered", moment(order.created_at)),
        ("Paid", moment(order.paid_at)),
        ("Delivered", moment(order.delivered_at)),
        ("Total", _money(order.total_minor, order.currency)),
    ]
    if scope.seller_id is None and order.address:
        rows.append(("Ordered from the address", str(order.address)))
    sections = [Section("Order", tuple(rows))]
    sections += [
        _line(line, order.currency)
        for line in order.lines
        if scope.seller_id in {None, line.seller_id}
    ]
    end_read()
    return sections


def _line(line: OrderLine, currency: str) -> Section:
    returns = (
        f"unopened items can be returned for {line.refund_days} days after delivery"
        if line.refund_days
        else "no returns"
    )
    return Section(
        f"Listing as bought: {line.title}",
        (
            ("Seller", line.seller_name),
            ("Kind", f"digital goods ({line.kind}), delivered in the shop's own pages"),
            ("Pieces", str(line.quantity)),
            ("Price of each", _money(line.unit_price_minor, currency)),
            ("Refund terms", returns),
            ("Description", line.description),
        ),
    )


def record(scope: Scope) -> list[Section]:
    """When each piece was delivered and opened, from where: the hash-chained record."""
    rows = (
        session()
        .execute(
            select(DeliveryRecord, Delivery.line_id, Delivery.position)
            .join(Delivery, Delivery.id == DeliveryRecord.delivery_id)
            .where(DeliveryRecord.order_id == scope.order_id)
            .order_by(DeliveryRecord.sequence)
        )
        .all()
    )
    order = _order(scope.order_id)
    titles = {line.id: (line.title, line.seller_id) for line in order.lines} if order else {}
    whole = scope.seller_id is None
    told = [
        (
            f"{one.sequence}. {moment(one.at)}",
            f"{titles[line_id][0]}, item {at + 1}: {_act(one, whole=whole)}",
        )
        for one, line_id, at in rows
        if whole or titles[line_id][1] == scope.seller_id
    ]
    if whole and order is not None and order.evidence_hash is not None:
        is_whole = evidence.is_whole(scope.order_id)
        told.append(("SHA-256 of the whole record", order.evidence_hash.hex()))
        told.append(("Each row holds the hash of the one before", "yes" if is_whole else "BROKEN"))
    end_read()
    return [Section("Record of delivery and opening", tuple(told))] if told else []


def _act(record: DeliveryRecord, *, whole: bool) -> str:
    text = ACTS[record.act]
    if whole and record.address:
        text += f", from the address {record.address}"
    if whole and record.agent:
        text += f", with {record.agent}"
    return text


def _order(order_id: UUID) -> Order | None:
    return (
        session()
        .scalars(
            select(Order)
            .where(Order.id == order_id)
            .options(joinedload(Order.lines).undefer(OrderLine.description))
            .execution_options(populate_existing=True)
        )
        .unique()
        .one_or_none()
    )


def _money(minor: int, currency: str) -> str:
    return f"{Money(minor, currency).to_decimal_string()} {currency}"
