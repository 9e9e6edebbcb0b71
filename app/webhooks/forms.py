"""The form of a webhook."""

from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField, URLField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.auth.forms import Form
from app.webhooks.models import EventType
from app.webhooks.posting import MAX_URL

LABELS = {
    EventType.ORDER_PAID: _l("An order is paid"),
    EventType.ORDER_DELIVERED: _l("An order is delivered"),
    EventType.STOCK_LOW: _l("Five pieces or fewer are left of a product"),
    EventType.STOCK_OUT: _l("Nothing is left of a product"),
}


class EndpointForm(Form):
    """Where to send, and what."""

    url = URLField(
        _l("Address"),
        [InputRequired(_l("Please fill this in.")), Length(max=MAX_URL)],
        description=_l("Your service's own, with https."),
    )
    events = SelectMultipleField(
        _l("Events"),
        choices=[SelectChoice(kind.value, label) for kind, label in LABELS.items()],
        invalid_choice_message=_l("Choose from what is offered here."),
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
    )
