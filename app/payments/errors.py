"""What can go wrong with a payment."""

from datetime import datetime

from flask_babel import gettext as _

from app.kit.errors import Conflict, Invalid, NotFound, Unavailable
from app.kit.i18n import moment


class PaymentUnavailable(Unavailable):
    """PayPal can't be reached, or did not understand us; nothing was charged."""

    def __init__(self) -> None:
        super().__init__(
            "payments.unavailable",
            _("PayPal can't be reached right now. You have not been charged. Please try again."),
            retry_after=5,
        )


class PaymentClosed(Conflict):
    """The payment is over: it can't be paid any more."""

    def __init__(self) -> None:
        super().__init__("payments.closed", _("This payment is closed. Please check out again."))


class NoSuchPayment(NotFound):
    """Nothing is known of a payment for this."""

    def __init__(self) -> None:
        super().__init__("payments.not_found", _("There is no such payment."))


class NoSuchRefund(NotFound):
    """There is no such refund."""

    def __init__(self) -> None:
        super().__init__("payments.no_such_refund", _("There is no such refund."))


class NotRefundable(Conflict):
    """PayPal has no money of this payment that could go back."""

    def __init__(self) -> None:
        super().__init__(
            "payments.not_refundable", _("There is no payment that could be refunded.")
        )


class NotCovered(Conflict):
    """A seller wants to give back more than they have."""

    def __init__(self) -> None:
        super().__init__(
            "payments.not_covered",
            _(
                "That is more than what is pending of this sale and what you have available. "
                "Ask the shop's staff: they can refund it."
            ),
        )


class NotBookable(Conflict):
    """What PayPal has of a payment is not to be booked, whatever a person decides."""

    def __init__(self, reason: str) -> None:
        super().__init__("payments.not_bookable", reason)


class BadSignature(Invalid):
    """A webhook that PayPal did not send, or that was changed on its way."""

    def __init__(self, reason: str) -> None:
        super().__init__("payments.bad_signature", _("The signature is not from PayPal."))
        self.reason = reason


class CertificateUnavailable(Unavailable):
    """PayPal's certificate can't be fetched now: PayPal will send the webhook again."""

    def __init__(self) -> None:
        super().__init__(
            "payments.certificate", _("PayPal's certificate could not be fetched."), retry_after=30
        )


class BalanceTooLow(Conflict):
    """More is to be paid out than is available."""

    def __init__(self) -> None:
        super().__init__("payments.balance_too_low", _("That is more than is available."))


class NoSuchEvent(NotFound):
    """Nothing of the kind came from PayPal."""

    def __init__(self) -> None:
        super().__init__("payments.no_such_event", _("There is no such event."))


class NoSuchDifference(NotFound):
    """Nothing of the kind was found, or it is closed."""

    def __init__(self) -> None:
        super().__init__("payments.no_such_difference", _("There is no such difference."))


class NoReason(Invalid):
    """A correction is booked for a reason that is written down."""

    def __init__(self, message: str) -> None:
        super().__init__("payments.no_reason", message, errors={"reason": message})


class NoSuchPayout(NotFound):
    """There is no such payout, or it is somebody else's."""

    def __init__(self) -> None:
        super().__init__("payments.no_such_payout", _("There is no such payout."))


class NotPayable(Conflict):
    """A seller can't be paid now; `obstacle` says why."""

    def __init__(self, obstacle: str, message: str) -> None:
        super().__init__("payments.not_payable", message, obstacle=obstacle)
        self.obstacle = obstacle


class NotUnclaimed(Conflict):
    """A payout can't be taken back: its receiver has it, or it is over."""

    def __init__(self) -> None:
        super().__init__(
            "payments.not_unclaimed", _("This payout isn't unclaimed. It can't be taken back.")
        )


class PayoutActRefused(Conflict):
    """What an administrator wants done with a payout is not possible in its state."""

    def __init__(self) -> None:
        super().__init__(
            "payments.payout_act", _("That is not possible with this payout any more.")
        )


class PayoutListed(Conflict):
    """PayPal lists a payout that is to be given up among what moved on the shop's account."""

    def __init__(self) -> None:
        super().__init__(
            "payments.payout_listed",
            _(
                "PayPal lists a payout of this batch among the shop's transactions: the money was "
                "sent. Have PayPal send the events of this payout again, in the list of webhook "
                "events of its developer pages: by them it is found."
            ),
        )


class PayoutAskedLately(Conflict):
    """PayPal may not list yet what it was asked for."""

    def __init__(self, listed_at: datetime) -> None:
        super().__init__(
            "payments.payout_asked_lately",
            _(
                "PayPal was asked for this payout a short time ago, and may list it later. Decide "
                "after %(moment)s.",
                moment=moment(listed_at),
            ),
        )


class PayoutsUnavailable(Unavailable):
    """PayPal can't be asked about a payout now."""

    def __init__(self) -> None:
        super().__init__(
            "payments.payouts_unavailable",
            _("PayPal can't be reached right now. Please try again."),
            retry_after=5,
        )


class NoSuchDispute(NotFound):
    """There is no such dispute, or it is about somebody else's sale."""

    def __init__(self) -> None:
        super().__init__("payments.no_such_dispute", _("There is no such dispute."))


class NoEvidenceWanted(Conflict):
    """PayPal takes no evidence at this stage of a dispute, or has been answered."""

    def __init__(self) -> None:
        super().__init__(
            "payments.no_evidence_wanted",
            _("PayPal takes no evidence for this dispute now, or has been answered already."),
        )
