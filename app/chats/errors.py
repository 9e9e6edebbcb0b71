"""What can go wrong with conversations."""

from collections.abc import Sequence

from flask_babel import gettext as _

from app.kit.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class NoSuchConversation(NotFound):
    """There is none, or it is somebody else's."""

    def __init__(self) -> None:
        super().__init__("no_such_conversation", _("There is no such conversation."))


class NoSuchMessage(NotFound):
    """There is none in this conversation."""

    def __init__(self) -> None:
        super().__init__("no_such_message", _("There is no such message."))


class OwnProduct(Conflict):
    """Nobody talks with themselves."""

    def __init__(self) -> None:
        super().__init__("own_product", _("This is your own product."))


class Shut(Forbidden):
    """The other one takes no messages from this person."""

    def __init__(self) -> None:
        super().__init__("conversation_shut", _("This person doesn't take messages from you."))


class Blocked(Conflict):
    """Whoever blocks somebody doesn't write to them either."""

    def __init__(self) -> None:
        super().__init__(
            "you_blocked", _("You have blocked this person. Unblock them to write to them.")
        )


class BadMessage(Invalid):
    """The text is empty, too long, or can't be stored."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_message", message, errors={"text": message})


class Doubtful(Conflict):
    """The text has what people are warned of: the one who wrote it has to be sure."""

    def __init__(self, flags: Sequence[str]) -> None:
        warnings = {
            "payment": _(
                "It looks like a way to pay outside the shop. Whoever pays elsewhere is not "
                "protected, and asking for it is against the rules."
            ),
            "password": _("It looks like a password. Nobody here will ever need yours."),
        }
        self.flags = tuple(flags)
        super().__init__("needs_confirmation", " ".join(str(warnings[flag]) for flag in flags))


class TooLateToChange(Conflict):
    """A message may be changed for a quarter of an hour."""

    def __init__(self) -> None:
        super().__init__(
            "too_late_to_change", _("A message can be changed or deleted for 15 minutes only.")
        )


class ChangedMeanwhile(Conflict):
    """The message is not what it was when somebody began to change it, in another tab perhaps."""

    def __init__(self) -> None:
        super().__init__(
            "changed_meanwhile",
            _("This message was changed meanwhile. Look at it before you change it again."),
        )


class ReportMoved(Conflict):
    """The report was closed, or made anew, since the moderator looked."""

    def __init__(self) -> None:
        super().__init__(
            "report_moved", _("This report has moved on in the meantime. Please look again.")
        )


class ChatsUnavailable(Unavailable):
    """MongoDB can't be reached: nothing was lost, nothing was stored."""

    def __init__(self) -> None:
        super().__init__(
            "chats_unavailable",
            _("Messages can't be reached right now. What you typed is kept; please try again."),
            retry_after=5,
        )
