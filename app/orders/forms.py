"""Forms of the basket and the cabinet."""

from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, IntegerField, SearchField, ValidationError
from wtforms.validators import InputRequired, Length, NumberRange

from app.kit.forms import Form, ReadingForm
from app.orders.policy import MAX_QUANTITY

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
