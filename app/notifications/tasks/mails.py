"""Mails to people, sent when something was announced.

One listener writes to one address, once, so that no mail is sent again for another's sake. The
secrets of links come of the row's id and a key of the shop: no row or job ever holds one, and a
mail that is tried again, or sent twice after a crash, has the same link and the same Message-ID.

All of them answer what the person has done, or what happened to their account or their purchase:
none was subscribed to, so none has a List-Unsubscribe (RFC 2369, RFC 8058). Those that were are in
`post.py`.
"""

from typing import Any
from uuid import UUID

from app.auth import queries as people
from app.auth.events import (
    ConfirmationRequested,
    KnownAddressRegistered,
    PasswordChanged,
    PasswordResetRequested,
    PayoutAddressChanged,
    RefreshTokenReused,
    UserRegistered,
)
from app.auth.models import MailPurpose, User
from app.auth.service.mail_links import issue_mail_token
from app.kit import mail
from app.kit.db import end_read
from app.kit.outbox import row_in_hand
from app.notifications.service import proof
from app.orders.events import (
    OrderApprovalReversed,
    OrderDelivered,
    OrderFailed,
    OrderPending,
    OrderRefunded,
    RefundFailed,
)
from app.orders.models import Order, OrderState
from app.orders.queries import purchases
from app.orders.queries.refunds import refund_to_tell, refunds_of
from app.payments.events import DifferencesFound
from app.payments.labels import why_not_refunded


def _find(user_id: UUID | None) -> User | None:
    """The person, with no transaction left open."""
    user = people.get_user(user_id) if user_id else None
    end_read()
    return user


def _known_name(user: User) -> str:
    """The person's name, or "" before the address is confirmed.

    Anybody may register with somebody else's address: what they call themselves is not mailed
    there in the shop's name.
    """
    return user.display_name if user.confirmed_at else ""


def _link_secret(user: User, purpose: MailPurpose) -> str:
    return issue_mail_token(user_id=user.id, purpose=purpose, mail_id=row_in_hand())


def send_confirmation(event: UserRegistered) -> None:
    """Mail a link that confirms the address."""
    _confirm(_find(event.user_id))


def send_confirmation_again(event: ConfirmationRequested) -> None:
    """Mail another link that confirms the address, if there was an account to confirm."""
    _confirm(_find(event.user_id))


def _confirm(user: User | None) -> None:
    if user is None or user.confirmed_at is not None:
        return
    if not user.has_password:
        _tell_of_registration(user)
        return
    secret = _link_secret(user, MailPurpose.CONFIRM)
    mail.send(
        to=user.email,
        locale=user.locale,
        template="confirm",
        key=row_in_hand(),
        name=_known_name(user),
        url=mail.link("auth.confirm", token=secret),
    )


def send_already_registered(event: KnownAddressRegistered) -> None:
    """Tell the owner of an address that somebody tried to register with it.

    Where it was never confirmed, a stranger may have chosen the password: the link sets a new one.
    """
    user = _find(event.user_id)
    if user is not None:
        _tell_of_registration(user)


def _tell_of_registration(user: User) -> None:
    if user.banned_at is not None:
        return
    confirmed = user.confirmed_at is not None
    if confirmed:
        url = mail.link("auth.login")
    else:
        secret = _link_secret(user, MailPurpose.RESET)
        url = mail.link("auth.reset", token=secret)
    mail.send(
        to=user.email,
        locale=user.locale,
        template="already_registered",
        key=row_in_hand(),
        name=_known_name(user),
        confirmed=confirmed,
        url=url,
        forgot_url=mail.link("auth.forgot"),
    )


def send_password_reset(event: PasswordResetRequested) -> None:
    """Mail a link to set a new password, if there was an account."""
    user = _find(event.user_id)
    if user is None or user.banned_at is not None:
        return
    secret = _link_secret(user, MailPurpose.RESET)
    mail.send(
        to=user.email,
        locale=user.locale,
        template="password_reset",
        key=row_in_hand(),
        name=_known_name(user),
        url=mail.link("auth.reset", token=secret),
    )


def send_password_changed(event: PasswordChanged) -> None:
    """Tell a person that their password is another one."""
    _warn(_find(event.user_id), "password_changed")


def send_refresh_token_reused(event: RefreshTokenReused) -> None:
    """Warn a person whose program's token was used twice."""
    _warn(_find(event.user_id), "refresh_token_reused")


def _warn(user: User | None, template: str) -> None:
    """Tell a person of something that may not have been them, with a way to a new password."""
    if user is None:
        return
    mail.send(
        to=user.email,
        locale=user.locale,
        template=template,
        key=row_in_hand(),
        name=user.display_name,
        url=mail.link("auth.forgot"),
    )


def send_payout_changed(event: PayoutAddressChanged) -> None:
    """Tell a seller where the money goes from now on."""
    user = _find(event.user_id)
    if user is not None:
        _tell_of_payout(user, user.email, event)


def send_payout_changed_to_old(event: PayoutAddressChanged) -> None:
    """Tell the address that was paid until now, if it is another than the seller's own."""
    user = _find(event.user_id)
    if user is not None and event.old_paypal_email != user.email:
        _tell_of_payout(user, event.old_paypal_email, event)


def _tell_of_payout(user: User, address: str, event: PayoutAddressChanged) -> None:
    mail.send(
        to=address,
        locale=user.locale,
        template="payout_changed",
        key=row_in_hand(),
        name=user.display_name,
        old=event.old_paypal_email,
        url=mail.link("auth.forgot"),
    )


def send_delivered(event: OrderDelivered) -> None:
    """Tell a buyer where the goods are. What was bought is never in a mail."""
    order = purchases.get_order(event.order_id)
    if order is not None:
        lines = [(line.title, line.quantity) for line in order.lines]
        _write_of_order(order, "delivered", lines=lines)


def send_payment_pending(event: OrderPending) -> None:
    """Tell a buyer that PayPal holds the payment; not if it is over by the time of the mail."""
    order = purchases.get_order(event.order_id)
    if order is not None and order.state is OrderState.APPROVED:
        _write_of_order(order, "payment_pending")


def send_payment_failed(event: OrderFailed) -> None:
    """Tell a buyer that a payment which PayPal had came to nothing, or back to them."""
    order = purchases.get_order(event.order_id)
    reason = next((refund.reason for refund in refunds_of(event.order_id)), "")
    if order is not None:
        template = "payment_refunded" if order.was_refunded else "payment_failed"
        _write_of_order(order, template, reason=reason, url=mail.link("orders.basket"))


def send_approval_reversed(event: OrderApprovalReversed) -> None:
    """Tell a buyer that PayPal took their yes back; not if they have paid by then."""
    order = purchases.get_order(event.order_id)
    if order is not None and not order.is_paid:
        _write_of_order(order, "approval_reversed")


def send_refunded(event: OrderRefunded) -> None:
    """Tell a buyer what goes back to them, and why; sellers choose what they are mailed."""
    _send_refund(event, "refunded")


def send_refund_failed(event: RefundFailed) -> None:
    """Tell a buyer that a refund came to nothing, and why."""
    _send_refund(event, "refund_failed")


def _send_refund(event: OrderRefunded | RefundFailed, template: str) -> None:
    order = purchases.get_order(event.order_id)
    told = refund_to_tell(event.order_id, event.refund_id)
    if order is not None and told is not None:
        _write_of_order(
            order,
            template,
            amount_minor=told.refund.amount_minor,
            currency=told.refund.currency,
            reason=told.refund.reason,
            issue=told.refund.issue,
            why_not_refunded=why_not_refunded,
        )


def _write_of_order(order: Order, template: str, **words: Any) -> None:
    """Mail the buyer about an order, and keep that a mail server has taken it.

    The link leads to the purchase, unless `words` have another `url`.
    """
    buyer = _find(order.buyer_id)
    if buyer is None:
        return
    words.setdefault("url", mail.link("orders.purchase", order_id=order.id))
    mail.send(
        to=buyer.email,
        locale=buyer.locale,
        template=template,
        key=row_in_hand(),
        name=buyer.display_name,
        number=order.number,
        **words,
    )
    proof.note(row_id=row_in_hand(), order_id=order.id, template=template, address=buyer.email)


def send_differences(event: DifferencesFound) -> None:
    """Tell an administrator that PayPal's list and the ledger differ in something new."""
    admin = _find(event.admin_id)
    if admin is None or admin.banned_at is not None:
        return
    mail.send(
        to=admin.email,
        locale=admin.locale,
        template="differences",
        key=row_in_hand(),
        name=_known_name(admin),
        count=event.count,
        url=mail.link("payments.list_differences"),
    )
