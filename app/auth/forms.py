"""What people fill in. Which values are good is the service's to say; forms hold and show them."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length

from app.auth.passwords import MAX_LENGTH
from app.auth.service.details import EMAIL_LENGTH, NAME_MAX
from app.kit.forms import Form
from app.kit.i18n import LOCALES

_FILL_IN = _l("Please fill in this field.")
_LONGER = _l("This is too long.")


def _email(label: Any) -> EmailField:
    return EmailField(label, [DataRequired(_FILL_IN), Length(max=EMAIL_LENGTH, message=_LONGER)])


def _password(label: Any) -> PasswordField:
    # A password may be made of spaces.
    return PasswordField(label, [InputRequired(_FILL_IN), Length(max=MAX_LENGTH, message=_LONGER)])


def _name() -> StringField:
    return StringField(
        _l("Name"),
        # Spaces and invisible characters are taken away before the length is checked.
        [DataRequired(_FILL_IN), Length(max=NAME_MAX * 2, message=_LONGER)],
        description=_l("Shown to others on your products."),
    )


class LoginForm(Form):
    """Log in."""

    email = _email(_l("Email"))
    password = _password(_l("Password"))


class RegisterForm(Form):
    """Make an account."""

    display_name = _name()
    email = _email(_l("Email"))
    password = _password(_l("Password"))


class EmailForm(Form):
    """Ask for a mail."""

    email = _email(_l("Email"))


class ResetForm(Form):
    """Choose a new password by a mailed link."""

    password = _password(_l("New password"))


class ChangePasswordForm(Form):
    """Replace the password."""

    current = _password(_l("Current password"))
    new = _password(_l("New password"))


class ProfileForm(Form):
    """What a person says of themselves."""

    display_name = _name()
    locale = SelectField(
        _l("Language"), choices=[SelectChoice(code, name) for code, name in LOCALES.items()]
    )


class SellerForm(Form):
    """Become a seller."""

    display_name = _name()
    paypal_email = _email(_l("PayPal email"))
    password = _password(_l("Your password"))


class PayoutForm(Form):
    """Be paid somewhere else."""

    paypal_email = _email(_l("PayPal email"))
    password = _password(_l("Your password"))


class EmptyForm(Form):
    """A button."""
