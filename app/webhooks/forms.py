"""The form of a webhook."""

from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField, URLField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.kit.forms import Form
from app.webhooks.labels import EVENTS
from app.webhooks.posting import MAX_URL


class EndpointForm(Form):
    """The address and the events of a webhook."""

    url = URLField(
        _l("Address"),
        [InputRequired(_l("Please fill in this field.")), Length(max=MAX_URL)],
        description=_l("The https address of your service."),
    )
    events = SelectMultipleField(
        _l("Events"),
        choices=[SelectChoice(kind.value, label) for kind, label in EVENTS.items()],
        invalid_choice_message=_l("Choose one of the options."),
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
    )
