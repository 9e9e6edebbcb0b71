"""What a seller is told of a payout."""

from collections.abc import Mapping

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.kit.i18n import money
from app.notifications.kinds.shapes import Params, Words
from app.payments.models.payouts import PayoutState

# What became of a payout: its title, and what its seller may do.
_STATES: Mapping[PayoutState, tuple[LazyString, LazyString]] = {
    PayoutState.PAID: (
        _l("You were paid %(amount)s"),
        _l("The money is in your PayPal account."),
    ),
    PayoutState.UNCLAIMED: (
        _l("Nobody has claimed your payout of %(amount)s"),
        _l(
            "There is no PayPal account with this address. Open one with it, or take the payout"
            " back and change the address. After 30 days PayPal returns the money by itself."
        ),
    ),
    PayoutState.ON_HOLD: (
        _l("PayPal is holding your payout of %(amount)s"),
        _l("PayPal is reviewing it or your account. Log in at PayPal to see what it needs."),
    ),
    PayoutState.UNSENT: (
        _l("Your payout of %(amount)s could not be sent"),
        _l(
            "The money is available again. Your payouts' page says when the next one comes, or what"
            " is in its way."
        ),
    ),
    PayoutState.FAILED: (
        _l("Your payout of %(amount)s failed"),
        _l("PayPal could not pay to this address. Check it, then request the payout again."),
    ),
    PayoutState.BLOCKED: (
        _l("PayPal blocked your payout of %(amount)s"),
        _l("Ask PayPal why, or have the money paid to another address."),
    ),
    PayoutState.RETURNED: (
        _l("Your payout of %(amount)s came back"),
        _l("Nobody claimed it. Check the address, then request the payout again."),
    ),
    PayoutState.REFUNDED: (
        _l("Your payout of %(amount)s came back"),
        _l("It was sent back from your PayPal account. The money is available again."),
    ),
    PayoutState.REVERSED: (
        _l("PayPal took your payout of %(amount)s back"),
        _l("The money is available again. Ask PayPal why before you request it again."),
    ),
}


def words(params: Params) -> Words:
    """The words of a payout: what became of it, and what its seller may do.

    `params`: payout_id, state, minor, currency, receiver, fee_minor.
    """
    title, detail = _STATES[PayoutState(params["state"])]
    amount = money(params["minor"], params["currency"])
    facts = [(_("Amount"), amount), (_("PayPal address"), params["receiver"])]
    if params["fee_minor"] is not None:
        fee = money(params["fee_minor"], params["currency"])
        facts.append((_("PayPal's fee, paid by us"), fee))
    return Words(
        title=str(title) % {"amount": amount},
        detail=str(detail),
        action=_("My payouts"),
        facts=tuple(facts),
    )
