"""What can go wrong with people."""

from flask_babel import gettext as _

from app.kit.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooMany,
    Unauthenticated,
)


class WrongCredentials(Invalid):
    """No account has this address and password; which of the two is wrong is not said."""

    def __init__(self) -> None:
        super().__init__("wrong_credentials", _("Wrong email or password."))


class TooManyLogins(TooMany):
    """Strangers have used up the tries that devices unknown to an account have."""

    def __init__(self, retry_after: int | None) -> None:
        super().__init__(
            "too_many_logins",
            _(
                "Too many attempts to log in to this account. Log in on a device you have used "
                "before, or set a new password with a link sent by email."
            ),
            retry_after=retry_after,
        )


class NotConfirmed(Forbidden):
    """The password was right, but the address is not confirmed yet."""

    def __init__(self) -> None:
        super().__init__(
            "not_confirmed",
            _("Please confirm your email first: open the link we sent you."),
        )


class Banned(Forbidden):
    """The password was right, but the account is closed."""

    def __init__(self) -> None:
        super().__init__("banned", _("This account is closed."))


class WrongPassword(Invalid):
    """Somebody who is logged in did not give their own password."""

    def __init__(self, field: str) -> None:
        message = _("This password is wrong.")
        super().__init__("wrong_password", message, errors={field: message})


class DeadLink(Gone):
    """The secret of a mailed link is unknown, used or too old."""

    def __init__(self) -> None:
        super().__init__(
            "dead_link", _("This link has expired or was already used. Please request a new one.")
        )


class NoSuchUser(NotFound):
    """There is no such user."""

    def __init__(self) -> None:
        super().__init__("no_such_user", _("There is no such user."))


class NotYourself(Conflict):
    """Nobody bans themselves, or gives up being the one who could take it back."""

    def __init__(self) -> None:
        super().__init__("not_yourself", _("You can't do this to your own account."))


class NoSuchSession(NotFound):
    """There is no such session of this person."""

    def __init__(self) -> None:
        super().__init__("no_such_session", _("This browser is no longer logged in."))


class AlreadySeller(Conflict):
    """The person sells already."""

    def __init__(self) -> None:
        super().__init__("already_seller", _("You are already a seller."))


class NameTaken(Conflict):
    """A seller has this name, or one that looks like it."""

    def __init__(self) -> None:
        message = _(
            "Another seller has this name or one that looks like it. Please choose another."
        )
        super().__init__("name_taken", message, errors={"display_name": message})


class NameReserved(Invalid):
    """The name would make people believe that the shop itself speaks."""

    def __init__(self) -> None:
        message = _("This name is reserved for the shop. Please choose another.")
        super().__init__("name_reserved", message, errors={"display_name": message})


class NotSeller(Conflict):
    """The person does not sell."""

    def __init__(self) -> None:
        super().__init__("not_seller", _("You are not a seller yet."))


class BadToken(Unauthenticated):
    """A bearer token, refresh token or API key that is good for nothing; why is not said."""

    def __init__(self) -> None:
        super().__init__("bad_token", _("This token is invalid or has expired."))


class NoSuchApiKey(NotFound):
    """There is no such key of this person."""

    def __init__(self) -> None:
        super().__init__("no_such_api_key", _("There is no such key."))


class TooManyApiKeys(Conflict):
    """The person has as many keys as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            "too_many_api_keys", _("You can have up to %(most)d keys. Revoke one first.", most=most)
        )
