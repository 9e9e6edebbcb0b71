"""Forms of the basket and the cabinet."""

from collections.abc import Sequence
from uuid import UUID

from flask import current_app, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    HiddenField,
    IntegerField,
    SearchField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange

from app.kit.forms import Form, ReadingForm
from app.kit.ids import new_id
from app.orders.models.claims import ClaimKind
from app.orders.policy import MAX_QUANTITY
from app.orders.service.returning import Scope
from app.products.amounts import parse_price

SEARCH_LENGTH = 100


class ProductForm(Form):
    """Names a product."""

    product_id = HiddenField(validators=[InputRequired()])

    def validate_product_id(self, field: HiddenField) -> None:
        """Refuse what is no id."""
        try:
            UUID(field.data or "")
        except ValueError as error:
            raise ValidationError(_l("This is not a product.")) from error

    @property
    def product(self) -> UUID:
        """The product's id, once the form is valid."""
        return UUID(self.product_id.data)


class PiecesForm(ProductForm):
    """Names a product and how many pieces of it."""

    quantity = IntegerField(
        _l("Quantity"),
        validators=[
            InputRequired(_l("Enter a quantity.")),
            NumberRange(1, MAX_QUANTITY, _l("You can buy 1 to %(max)s at once.")),
        ],
    )


class SearchForm(ReadingForm):
    """Words to look for among one's purchases."""

    q = SearchField(_l("Search your purchases"), validators=[Length(max=SEARCH_LENGTH)])


class RefundForm(Form):
    """What of an order is refunded, and why.

    `what` has `all`, lines' ids, and lines' ids with the number of one of their pieces: `<id>:<n>`.
    """

    what = SelectMultipleField(_l("What is refunded"), choices=[], validate_choice=False)
    # Of this page: sent twice, by two clicks, it is one refund.
    asked_key = HiddenField(default=lambda: str(new_id()), validators=[Length(max=100)])
    amount = StringField(_l("Only this amount"))
    reason = TextAreaField(_l("Reason"))

    def validate_what(self, field: SelectMultipleField) -> None:
        """Refuse what names nothing."""
        try:
            _lines_of(field.data or ())
        except ValueError as error:
            raise ValidationError(_("Choose what is refunded.")) from error

    def validate_amount(self, field: StringField) -> None:
        """Refuse what is no amount, and an amount of a single piece."""
        text = (field.data or "").strip()
        if not text:
            return
        try:
            minor = parse_price(text, current_app.extensions["settings"].currency)
        except ValueError as error:
            raise ValidationError(_("Enter an amount such as 4.50.")) from error
        if not minor or any(":" in what for what in self.what.data or ()):
            raise ValidationError(
                _("Enter an amount of an order or of a product, not of a single item.")
            )

    def scope(self) -> Scope:
        """What was chosen; the form must be valid."""
        text = (self.amount.data or "").strip()
        currency = current_app.extensions["settings"].currency
        return Scope(_lines_of(self.what.data), parse_price(text, currency) if text else None)


class ClaimForm(Form):
    """What is wrong with which pieces."""

    kind = SelectField(
        _l("What is wrong?"),
        choices=[
            SelectChoice(ClaimKind.INVALID.value, _l("It doesn't work")),
            SelectChoice(ClaimKind.NOT_AS_DESCRIBED.value, _l("It is not as described")),
            SelectChoice(ClaimKind.OTHER.value, _l("I have changed my mind")),
        ],
    )
    reason = TextAreaField(_l("What happened?"))

    @property
    def numbers(self) -> frozenset[int]:
        """The pieces that were chosen, by their numbers."""
        texts = request.form.getlist("pieces")
        return frozenset(int(text) for text in texts if text.isdecimal() and len(text) <= 3)


class AnswerForm(Form):
    """Yes or no to a claim, and why."""

    act = HiddenField()
    reason = TextAreaField(_l("Reason"))

    @property
    def says_yes(self) -> bool:
        """Whether it is to be refunded."""
        return bool(self.act.data == "yes")


def _lines_of(names: Sequence[str]) -> dict[UUID, frozenset[int]]:
    """The lines that `what` names, and of each the pieces; ValueError if it names something else.

    Of what is named whole the pieces need no naming; nothing stands for all of the order.
    """
    if not names:
        raise ValueError(names)
    lines: dict[UUID, set[int]] = {}
    whole: set[UUID] = set()
    for name in names:
        if name == "all":
            continue
        text, colon, number = name.partition(":")
        line_id = UUID(text)
        numbers = lines.setdefault(line_id, set())
        if not colon:
            whole.add(line_id)
        elif number.isdecimal() and 0 < int(number[:6]) <= MAX_QUANTITY:
            numbers.add(int(number))
        else:
            raise ValueError(name)
    if "all" in names:
        return {}
    return {
        line_id: frozenset() if line_id in whole else frozenset(numbers)
        for line_id, numbers in lines.items()
    }
