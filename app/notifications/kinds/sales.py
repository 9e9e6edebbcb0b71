"""What is said of purchases and sales, their payments, refunds and claims."""

from collections.abc import Mapping

from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.kit.i18n import money, number
from app.notifications.kinds.shapes import Params, Target, Words
from app.payments.labels import why_not_refunded


def sale(params: Params) -> Words:
    """`params`: number, currency, lines: [title, quantity, total_minor, share_minor] of each."""
    lines, currency = params["lines"], params["currency"]
    pieces = sum(quantity for _title, quantity, _total, _share in lines)
    total = money(sum(line[2] for line in lines), currency)
    share = money(sum(line[3] for line in lines), currency)
    if len(lines) == 1:
        title = _("Sold: %(count)s × %(title)s", count=number(pieces), title=lines[0][0])
    else:
        title = ngettext(
            "Sold: %(count)s item", "Sold: %(count)s items", pieces, count=number(pieces)
        )
    return Words(
        title=title,
        detail=_(
            "Order %(number)s: %(total)s, your earnings %(share)s",
            number=params["number"],
            total=total,
            share=share,
        ),
        action=_("My sales"),
        facts=(
            (_("Order"), params["number"]),
            *(
                (f"{number(quantity)} × {name}", money(line_total, currency))
                for name, quantity, line_total, _share in lines
            ),
            (_("Your earnings"), share),
        ),
    )


def delivery(params: Params) -> Words:
    """`params`: order_id, number, titles."""
    titles = params["titles"]
    more = len(titles) - 1
    return Words(
        title=_("Your order %(number)s is ready", number=params["number"]),
        detail=titles[0]
        if not more
        else ngettext(
            "%(title)s and %(count)s more product",
            "%(title)s and %(count)s more products",
            more,
            title=titles[0],
            count=number(more),
        ),
        action=_("Open my purchase"),
    )


# What became of a payment that PayPal had in hand.
_PAYMENTS: Mapping[str, tuple[LazyString, LazyString]] = {
    "pending": (
        _l("PayPal is holding your payment for order %(number)s"),
        _l(
            "This can take hours or days. Your items stay reserved, and you don't have to pay"
            " again."
        ),
    ),
    "failed": (
        _l("The payment for your order %(number)s failed"),
        _l("You have not been charged. Your items are in your basket."),
    ),
    "taken_back": (
        _l("PayPal cancelled your approval for order %(number)s"),
        _l("You have not been charged. Approve the payment again if you still want the items."),
    ),
    "refunded": (
        _l("PayPal has refunded your payment for order %(number)s"),
        _l("The order has been cancelled. Your items are in your basket."),
    ),
}


def payment(params: Params) -> Words:
    """`params`: act, order_id, number; of a refund also amount_minor, currency, reason, issue."""
    if params["act"] in {"money_back", "refund_failed"}:
        return _money_back(params)
    title, detail = _PAYMENTS[params["act"]]
    return Words(
        title=str(title) % {"number": params["number"]},
        detail=str(detail),
        action=_("Open my purchase"),
    )


def _money_back(params: Params) -> Words:
    """What goes back to a buyer, or does not after all; `params` as of `payment`."""
    amount = money(params["amount_minor"], params["currency"])
    if params["act"] == "refund_failed":
        title = _("The refund for your order %(number)s failed", number=params["number"])
        detail = why_not_refunded(params["issue"])
    else:
        title = _(
            "%(amount)s of your order %(number)s goes back to you",
            amount=amount,
            number=params["number"],
        )
        detail = (
            _("Reason: %(reason)s", reason=params["reason"])
            if params["reason"]
            else _("PayPal sends it the way you paid.")
        )
    return Words(title=title, detail=detail, action=_("Open my purchase"))


def refund(params: Params) -> Words:
    """`params`: act, order_id, number, amount_minor, currency, source, reason, issue."""
    amount = money(params["amount_minor"], params["currency"])
    if params["act"] == "failed":
        title = _("A refund of order %(number)s failed", number=params["number"])
        detail = why_not_refunded(params["issue"])
    else:
        title = _(
            "%(amount)s of order %(number)s is refunded", amount=amount, number=params["number"]
        )
        detail = (
            _("Reason: %(reason)s", reason=params["reason"])
            if params["reason"]
            else str(_SOURCES[params["source"]])
        )
    return Words(
        title=title,
        detail=detail,
        action=_("Open the order"),
        facts=(
            (_("Order"), params["number"]),
            (_("Amount"), amount),
            *(((_("Reason"), params["reason"]),) if params["reason"] else ()),
        ),
    )


# What became of a claim, to its buyer or its seller.
_CLAIMS: Mapping[str, LazyString] = {
    "open": _l("A buyer asks for a refund: %(title)s"),
    "accepted": _l("The seller refunds you: %(title)s"),
    "declined": _l("The seller declined your refund request: %(title)s"),
    "called": _l("A moderator will decide about a refund: %(title)s"),
    "to_decide": _l("A refund waits for your decision: %(title)s"),
    "refund_failed": _l("A refund that was agreed on failed and waits for you: %(title)s"),
    "granted": _l("A moderator granted a refund: %(title)s"),
    "refused": _l("A moderator refused a refund: %(title)s"),
    "withdrawn": _l("The buyer withdrew a refund request: %(title)s"),
}


_PAGES = {"buyer": "orders.purchase", "seller": "orders.sale", "staff": "orders.moderated_order"}


def claim(params: Params) -> Words:
    """`params`: act, order_id, number, title, side ("buyer", "seller", "staff"), reason."""
    reason = params["reason"]
    return Words(
        title=str(_CLAIMS[params["act"]]) % {"title": params["title"]},
        detail=_("Reason: %(reason)s", reason=reason)
        if reason
        else _("Order %(number)s", number=params["number"]),
        action=_("Open my purchase") if params["side"] == "buyer" else _("Open the order"),
        facts=(
            (_("Order"), params["number"]),
            *(((_("Reason"), reason),) if reason else ()),
        ),
    )


def claimed(params: Params) -> Target:
    """The order, as who is told sees it."""
    return Target(_PAGES[params["side"]], {"order_id": params["order_id"]})


# Who refunds, where no reason is given.
_SOURCES: Mapping[str, LazyString] = {
    "buyer": _l("The buyer returned what was not revealed; it is for sale again."),
    "seller": _l("Refunded by you."),
    "moderator": _l("Refunded by the shop."),
    "paypal": _l("Refunded in PayPal's own pages."),
}
