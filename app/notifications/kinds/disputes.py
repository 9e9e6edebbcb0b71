"""What is said of disputes, to their buyers, sellers and the shop's staff."""

from collections.abc import Mapping

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.kit.i18n import money
from app.notifications.kinds.shapes import Params, Target, Words

# What happens to a dispute, for whom: its title, and the line below it.
_DISPUTES: Mapping[str, tuple[LazyString, LazyString]] = {
    "opened_buyer": (
        _l("Your dispute about order %(number)s has reached us"),
        _l("What you have not opened stays locked until PayPal decides."),
    ),
    "opened_seller": (
        _l("A buyer disputes order %(number)s at PayPal"),
        _l("PayPal holds %(amount)s until it decides. The shop answers with what it has recorded."),
    ),
    "opened_staff": (
        _l("Dispute about order %(number)s"),
        _l("PayPal holds %(amount)s. Check the evidence and send it before the deadline."),
    ),
    "inquired_staff": (
        _l("Dispute about order %(number)s"),
        _l("See its stage, and until when PayPal takes evidence."),
    ),
    "moved_seller": (
        _l("The dispute about order %(number)s has moved on at PayPal"),
        _l("See its stage, and until when PayPal takes evidence."),
    ),
    "moved_staff": (
        _l("The dispute about order %(number)s has moved on at PayPal"),
        _l("See its stage, and until when PayPal takes evidence."),
    ),
    "won_buyer": (
        _l("PayPal has closed your dispute about order %(number)s"),
        _l("The payment stands. What you have not opened can be opened again."),
    ),
    "won_seller": (
        _l("The dispute about order %(number)s is won"),
        _l("%(amount)s is yours again."),
    ),
    "won_staff": (
        _l("The dispute about order %(number)s is won"),
        _l("%(amount)s is free again."),
    ),
    "lost_buyer": (
        _l("PayPal has decided your dispute about order %(number)s for you"),
        _l("You get %(amount)s back from PayPal."),
    ),
    "lost_seller": (
        _l("The dispute about order %(number)s is lost"),
        _l("%(amount)s of your earnings went back to the buyer."),
    ),
    "lost_staff": (
        _l("The dispute about order %(number)s is lost"),
        _l("%(amount)s went back to the buyer."),
    ),
}


def dispute(params: Params) -> Words:
    """`params`: act, side, order_id, dispute_id, number, minor, currency."""
    title, detail = _DISPUTES[f"{params['act']}_{params['side']}"]
    amount = money(params["minor"], params["currency"])
    return Words(
        title=str(title) % {"number": params["number"]},
        detail=str(detail) % {"amount": amount},
        action=_("Open my purchase") if params["side"] == "buyer" else _("Open the dispute"),
    )


def disputed(params: Params) -> Target:
    """The purchase, or the dispute as its seller or the staff sees it."""
    if params["side"] == "buyer":
        return Target("orders.purchase", {"order_id": params["order_id"]})
    endpoint = "admin.show_dispute" if params["side"] == "staff" else "orders.seller_dispute"
    return Target(endpoint, {"dispute_id": params["dispute_id"]})
