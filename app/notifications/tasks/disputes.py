"""Who is told what of a dispute: its buyer, the sellers whose sales it is about, and staff."""

from collections.abc import Iterator
from itertools import chain
from uuid import UUID

from app.notifications.models import NotificationKind
from app.notifications.service.notifying import notify
from app.notifications.tasks.staff import staff_ids
from app.orders.events import DisputeEnded, DisputeMoved, OrderDisputed
from app.orders.queries.disputes import DisputeWhole, dispute_of
from app.payments.models.disputes import DisputeState

BUYER, SELLER, STAFF = "buyer", "seller", "staff"


def tell_of_dispute(event: OrderDisputed) -> None:
    """Tell all of them that a dispute was opened, unless it is over: then its end is told.

    Staff hear of a deadline where PayPal waits for evidence.
    """
    dispute = dispute_of(event.dispute_id)
    if dispute.is_open:
        _tell(dispute, "opened", chain(_buyer(dispute), _sellers(dispute)))
        _tell(dispute, "opened" if dispute.awaits_evidence else "inquired", _staff(dispute))


def tell_of_move(event: DisputeMoved) -> None:
    """Tell sellers and staff that a dispute is at another stage, or waits for somebody else."""
    dispute = dispute_of(event.dispute_id)
    if dispute.is_open:
        _tell(dispute, "moved", chain(_sellers(dispute), _staff(dispute)))


def tell_of_end(event: DisputeEnded) -> None:
    """Tell all of them what PayPal has decided."""
    dispute = dispute_of(event.dispute_id)
    if dispute.state is DisputeState.LOST:
        told = chain(
            [(dispute.buyer_id, BUYER, dispute.lost_minor)],
            (
                (seller_id, SELLER, _share(dispute, seller_id, lost=True))
                for seller_id in sorted(dispute.sellers)
            ),
            ((user_id, STAFF, dispute.lost_minor) for user_id, _side, _minor in _staff(dispute)),
        )
        _tell(dispute, "lost", told)
    else:
        _tell(dispute, "won", chain(_buyer(dispute), _sellers(dispute), _staff(dispute)))


Told = tuple[UUID, str, int]  # to whom, as what, and the amount that it is about


def _buyer(dispute: DisputeWhole) -> Iterator[Told]:
    yield dispute.buyer_id, BUYER, dispute.amount_minor


def _sellers(dispute: DisputeWhole) -> Iterator[Told]:
    # In one order everywhere, so that two disputes never wait for each other.
    for seller_id in sorted(dispute.sellers):
        yield seller_id, SELLER, _share(dispute, seller_id, lost=False)


def _share(dispute: DisputeWhole, seller_id: UUID, *, lost: bool) -> int:
    theirs = [line for line in dispute.lines if line.seller_id == seller_id]
    return sum(line.lost_share_minor if lost else line.share_minor for line in theirs)


def _staff(dispute: DisputeWhole) -> Iterator[Told]:
    for user_id in sorted(staff_ids() - dispute.sellers - {dispute.buyer_id}):
        yield user_id, STAFF, dispute.held_minor


def _tell(dispute: DisputeWhole, act: str, told: Iterator[Told]) -> None:
    key = f"{act}:{dispute.id}"
    if act == "moved":
        key += f":{dispute.stage}:{dispute.paypal_status}"
    for user_id, side, minor in told:
        notify(
            user_id=user_id,
            kind=NotificationKind.DISPUTE,
            key=key,
            params={
                "act": act,
                "side": side,
                "order_id": str(dispute.order_id),
                "dispute_id": str(dispute.id),
                "number": dispute.number,
                "minor": minor,
                "currency": dispute.currency,
            },
        )
