"""What is told to whom when something was announced. See the package on how to add a kind."""

from itertools import groupby
from uuid import UUID

from app.auth import queries as people
from app.auth.events import AccountClosed, AccountReopened
from app.chats.events import ConversationRead, ConversationUnread
from app.notifications.models import NotificationKind
from app.notifications.service import reading
from app.notifications.service.notifying import notify
from app.notifications.tasks.staff import staff_ids
from app.orders.events import (
    ClaimMoved,
    ClaimOpened,
    ClaimReopened,
    OrderApprovalReversed,
    OrderDelivered,
    OrderFailed,
    OrderPaid,
    OrderPending,
    OrderRefunded,
    RefundFailed,
)
from app.orders.models.claims import ClaimState
from app.orders.queries import purchases
from app.orders.queries.claims import ClaimOf, claim_with
from app.orders.queries.refunds import refund_to_tell
from app.orders.queries.sales import SoldLine, sold_lines
from app.payments.events import PayoutChanged
from app.payments.models.payouts import PayoutState
from app.payments.queries import payouts
from app.products.events import ProductRemoved, ProductRestored, StockLow
from app.products.queries import cards
from app.reviews.events import ReviewAnswered, ReviewHidden, ReviewWanted, ReviewWritten
from app.reviews.queries.reviews import public_review, unreviewed
from app.webhooks.events import WebhookSwitchedOff
from app.webhooks.models import OffReason
from app.webhooks.queries import get_endpoint


def tell_of_sale(event: OrderPaid) -> None:
    """Tell each seller of an order what was sold of theirs."""
    lines = sorted(sold_lines(event.order_id), key=lambda line: (line.seller_id, line.line_id))
    # Sellers in one order, so that two orders never wait for each other.
    for seller_id, own in groupby(lines, key=lambda line: line.seller_id):
        _tell_seller(seller_id, str(event.order_id), list(own))


def _tell_seller(seller_id: UUID, key: str, lines: list[SoldLine]) -> None:
    notify(
        user_id=seller_id,
        kind=NotificationKind.SALE,
        key=key,
        params={
            "number": lines[0].order_number,
            "currency": lines[0].currency,
            "lines": [
                (
                    line.title,
                    line.quantity,
                    line.quantity * line.unit_price_minor,
                    line.share_minor,
                )
                for line in lines
            ],
        },
    )


def tell_of_payout(event: PayoutChanged) -> None:
    """Tell a seller what became of a payout, unless something else has by now."""
    payout = payouts.payout(event.payout_id)
    if payout is None or payout.state != event.state:
        return
    notify(
        user_id=event.seller_id,
        kind=NotificationKind.PAYOUT,
        key=f"{event.payout_id}:{event.state}",
        params={
            "payout_id": str(event.payout_id),
            "state": event.state,
            "minor": payout.amount_minor,
            "currency": payout.currency,
            "receiver": payout.receiver,
            "fee_minor": payout.fee_minor if payout.state is PayoutState.PAID else None,
        },
    )


def tell_of_delivery(event: OrderDelivered) -> None:
    """Tell a buyer that the goods are there; the mail of it is one of the purchase's papers."""
    order = purchases.get_order(event.order_id)
    if order is None:
        return
    notify(
        user_id=order.buyer_id,
        kind=NotificationKind.DELIVERY,
        key=str(order.id),
        params={
            "order_id": str(order.id),
            "number": order.number,
            "titles": [line.title for line in order.lines],
        },
    )


def tell_of_wait(event: OrderPending) -> None:
    """Tell a buyer that PayPal holds the payment; the mail of it is another paper."""
    _tell_of_payment("pending", event.order_id)


def tell_of_failure(event: OrderFailed) -> None:
    """Tell a buyer that a payment which PayPal had came to nothing, or back to them."""
    _tell_of_payment("failed", event.order_id)


def tell_of_reversal(event: OrderApprovalReversed) -> None:
    """Tell a buyer that PayPal took their yes back, so that nothing is paid."""
    _tell_of_payment("taken_back", event.order_id)


def _tell_of_payment(act: str, order_id: UUID) -> None:
    order = purchases.get_order(order_id)
    if order is None:
        return
    notify(
        user_id=order.buyer_id,
        kind=NotificationKind.PAYMENT,
        key=f"{act}:{order_id}",
        params={
            "act": "refunded" if order.was_refunded else act,
            "order_id": str(order_id),
            "number": order.number,
        },
    )


def tell_of_refund(event: OrderRefunded) -> None:
    """Tell the buyer and the sellers what goes back of an order, and why."""
    _tell_of_refund(event, "money_back", "refunded")


def tell_of_failed_refund(event: RefundFailed) -> None:
    """Tell the buyer and the sellers that nothing goes back, and why not."""
    _tell_of_refund(event, "refund_failed", "failed")


def _tell_of_refund(event: OrderRefunded | RefundFailed, to_buyer: str, to_seller: str) -> None:
    told = refund_to_tell(event.order_id, event.refund_id)
    if told is None:
        return
    common = {
        "order_id": str(told.order_id),
        "number": told.number,
        "currency": told.refund.currency,
        "source": told.refund.source.value,
        "reason": told.refund.reason,
        "issue": told.refund.issue,
    }
    people_told = [
        (told.buyer_id, NotificationKind.PAYMENT, to_buyer, told.refund.amount_minor),
        *(
            (seller_id, NotificationKind.REFUND, to_seller, amount)
            for seller_id, amount in told.sellers.items()
        ),
    ]
    # People in one order, so that two refunds never wait for each other.
    for user_id, kind, act, amount in sorted(people_told):
        notify(
            user_id=user_id,
            kind=kind,
            key=f"{act}:{event.refund_id}",
            params={**common, "act": act, "amount_minor": amount},
        )


def tell_of_claim(event: ClaimOpened) -> None:
    """Tell a seller that a buyer asks for a refund, and why."""
    claim = claim_with(event.claim_id)
    if claim is not None:
        _tell_of_claim(claim, "open", [claim.seller_id], claim.reason)


def tell_of_claims_way(event: ClaimMoved) -> None:
    """Tell those who did not do it what became of a claim."""
    claim = claim_with(event.claim_id)
    if claim is None:
        return
    state = ClaimState(event.state)
    match state:
        case ClaimState.ACCEPTED | ClaimState.DECLINED:
            _tell_of_claim(claim, state.value, [claim.buyer_id], claim.answer)
        case ClaimState.GRANTED | ClaimState.REFUSED:
            both = sorted([claim.buyer_id, claim.seller_id])
            _tell_of_claim(claim, state.value, both, claim.decision)
        case ClaimState.CALLED:
            _tell_of_claim(claim, state.value, [claim.seller_id], None)
            others = staff_ids() - {claim.seller_id, claim.buyer_id}
            _tell_of_claim(claim, "to_decide", sorted(others), claim.reason)
        case ClaimState.WITHDRAWN:
            _tell_of_claim(claim, state.value, [claim.seller_id], None)


def tell_of_claim_again(event: ClaimReopened) -> None:
    """Tell moderators that a refund which was agreed on failed; buyer and seller hear of that."""
    claim = claim_with(event.claim_id)
    if claim is not None:
        others = sorted(staff_ids() - {claim.seller_id, claim.buyer_id})
        _tell_of_claim(claim, "refund_failed", others, claim.reason, again=str(event.refund_id))


def _tell_of_claim(
    claim: ClaimOf, act: str, people_told: list[UUID], reason: str | None, *, again: str = ""
) -> None:
    """Tell of a step of a claim's; `again` tells one from the one before, where it comes anew."""
    for user_id in people_told:
        notify(
            user_id=user_id,
            kind=NotificationKind.CLAIM,
            key=f"{claim.id}:{act}{again}",
            params={
                "act": act,
                "order_id": str(claim.order_id),
                "number": claim.order_number,
                "title": claim.title,
                "side": _side(claim, user_id),
                "reason": reason or "",
            },
        )


def _side(claim: ClaimOf, user_id: UUID) -> str:
    return {claim.seller_id: "seller", claim.buyer_id: "buyer"}.get(user_id, "staff")


def tell_of_low_stock(event: StockLow) -> None:
    """Tell a seller that few units of a product are left."""
    notify(
        user_id=event.seller_id,
        kind=NotificationKind.LOW_STOCK,
        key=f"{event.product_id}:{event.sold_count}",
        params={
            "product_id": str(event.product_id),
            "title": event.title,
            "left": event.left,
        },
    )


def tell_of_removal(event: ProductRemoved) -> None:
    """Tell a seller that a moderator took a product out of the shop, and why."""
    _tell_of_product("removed", event, reason=event.reason)


def tell_of_restoration(event: ProductRestored) -> None:
    """Tell a seller that a product is back."""
    _tell_of_product("restored", event)


def _tell_of_product(act: str, event: ProductRemoved | ProductRestored, reason: str = "") -> None:
    notify(
        user_id=event.seller_id,
        kind=NotificationKind.MODERATION,
        key=f"product:{event.product_id}:{event.version}",
        params={
            "act": act,
            "product_id": str(event.product_id),
            "title": event.title,
            "reason": reason,
        },
    )


def tell_of_closing(event: AccountClosed) -> None:
    """Tell somebody that they are banned."""
    _tell_of_account("closed", event)


def tell_of_reopening(event: AccountReopened) -> None:
    """Tell somebody that they are banned no more."""
    _tell_of_account("reopened", event)


def _tell_of_account(act: str, event: AccountClosed | AccountReopened) -> None:
    notify(
        user_id=event.user_id,
        kind=NotificationKind.MODERATION,
        key=f"account:{event.epoch}",
        params={"act": act},
    )


def tell_of_webhook(event: WebhookSwitchedOff) -> None:
    """Tell a seller that nothing is sent to their service any more."""
    endpoint = get_endpoint(event.endpoint_id)
    if endpoint is None:
        return
    notify(
        user_id=endpoint.owner_id,
        kind=NotificationKind.WEBHOOK,
        key=f"{endpoint.id}:{event.since.isoformat()}",
        params={
            "endpoint_id": str(endpoint.id),
            "address": endpoint.url,
            "gone": endpoint.off_reason is OffReason.GONE,
        },
    )


def tell_of_review(event: ReviewWritten) -> None:
    """Tell a seller what a buyer says of a product."""
    review = public_review(event.review_id)
    if review is None:
        return
    [product] = cards.by_id([event.product_id])
    notify(
        user_id=event.seller_id,
        kind=NotificationKind.REVIEW,
        key=str(event.review_id),
        params={
            "review_id": str(event.review_id),
            "title": product.title,
            "stars": review.stars,
        },
    )


def tell_of_reply(event: ReviewAnswered) -> None:
    """Tell a buyer that the seller has answered."""
    [product] = cards.by_id([event.product_id])
    notify(
        user_id=event.buyer_id,
        kind=NotificationKind.REPLY,
        key=str(event.review_id),
        params={
            "review_id": str(event.review_id),
            "title": product.title,
            "seller": product.seller_name,
        },
    )


def tell_of_hiding(event: ReviewHidden) -> None:
    """Tell somebody that a moderator has hidden their review, and why."""
    [product] = cards.by_id([event.product_id])
    notify(
        user_id=event.author_id,
        kind=NotificationKind.MODERATION,
        key=f"review:{event.review_id}:{event.hidden_at.isoformat()}",
        params={
            "act": "review_hidden",
            "review_id": str(event.review_id),
            "title": product.title,
            "reason": event.reason,
        },
    )


def ask_for_reviews(event: ReviewWanted) -> None:
    """Ask a buyer for reviews of what was delivered; not of what they have reviewed since."""
    lines = unreviewed(event.buyer_id, since=event.since, until=event.until)
    if not lines:
        return
    notify(
        user_id=event.buyer_id,
        kind=NotificationKind.REVIEW_REQUEST,
        key=event.since.isoformat(),
        params={"lines": [(str(line.line_id), line.title) for line in lines]},
    )


def tell_of_message(event: ConversationUnread) -> None:
    """Tell somebody that a message waits for them; once until they have read the conversation."""
    sender = people.get_user(event.sender_id)
    if sender is None:
        return
    notify(
        user_id=event.recipient_id,
        kind=NotificationKind.MESSAGE,
        key=f"{event.conversation_id}:{event.since_seq}",
        params={"conversation_id": str(event.conversation_id), "name": sender.display_name},
    )


def forget_message(event: ConversationRead) -> None:
    """Count what told of a message as read once the conversation is."""
    reading.mark_read_about(
        user_id=event.reader_id,
        kind=NotificationKind.MESSAGE,
        key_begins=f"{event.conversation_id}:",
    )
