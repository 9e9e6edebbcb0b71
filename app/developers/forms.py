"""The form of a new API key."""

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.auth.scopes import Scope
from app.auth.service.details import NAME_MAX
from app.kit.forms import Form

DAYS = {"30": _l("30 days"), "90": _l("90 days"), "365": _l("1 year"), "": _l("No expiry")}
SCOPES = {
    Scope.ACCOUNT: _l("Your account"),
    Scope.ORDERS: _l("Basket, orders and purchases"),
    Scope.PRODUCTS: _l("Your products and their stock"),
    Scope.SALES: _l("Your sales and balance"),
    Scope.WEBHOOKS: _l("Your webhooks"),
    Scope.REVIEWS: _l("Your reviews, replies and votes"),
    Scope.NOTIFICATIONS: _l("Your notifications"),
    Scope.CHATS_READ: _l("Your conversations"),
    Scope.CHATS_WRITE: _l("Your conversations: writing messages"),
    Scope.ADMIN: _l("Administration"),
}


class KeyForm(Form):
    """A key: its name, what it is good for, how long."""

    name = StringField(
        _l("Key name"),
        [InputRequired(_l("Please fill in this field.")), Length(max=NAME_MAX)],
        description=_l("What the key is for, such as “stock import”."),
    )
    scopes = SelectMultipleField(
        _l("Permissions"),
        invalid_choice_message=_l("Choose one of the options."),
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
    )
    days = SelectField(
        _l("Valid for"),
        choices=[SelectChoice(value, label) for value, label in DAYS.items()],
        default="90",
    )

    def offer(self, scopes: list[Scope]) -> None:
        """Set what can be chosen: what the person may do."""
        self.scopes.choices = [(scope.value, SCOPES[scope]) for scope in scopes]
