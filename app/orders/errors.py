"""What can go wrong with a basket, an order or a delivery."""

from flask_babel import gettext as _

from app.kit.errors import Conflict, Invalid, NotFound, TooMany


class NoSuchOrder(NotFound):
    """There is no such order, or it is somebody else's."""

    def __init__(self) -> None:
        super().__init__("orders.not_found", _("There is no such purchase."))


class NotStuck(Conflict):
    """There is nothing to decide about this order, or not by this act."""

    def __init__(self) -> None:
        super().__init__(
            "orders.not_stuck", _("This payment isn't stuck any more, or not in this way.")
        )


class NoReason(Invalid):
    """An operator decides for a reason that is written down."""

    def __init__(self, message: str) -> None:
        super().__init__("orders.no_reason", message, errors={"reason": message})


class EmptyBasket(Conflict):
    """There is nothing to buy."""

    def __init__(self) -> None:
        super().__init__("orders.empty_basket", _("Your basket is empty."))


class BasketChanged(Conflict):
    """Prices, stock or the basket itself are not what the person saw."""

    def __init__(self) -> None:
        super().__init__(
            "orders.basket_changed",
            _("Your basket has changed in the meantime. Please check it again."),
        )


class OrderTooSmall(Conflict):
    """So small an order would cost more in PayPal's fees than the shop earns with it."""

    def __init__(self, least: str) -> None:
        super().__init__(
            "orders.too_small",
            _("The minimum order is %(least)s. Add something to your basket.", least=least),
        )


class OwnProduct(Conflict):
    """Sellers don't buy from themselves."""

    def __init__(self) -> None:
        super().__init__("orders.own_product", _("You can't buy your own product."))


class TooManyCheckouts(TooMany):
    """Too many orders from one place wait for their buyers to pay."""

    def __init__(self) -> None:
        super().__init__(
            "orders.too_many_checkouts",
            _(
                "Too many orders from your network are waiting to be paid. Please try again in a "
                "few minutes."
            ),
            retry_after=60,
        )


class TooManyInPaypalsHands(TooMany):
    """PayPal holds so many payments of this buyer that no more goods are kept for them."""

    def __init__(self, most: int) -> None:
        super().__init__(
            "orders.too_many_in_paypals_hands",
            _(
                "PayPal is still holding %(count)s of your payments. You can order more once one "
                "of them goes through or fails.",
                count=most,
            ),
            retry_after=3600,
        )


class AlreadyPaid(Conflict):
    """This very basket was paid for already; `params["order_id"]` tells where it is."""

    def __init__(self, order_id: object) -> None:
        super().__init__(
            "orders.already_paid", _("You have already paid for this."), order_id=str(order_id)
        )


class BeingPaid(AlreadyPaid):
    """PayPal has the payment of this very basket in hand; paying again would be once too often."""

    def __init__(self, order_id: object) -> None:
        Conflict.__init__(
            self,
            "orders.being_paid",
            _("This is already being paid for. Please don't pay again."),
            order_id=str(order_id),
        )


class Stopped(Conflict):
    """The purchase can't go on: somebody was banned, or the goods were withdrawn."""

    def __init__(self) -> None:
        super().__init__("orders.stopped", _("This purchase can no longer be completed."))


class OfferChanged(Conflict):
    """What was ordered is not for sale any more, or not at that price."""

    def __init__(self) -> None:
        super().__init__(
            "orders.offer_changed",
            _("The time to pay ran out, and the offer has changed since."),
        )


class NotForSale(Conflict):
    """The product is hidden, removed, unfinished, or its seller may not trade."""

    def __init__(self) -> None:
        super().__init__("orders.not_for_sale", _("This product is no longer for sale."))


class NoSuchProduct(NotFound):
    """There is no such product."""

    def __init__(self) -> None:
        super().__init__("orders.no_such_product", _("There is no such product."))


class BasketFull(Conflict):
    """The basket holds as much as a basket may."""

    def __init__(self, message: str) -> None:
        super().__init__("orders.basket_full", message)


class NoSuchClaim(NotFound):
    """There is no such claim, or it is nobody's business who asks."""

    def __init__(self) -> None:
        super().__init__("orders.no_such_claim", _("There is no such claim."))


class NotClaimable(Conflict):
    """Nothing can be claimed for this, or not any more, or not yet."""

    def __init__(self, message: str) -> None:
        super().__init__("orders.not_claimable", message)


class ClaimOver(Conflict):
    """The claim is not to be answered so: it has moved on meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            "orders.claim_over", _("This claim has moved on in the meantime. Please look again.")
        )


class TooMuchBack(Conflict):
    """Less is left of what was paid than is to go back."""

    def __init__(self) -> None:
        super().__init__("orders.too_much_back", _("There is not that much left of what was paid."))


class NotReturnable(Conflict):
    """The buyer can't return this by themselves: it was opened, or the time for it is over."""

    def __init__(self, message: str) -> None:
        super().__init__("orders.not_returnable", message)


class PieceRefunded(Conflict):
    """The piece goes back, or went: nobody opens it any more."""

    def __init__(self) -> None:
        super().__init__(
            "orders.piece_refunded", _("This item is refunded and can't be revealed any more.")
        )


class NoSuchPiece(NotFound):
    """The purchase has no such piece."""

    def __init__(self) -> None:
        super().__init__("orders.no_such_piece", _("There is no such item in this purchase."))


class OwnMatter(Conflict):
    """Staff decide nothing about what they bought or sold themselves."""

    def __init__(self) -> None:
        super().__init__(
            "orders.own_matter",
            _("You bought or sold this yourself, so somebody else of the team has to decide."),
        )


class Disputed(Conflict):
    """A dispute about this purchase is not decided yet: nothing of it moves meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            "orders.disputed",
            _(
                "This purchase is disputed at PayPal. What is still unopened stays locked, and "
                "nothing is refunded here, until PayPal decides."
            ),
        )
