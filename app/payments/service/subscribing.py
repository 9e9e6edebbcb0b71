"""Which events PayPal is to send, and seeing to it that it does."""

from dataclasses import dataclass

from flask import current_app

from app.kit.db import end_read
from app.payments.gateway import PaypalWebhook
from app.payments.paypal import paypal

# All that the shop acts on, as docs/running.md lists it; what else comes is stored, without effect.
WANTED = (
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.ORDER.COMPLETED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.REFUND.PENDING",
    "PAYMENT.REFUND.FAILED",
    "PAYMENT.PAYOUTSBATCH.PROCESSING",
    "PAYMENT.PAYOUTSBATCH.SUCCESS",
    "PAYMENT.PAYOUTSBATCH.DENIED",
    "PAYMENT.PAYOUTS-ITEM.SUCCEEDED",
    "PAYMENT.PAYOUTS-ITEM.UNCLAIMED",
    "PAYMENT.PAYOUTS-ITEM.HELD",
    "PAYMENT.PAYOUTS-ITEM.FAILED",
    "PAYMENT.PAYOUTS-ITEM.DENIED",
    "PAYMENT.PAYOUTS-ITEM.BLOCKED",
    "PAYMENT.PAYOUTS-ITEM.RETURNED",
    "PAYMENT.PAYOUTS-ITEM.CANCELED",
    "PAYMENT.PAYOUTS-ITEM.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.UPDATED",
    "CUSTOMER.DISPUTE.RESOLVED",
)
EVERYTHING = "*"


@dataclass(frozen=True)
class Subscription:
    """What was there, what was missing, and what a person has to put right."""

    there: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]


def subscribe(*, url: str, change: bool) -> Subscription:
    """Have PayPal send all that is wanted to `url`; without `change`, only look.

    It is the webhook with the id of the settings, else the one with this address, else a new one.
    What somebody else had it send is left. Raises PaypalUnknown, PaypalRefused.
    """
    webhook_id = current_app.extensions["settings"].paypal_webhook_id
    end_read()
    known = paypal().webhooks()
    ours = next((one for one in known if one.id == webhook_id), None) or next(
        (one for one in known if one.url == url), None
    )
    there = ours.events if ours else ()
    missing = () if EVERYTHING in there else tuple(one for one in WANTED if one not in there)
    if change and ours is None:
        ours = paypal().add_webhook(url, WANTED)
    elif change and ours is not None and missing:
        ours = paypal().set_events(ours.id, (*there, *missing))
    return Subscription(there, missing, tuple(_problems(ours, url, webhook_id)))


def _problems(webhook: PaypalWebhook | None, url: str, webhook_id: str) -> list[str]:
    if webhook is None:
        return [f"PayPal has no webhook for {url}."]
    problems = []
    if webhook.id != webhook_id:
        problems.append(f"Set PAYPAL_WEBHOOK_ID={webhook.id} and start the shop anew.")
    if webhook.url != url:
        problems.append(f"The webhook leads to {webhook.url}, not to {url}.")
    return problems
