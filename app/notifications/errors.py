"""What can go wrong with notifications."""

from flask_babel import gettext as _

from app.kit.errors import Invalid, NotFound


class NoSuchNotification(NotFound):
    """There is none with this id, or it is somebody else's."""

    def __init__(self) -> None:
        super().__init__("no_such_notification", _("There is no such notification."))


class BadUnsubscribeLink(NotFound):
    """The token was not made by the shop."""

    def __init__(self) -> None:
        super().__init__(
            "bad_unsubscribe_link",
            _("This link is not valid. Log in to choose which emails you get."),
        )


class NoChoice(Invalid):
    """Emails of this kind are not chosen."""

    def __init__(self) -> None:
        super().__init__("no_choice", _("These emails belong to a purchase and are always sent."))
