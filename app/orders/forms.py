"""Forms of the basket and the cabinet."""

from uuid import UUID

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, SearchField, ValidationError
from wtforms.validators import InputRequired, Length, NumberRange

from app.orders.policy import MAX_QUANTITY

SEARCH_LENGTH = 100


class ProductForm(FlaskForm):  # type: ignore[misc]  # flask-wtf carries no types
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


class SearchForm(FlaskForm):  # type: ignore[misc]  # flask-wtf carries no types
    """Words to look for among one's purchases."""

    class Meta:
        """A search changes nothing, so it needs no token."""

        csrf = False

    q = SearchField(_l("Search your purchases"), validators=[Length(max=SEARCH_LENGTH)])
