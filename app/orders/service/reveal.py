"""The reveal: the only place where bought goods are opened, each time for the record."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.kit import ratelimit
from app.kit.db import session, transactional
from app.orders.errors import Disputed, NoSuchOrder, NoSuchPiece, PieceRefunded
from app.orders.models import Delivery, DeliveryAct, Order
from app.orders.queries.refunds import refunded_positions
from app.orders.service import evidence
from app.orders.service.locking import locked_with_lines
from app.payments.service import releasing
from app.products.service import stock

REVEAL_LIMIT = "30/minute"
AGENT_LENGTH = 300  # of what browsers say of themselves


@dataclass(frozen=True)
class Viewer:
    """Who asks to see, and from where, for the record."""

    user_id: UUID
    address: str | None
    agent: str


def reveal(*, viewer: Viewer, order_id: UUID, delivery_id: UUID) -> str:
    """The clear text of one bought piece; each call is recorded.

    Raises NoSuchOrder for a stranger's order, NoSuchPiece, PieceRefunded, Disputed, TooMany, and
    StockUnreadable, which leaves no record since nothing was seen.
    """
    _spend(viewer)
    return _open(viewer, order_id, DeliveryAct.REVEALED, delivery_id)[delivery_id]


def reveal_all(*, viewer: Viewer, order_id: UUID) -> dict[UUID, str]:
    """The clear text of every piece that is not refunded, or locked; errors as `reveal`."""
    _spend(viewer)
    return _open(viewer, order_id, DeliveryAct.REVEALED)


def download(*, viewer: Viewer, order_id: UUID) -> dict[UUID, str]:
    """Like `reveal_all`, recorded as a download."""
    _spend(viewer)
    return _open(viewer, order_id, DeliveryAct.DOWNLOADED)


def _spend(viewer: Viewer) -> None:
    ratelimit.spend(REVEAL_LIMIT, "reveal", str(viewer.user_id))


@transactional
def _open(
    viewer: Viewer, order_id: UUID, act: DeliveryAct, delivery_id: UUID | None = None
) -> dict[UUID, str]:
    order = locked_with_lines(order_id)
    if order is None or order.buyer_id != viewer.user_id:
        raise NoSuchOrder
    deliveries = _deliveries(order_id, delivery_id)
    if not deliveries:
        raise NoSuchPiece
    if any(line.pieces_back for line in order.lines):
        back = refunded_positions(order_id)
        deliveries = [one for one in deliveries if (one.line_id, one.position) not in back]
    if not deliveries:
        raise PieceRefunded
    # A line that is disputed: what the buyer has seen stays seen, the rest waits for PayPal.
    locked = {line.id for line in order.lines if line.is_disputed}
    deliveries = [one for one in deliveries if one.revealed_at or one.line_id not in locked]
    if not deliveries:
        raise Disputed
    days = {line.id: line.refund_days for line in order.lines}
    new = [one for one in deliveries if one.revealed_at is None and days[one.line_id]]
    opened = _clear_texts(deliveries)
    now = evidence.append(
        order=order,
        delivery_ids=[delivery.id for delivery in deliveries],
        act=act,
        actor_id=viewer.user_id,
        address=viewer.address,
        agent=viewer.agent.replace("\x00", "")[:AGENT_LENGTH],
    )
    for delivery in deliveries:
        delivery.revealed_at = delivery.revealed_at or now
    if new:
        _release_opened(order, {delivery.line_id for delivery in new})
    return opened


def _release_opened(order: Order, line_ids: set[UUID]) -> None:
    """Have the earnings wait for the hold alone where nothing is left to return."""
    rows = session().execute(
        select(Delivery.line_id, Delivery.position).where(
            Delivery.order_id == order.id,
            Delivery.line_id.in_(line_ids),
            Delivery.revealed_at.is_(None),
        )
    )
    is_back = any(line.pieces_back for line in order.lines)
    back = refunded_positions(order.id) if is_back else set()
    unopened = {(row.line_id, row.position) for row in rows} - back
    left = {line_id for line_id, _position in unopened}
    if line_ids - left:
        releasing.open_up(line_ids=line_ids - left)


def _deliveries(order_id: UUID, delivery_id: UUID | None) -> Sequence[Delivery]:
    query = select(Delivery).where(Delivery.order_id == order_id)
    if delivery_id is not None:
        query = query.where(Delivery.id == delivery_id)
    return (
        session()
        .scalars(
            query.order_by(Delivery.line_id, Delivery.position).execution_options(
                populate_existing=True
            )
        )
        .all()
    )


def _clear_texts(deliveries: Sequence[Delivery]) -> dict[UUID, str]:
    """What each delivery holds; a shared content is opened once however often it was bought."""
    texts = stock.open_units(
        unit_ids={delivery.unit_id for delivery in deliveries if delivery.unit_id is not None}
    ) | stock.open_contents(
        content_ids={
            delivery.content_id for delivery in deliveries if delivery.content_id is not None
        }
    )
    return {delivery.id: texts[_held(delivery)] for delivery in deliveries}


def _held(delivery: Delivery) -> UUID:
    """The unit or the content: the database sees to it that a delivery has one of them."""
    held = delivery.unit_id or delivery.content_id
    assert held is not None
    return held
