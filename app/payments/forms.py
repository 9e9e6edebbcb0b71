"""Forms about money, for administrators. The rules are the services'; the forms only read."""

from flask_babel import lazy_gettext as _l
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from app.kit.forms import Form
from app.payments.policy import REASON_MAX


class ReasonForm(Form):
    """Why something is decided."""

    reason = TextAreaField(_l("Reason"), validators=[InputRequired(), Length(max=REASON_MAX)])
