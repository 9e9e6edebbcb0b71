"""Forms of administrators. The rules are the services'; the forms only read."""

import re

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length

from app.kit.forms import Form
from app.kit.money import BASIS_POINTS
from app.orders.policy import REASON_MAX

_PERCENT = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,2}))?\s*%?")
_HUNDREDTHS = 100


class PercentField(StringField):  # type: ignore[misc]  # WTForms carries no types
    """A percentage as people type it; `basis_points` is what it comes to."""

    basis_points: int | None = None

    def process_formdata(self, values: list[str]) -> None:
        """Keep the text as typed, and read it."""
        super().process_formdata(values)
        text = (self.data or "").strip()
        if not text:
            return
        read = _PERCENT.fullmatch(text)
        points = int(read[1]) * _HUNDREDTHS + int((read[2] or "").ljust(2, "0")) if read else -1
        if not 0 <= points <= BASIS_POINTS:
            raise ValidationError(_("Enter a percentage from 0 to 100, such as 12.5."))
        self.basis_points = points


class CategoryRateForm(Form):
    """What is taken of a category's sales."""

    category_id = SelectField(
        _l("Category"), validators=[InputRequired(_l("Choose a category."))], validate_choice=False
    )
    category_percent = PercentField(
        _l("Commission"), validators=[InputRequired(_l("Enter a percentage."))]
    )


class SellerRateForm(Form):
    """What is taken of a seller's sales."""

    seller = StringField(
        _l("Email or name of the seller"),
        validators=[InputRequired(_l("Enter an email address or a name."))],
    )
    seller_percent = PercentField(
        _l("Commission"), validators=[InputRequired(_l("Enter a percentage."))]
    )


class ReasonForm(Form):
    """Why something is decided."""

    reason = TextAreaField(_l("Reason"), validators=[InputRequired(), Length(max=REASON_MAX)])
