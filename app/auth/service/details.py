"""The form that addresses, names and passwords of people must have."""

import re
import unicodedata
from types import TracebackType

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _

from app.auth import passwords
from app.auth.passwords import Weakness
from app.kit.errors import Invalid
from app.kit.i18n import LOCALES

EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
NAME_MIN, NAME_MAX = 2, 60
# Signs that turn the direction of the text after them: a name could rewrite the line it stands in.
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Signs and letters that nobody sees: two names could look alike, or like none. The joiners (200c,
# 200d) and variation selectors stay, by which Persian, Hindi and emoji are written.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f"
    "\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


class Faults:
    """What is wrong with several values, to be told of together; each is checked `with` it."""

    def __init__(self) -> None:
        self._found: list[Invalid] = []

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, Invalid):
            self._found.append(error)
            return True
        return False

    def tell(self) -> None:
        """Raise Invalid with the errors of all, if there are any."""
        if self._found:
            first = self._found[0]
            errors = {field: text for each in self._found for field, text in each.errors.items()}
            raise Invalid(first.code, first.message, errors=errors) from first


def clean_email(email: str, field: str = "email") -> str:
    """An address as it is kept: NFC, in small letters; Invalid if mail can't be sent to it."""
    message = _("Please enter an email address, such as name@example.com.")
    error = Invalid("bad_email", message, errors={field: message})
    if len(email) > EMAIL_LENGTH:
        raise error
    try:
        # The demo's and the tests' addresses use names that are reserved for that (RFC 2606).
        checked = validate_email(
            email.strip(), check_deliverability=False, strict=True, test_environment=True
        )
    except (EmailNotValidError, UnicodeError) as cause:
        raise error from cause
    # Not casefold: it makes ss of ß, which is another domain, and another mailbox.
    return unicodedata.normalize("NFC", checked.normalized.lower())


def comparable_email(email: str) -> str:
    """An address as it would be kept, or "" for what can't be the address of an account."""
    try:
        return clean_email(email)
    except Invalid:
        return ""


def clean_name(name: str, field: str = "display_name") -> str:
    """A name to show: NFC, single spaces, nothing invisible; Invalid if too short or too long."""
    visible = _UNSEEN.sub("", _TURNS.sub("", unicodedata.normalize("NFC", name)))
    visible = "".join(
        " " if char.isspace() else char
        for char in visible
        if char.isspace() or unicodedata.category(char) not in {"Cc", "Cs"}
    )
    visible = " ".join(visible.split())
    drawn = sum(unicodedata.category(char)[0] in "LNPS" for char in visible)
    if drawn < NAME_MIN or len(visible) > NAME_MAX:
        message = _("Use %(least)d to %(most)d characters.", least=NAME_MIN, most=NAME_MAX)
        raise Invalid("bad_name", message, errors={field: message})
    return visible


def clean_locale(locale: str, field: str = "locale") -> str:
    """One of the shop's languages; Invalid for any other."""
    if locale not in LOCALES:
        message = _("This language is not available.")
        raise Invalid("bad_locale", message, errors={field: message})
    return locale


def check_new_password(password: str, *about: str, field: str = "password") -> None:
    """Invalid for a new password too short, too long or easily guessed; `about` is its owner."""
    password = unicodedata.normalize("NFC", password)  # as it is hashed
    if len(password) < passwords.MIN_LENGTH:
        message = _("Use at least %(least)d characters.", least=passwords.MIN_LENGTH)
    elif len(password) > passwords.MAX_LENGTH:
        message = _("Use at most %(most)d characters.", most=passwords.MAX_LENGTH)
    elif (weakness := passwords.weakness(password, about)) is not None:
        message = _why(weakness)
    else:
        return
    raise Invalid("bad_password", message, errors={field: message})


def _why(weakness: Weakness) -> str:
    match weakness:
        case Weakness.REPEATED:
            found = _("This password repeats itself, so it is easy to guess.")
        case Weakness.SEQUENCE:
            found = _("This password follows a pattern, such as abc, qwerty or a date.")
        case Weakness.OWN:
            found = _("This password is made of your own name or email, or of the shop's name.")
        case Weakness.COMMON:
            found = _("This password is common, so it is easy to guess.")
    return str(_("%(found)s Use several unrelated words.", found=found))
