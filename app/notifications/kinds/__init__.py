"""The table of kinds: how each looks, what it says, where it leads, how it is mailed by default.

Words are made when they are shown, in the language of whoever reads: of a notification only ids,
names and numbers are kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.auth.models import Role
from app.kit.i18n import number
from app.notifications.kinds import disputes, payouts, sales
from app.notifications.kinds.shapes import Params, Target, Words
from app.notifications.models import MailMode, NotificationKind


@dataclass(frozen=True)
class KindEntry:
    """A kind. `mail` is how it is mailed unless its person chooses otherwise.

    None for what belongs to a purchase: another mail tells of it, which is nobody's choice. `role`
    is whom it is for, None for everybody.
    """

    icon: str
    label: LazyString
    about: LazyString
    mail: MailMode | None
    words: Callable[[Params], Words]
    target: Callable[[Params], Target]
    role: Role | None = None


def _low_stock(params: Params) -> Words:
    """`params`: product_id, title, left."""
    left = params["left"]
    return Words(
        title=ngettext(
            "%(count)s item left: %(title)s",
            "%(count)s items left: %(title)s",
            left,
            count=number(left),
            title=params["title"],
        )
        if left
        else _("Sold out: %(title)s", title=params["title"]),
        detail=_("Add to the stock, so that the product stays on sale."),
        action=_("Open the stock"),
    )


# What a moderator did: its title, and the line below it where no reason was given.
_ACTS: Mapping[str, tuple[LazyString, LazyString]] = {
    "removed": (
        _l("A moderator removed your product: %(title)s"),
        _l("It is no longer for sale. Buyers keep what they bought."),
    ),
    "restored": (
        _l("Your product is back: %(title)s"),
        _l("It is hidden for now. Publish it to sell it again."),
    ),
    "review_hidden": (
        _l("A moderator hid your review: %(title)s"),
        _l("It is not shown to others and does not count."),
    ),
    "closed": (_l("Your account was closed"), _l("You can't log in to it any more.")),
    "reopened": (_l("Your account is open again"), _l("You can log in as before.")),
}


def _moderation(params: Params) -> Words:
    """`params`: act, and of a product product_id, of a review review_id; title, reason."""
    title, detail = _ACTS[params["act"]]
    reason = params.get("reason")
    return Words(
        title=str(title) % {"title": params.get("title", "")},
        detail=_("Reason: %(reason)s", reason=reason) if reason else str(detail),
        action=_("My products")
        if "product_id" in params
        else _("Your review")
        if "review_id" in params
        else _("Profile"),
    )


def _message(params: Params) -> Words:
    """`params`: conversation_id, name."""
    return Words(
        title=_("New message from %(name)s", name=params["name"]),
        detail=_("It has been waiting for you for ten minutes."),
        action=_("Open the conversation"),
    )


def _review(params: Params) -> Words:
    """`params`: review_id, title, stars."""
    return Words(
        title=_("New review: %(title)s", title=params["title"]),
        detail=_("%(count)s of 5 stars", count=params["stars"]),
        action=_("Read and reply"),
    )


def _reply(params: Params) -> Words:
    """`params`: review_id, title, seller."""
    return Words(
        title=_("%(name)s replied to your review", name=params["seller"]),
        detail=params["title"],
        action=_("Read the reply"),
    )


def _opinion(params: Params) -> Target:
    return Target("reviews.one", {"review_id": params["review_id"]})


def _review_request(params: Params) -> Words:
    """`params`: lines: [line_id, title] of each."""
    lines = params["lines"]
    return Words(
        title=_("How was your purchase?"),
        detail=_("Write a review: %(titles)s", titles=", ".join(title for _line, title in lines)),
        action=_("Write a review"),
        links=tuple((title, Target("reviews.write", {"line_id": line})) for line, title in lines),
    )


def _reviewable(params: Params) -> Target:
    [line_id, _title], *more = params["lines"]
    return Target("reviews.waiting") if more else Target("reviews.write", {"line_id": line_id})


def _moderated(params: Params) -> Target:
    if "review_id" in params:
        return _opinion(params)
    return Target("products.seller_products" if "product_id" in params else "auth.profile")


def _webhook(params: Params) -> Words:
    """`params`: endpoint_id, address, gone."""
    gone = _(
        "Your webhook %(address)s answered that it no longer exists, so we stopped sending to it.",
        address=params["address"],
    )
    failing = _(
        "Your webhook %(address)s failed for three days, so we stopped sending to it.",
        address=params["address"],
    )
    return Words(
        title=_("A webhook was switched off"),
        detail=gone if params["gone"] else failing,
        action=_("Open the webhook"),
    )


KINDS: Mapping[NotificationKind, KindEntry] = {
    NotificationKind.SALE: KindEntry(
        "receipt",
        _l("Sales"),
        _l("Somebody has bought from you."),
        MailMode.AT_ONCE,
        sales.sale,
        lambda _params: Target("orders.sales"),
        Role.SELLER,
    ),
    NotificationKind.PAYOUT: KindEntry(
        "wallet",
        _l("Payouts"),
        _l("You were paid, or a payout needs you."),
        MailMode.AT_ONCE,
        payouts.words,
        lambda _params: Target("payments.my_payouts"),
        Role.SELLER,
    ),
    NotificationKind.DELIVERY: KindEntry(
        "ticket",
        _l("Deliveries"),
        _l("What you bought is ready."),
        None,
        sales.delivery,
        lambda params: Target("orders.purchase", {"order_id": params["order_id"]}),
    ),
    NotificationKind.PAYMENT: KindEntry(
        "clock",
        _l("Payments"),
        _l("PayPal is holding a payment of yours, it failed, or money goes back to you."),
        None,
        sales.payment,
        lambda params: Target("orders.purchase", {"order_id": params["order_id"]}),
    ),
    NotificationKind.REFUND: KindEntry(
        "refresh",
        _l("Refunds"),
        _l("What you have sold was refunded, or a refund failed."),
        MailMode.AT_ONCE,
        sales.refund,
        lambda params: Target("orders.sale", {"order_id": params["order_id"]}),
        Role.SELLER,
    ),
    NotificationKind.CLAIM: KindEntry(
        "shield",
        _l("Refund requests"),
        _l("A buyer asks for a refund, or a request was answered."),
        MailMode.AT_ONCE,
        sales.claim,
        sales.claimed,
    ),
    NotificationKind.DISPUTE: KindEntry(
        "shield",
        _l("Disputes"),
        _l("A purchase is disputed at PayPal, or PayPal has decided."),
        MailMode.AT_ONCE,
        disputes.dispute,
        disputes.disputed,
    ),
    NotificationKind.LOW_STOCK: KindEntry(
        "key",
        _l("Low stock"),
        _l("A product is running low or has sold out."),
        MailMode.AT_ONCE,
        _low_stock,
        lambda params: Target("products.stock", {"product_id": params["product_id"]}),
        Role.SELLER,
    ),
    NotificationKind.MESSAGE: KindEntry(
        "chat",
        _l("Messages"),
        _l("A message has been waiting for you for ten minutes."),
        MailMode.AT_ONCE,
        _message,
        lambda params: Target("chats.thread", {"conversation_id": params["conversation_id"]}),
    ),
    NotificationKind.REVIEW: KindEntry(
        "star",
        _l("Reviews"),
        _l("A buyer has reviewed a product of yours."),
        MailMode.AT_ONCE,
        _review,
        _opinion,
        Role.SELLER,
    ),
    NotificationKind.REPLY: KindEntry(
        "star",
        _l("Replies to reviews"),
        _l("A seller has replied to your review."),
        MailMode.AT_ONCE,
        _reply,
        _opinion,
    ),
    NotificationKind.REVIEW_REQUEST: KindEntry(
        "edit",
        _l("Review requests"),
        _l("We ask once, some days after a delivery, how it was."),
        MailMode.AT_ONCE,
        _review_request,
        _reviewable,
    ),
    NotificationKind.MODERATION: KindEntry(
        "shield",
        _l("Moderation"),
        _l("A moderator decided about your products, your reviews or your account."),
        MailMode.AT_ONCE,
        _moderation,
        _moderated,
    ),
    NotificationKind.WEBHOOK: KindEntry(
        "bolt",
        _l("Webhooks"),
        _l("A webhook failed and was switched off."),
        MailMode.AT_ONCE,
        _webhook,
        lambda params: Target("webhooks.endpoint", {"endpoint_id": params["endpoint_id"]}),
        Role.SELLER,
    ),
}


def words_of(kind: NotificationKind, params: Params) -> Words:
    """What a notification says, in the language of this answer or mail."""
    return KINDS[kind].words(params)


def target_of(kind: NotificationKind, params: Params) -> Target:
    """Where a notification leads."""
    return KINDS[kind].target(params)


def default_mode(kind: NotificationKind) -> MailMode:
    """How a kind is mailed where nothing was chosen; NEVER for what another mail tells of."""
    return KINDS[kind].mail or MailMode.NEVER


def kinds_for(roles: frozenset[str]) -> list[NotificationKind]:
    """The kinds that somebody with these roles may get, in the order of the table."""
    return [kind for kind, entry in KINDS.items() if entry.role is None or entry.role in roles]


def chosen_by(roles: frozenset[str]) -> list[NotificationKind]:
    """Those of the kinds whose mails somebody with these roles chooses."""
    return [kind for kind in kinds_for(roles) if KINDS[kind].mail is not None]
