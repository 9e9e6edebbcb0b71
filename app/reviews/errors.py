"""What can go wrong with reviews."""

from flask_babel import gettext as _

from app.kit.errors import Conflict, Gone, Invalid, NotFound


class NoSuchReview(NotFound):
    """There is no such review, or it is not theirs to see."""

    def __init__(self) -> None:
        super().__init__("reviews.no_such_review", _("There is no such review."))


class NoSuchLine(NotFound):
    """There is no such line among the person's purchases."""

    def __init__(self) -> None:
        super().__init__("reviews.no_such_line", _("You have no such purchase."))


class NotDelivered(Conflict):
    """Only what was delivered, and not given back, is reviewed."""

    def __init__(self) -> None:
        super().__init__(
            "reviews.not_delivered",
            _("You can review a purchase once it is delivered, and not after a refund."),
        )


class TooLateToEdit(Conflict):
    """A review is changed for thirty days."""

    def __init__(self) -> None:
        super().__init__(
            "reviews.too_late_to_edit",
            _("A review can be changed for 30 days after it was written."),
        )


class NotYourOwn(Conflict):
    """Neither the author nor the seller votes for a review, and nobody reports their own."""

    def __init__(self) -> None:
        super().__init__(
            "reviews.not_your_own", _("This isn't possible for your own review or product.")
        )


class NotHidden(Conflict):
    """The review is not hidden."""

    def __init__(self) -> None:
        super().__init__("reviews.not_hidden", _("This review is not hidden."))


class BadReview(Invalid):
    """A field of a review, a reply or a reason breaks a rule; `errors` maps field to message."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("reviews.bad_review", next(iter(errors.values())), errors=errors)


class NoSuchSeller(NotFound):
    """No seller is, or was, called so."""

    def __init__(self) -> None:
        super().__init__("reviews.no_such_seller", _("There is no such seller."))


class SellerGone(Gone):
    """The seller's account is closed."""

    def __init__(self) -> None:
        super().__init__("reviews.seller_gone", _("This seller no longer sells here."))
