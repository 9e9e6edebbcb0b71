"""What can go wrong with webhooks."""

from flask_babel import gettext as _

from app.kit.errors import Conflict, Invalid, NotFound


class NoSuchEndpoint(NotFound):
    """There is no such webhook of this seller."""

    def __init__(self) -> None:
        super().__init__("webhooks.no_such_endpoint", _("There is no such webhook."))


class NoSuchMessage(NotFound):
    """There is no such message of this webhook."""

    def __init__(self) -> None:
        super().__init__("webhooks.no_such_message", _("There is no such message."))


class TooManyEndpoints(Conflict):
    """The seller has as many webhooks as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            "webhooks.too_many",
            _("You can have up to %(most)d webhooks. Delete one first.", most=most),
        )


class SwitchedOff(Conflict):
    """The webhook is off."""

    def __init__(self) -> None:
        super().__init__("webhooks.off", _("This webhook is off. Switch it on first."))


class BadEndpoint(Invalid):
    """What was entered can't be a webhook; `errors` maps field to message."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("webhooks.bad_endpoint", next(iter(errors.values())), errors=errors)
