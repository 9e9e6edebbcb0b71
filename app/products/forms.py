"""Forms of goods and stock."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    HiddenField,
    RadioField,
    SearchField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from app.kit import i18n
from app.kit.forms import Form, ReadingForm
from app.kit.money import Money
from app.kit.words import searchable
from app.products.amounts import parse_price
from app.products.labels import SORTS
from app.products.models import LOW_STOCK, REFUND_DAYS, Kind, Sort
from app.products.queries.catalogue import Filters
from app.products.service.layouts import Layout, Parts
from app.products.service.products import Draft, objections

WORDS_LENGTH = 100
VERSION_DIGITS = 9
COLUMN_DIGITS = 4
TEMPLATE_LENGTH = 500
_EXAMPLE_MINOR = 1250


class StockForm(Form):
    """Lines of stock, pasted or as a file; the service reads and judges them."""

    lines = TextAreaField(_l("Paste the items"))
    file = FileField(_l("Or choose a file"))


class LayoutForm(Form):
    """How units stand in what was sent."""

    parts = RadioField(
        _l("How are the items separated?"),
        choices=[
            SelectChoice(Parts.LINE.value, _l("One item per line")),
            SelectChoice(Parts.BLANK.value, _l("By blank lines: an item has several lines")),
            SelectChoice(Parts.DASHES.value, _l("By lines of dashes (---)")),
            SelectChoice(Parts.TABLE.value, _l("A table: each row is an item")),
        ],
        validate_choice=False,
    )
    columns = SelectMultipleField(
        _l("Columns of the item"),
        validate_choice=False,
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
    )
    template = TextAreaField(_l("Or write your own format"))
    heading = BooleanField(_l("The first line contains the column names"))

    @classmethod
    def of(cls, layout: Layout, *, heading: bool) -> "LayoutForm":
        """A form that shows a layout."""
        return cls(
            formdata=None,
            data={
                "parts": layout.parts.value,
                "columns": [str(column) for column in layout.columns],
                "template": layout.template,
                "heading": heading,
            },
        )

    def layout(self) -> Layout:
        """What was chosen; what is no choice counts for nothing."""
        known = Parts.__members__.values()
        chosen = [word for word in self.columns.data or () if word.isascii() and word.isdecimal()]
        return Layout(
            Parts(self.parts.data) if self.parts.data in known else Parts.LINE,
            tuple(sorted({int(word) for word in chosen if len(word) < COLUMN_DIGITS})),
            (self.template.data or "").replace("\r\n", "\n").strip()[:TEMPLATE_LENGTH],
            bool(self.heading.data),
        )


class PriceField(StringField):  # type: ignore[misc]  # WTForms carries no types
    """A price as people type it; `minor` is what it comes to in minor units."""

    minor: int | None = None

    def process_formdata(self, values: list[str]) -> None:
        """Keep the text as typed, and read it."""
        super().process_formdata(values)
        text = (self.data or "").strip()
        if text:
            currency = current_app.extensions["settings"].currency
            try:
                self.minor = parse_price(text, currency)
            except ValueError as error:
                example = Money(_EXAMPLE_MINOR, currency).typed(i18n.locale())
                raise ValidationError(
                    _("Enter a price such as %(example)s.", example=example)
                ) from error


def _number(field: StringField) -> int:
    """What was entered; an empty field is 0, and what is no number none that is allowed."""
    text = (field.data or "0").strip()
    return int(text) if text.isdecimal() and len(text) <= VERSION_DIGITS else -1


class ProductForm(Form):
    """A listing. The rules are the service's; the form only reads."""

    title = StringField(
        _l("Title"),
        validators=[InputRequired(_l("Use 3 to 120 characters."))],
    )
    category_id = SelectField(
        _l("Category"),
        validate_choice=False,
        validators=[InputRequired(_l("Choose a category."))],
    )
    kind = RadioField(
        _l("What do you sell?"),
        choices=[
            SelectChoice(Kind.KEY.value, _l("Keys, one per sale")),
            SelectChoice(Kind.LINK.value, _l("Links")),
            SelectChoice(Kind.TEXT.value, _l("A text, the same for every buyer")),
        ],
        default=Kind.KEY.value,
        validators=[InputRequired(_l("Choose what you sell."))],
    )
    shared = BooleanField(_l("Every buyer gets the same link"))
    price = PriceField(_l("Price per item"), validators=[InputRequired(_l("Enter a price."))])
    description = TextAreaField(_l("Description"))
    content = TextAreaField(_l("What the buyer gets"))
    low_stock_at = StringField(_l("Tell me when this many are left"), default=str(LOW_STOCK))
    refund_days = StringField(_l("Days to return unopened items"), default=str(REFUND_DAYS))
    photo = FileField(_l("Cover photo"))
    without_photo = BooleanField(_l("Remove the cover photo"))
    version = HiddenField(default="1")

    def take(self, values: Mapping[str, str | bool]) -> None:
        """Put these in place of what was entered."""
        for name, value in values.items():
            field = self[name]
            field.raw_data = [value] if value else []
            field.process_errors = []
            field.process_formdata(field.raw_data)

    def validate(self, extra_validators: Any = None) -> bool:
        """Also what the service would object to, so that all mistakes are told at once."""
        readable: bool = super().validate(extra_validators)
        kinds = Kind.__members__.values()
        kind = Kind(self.kind.data) if self.kind.data in kinds else Kind.KEY
        # Whether there is such a category is asked later.
        errors = objections(self._draft(UUID(int=0), kind))
        for name, message in errors.items():
            if not self[name].errors:
                self[name].errors = [message]
        return readable and not errors

    def draft(self) -> Draft:
        """What was entered, for the service; the form must be valid."""
        return self._draft(UUID(self.category_id.data), Kind(self.kind.data))

    def _draft(self, category_id: UUID, kind: Kind) -> Draft:
        return Draft(
            category_id=category_id,
            kind=kind,
            shared=bool(self.shared.data),
            title=self.title.data or "",
            description=(self.description.data or "").replace("\r\n", "\n"),
            price_minor=1 if self.price.minor is None else self.price.minor,
            content=(self.content.data or "").replace("\r\n", "\n") or None,
            low_stock_at=_number(self.low_stock_at),
            refund_days=_number(self.refund_days),
        )

    def photo_bytes(self) -> bytes | None:
        """The uploaded photo, None if there is none."""
        return self.photo.data.read() or None if self.photo.data else None

    def validate_category_id(self, field: SelectField) -> None:
        """Refuse what is no id."""
        try:
            UUID(field.data or "")
        except ValueError as error:
            raise ValidationError(_("Choose a category.")) from error

    def validate_version(self, field: HiddenField) -> None:
        """Refuse what is no number that a row can have."""
        if not (field.data or "").isdecimal() or len(field.data) > VERSION_DIGITS:
            raise ValidationError(_("Reload the page."))


class FilterForm(ReadingForm):
    """What a visitor looks for; read from the address."""

    q = SearchField(_l("Search"), validators=[Length(max=WORDS_LENGTH)])
    kind = SelectMultipleField(
        _l("Type"),
        choices=[
            SelectChoice(Kind.KEY.value, _l("Keys")),
            SelectChoice(Kind.LINK.value, _l("Links")),
            SelectChoice(Kind.TEXT.value, _l("Texts")),
        ],
        invalid_choice_message=_l("Choose one of the options."),
        option_widget=CheckboxInput(),
        widget=ListWidget(prefix_label=False),
    )
    price_from = PriceField(_l("Price from"))
    price_to = PriceField(_l("Price to"))
    in_stock = BooleanField(_l("In stock only"))
    seller = HiddenField(validators=[Length(max=WORDS_LENGTH)])
    sort = SelectField(
        _l("Sort by"),
        choices=[SelectChoice(sort.value, label) for sort, label in SORTS.items()],
        default=Sort.NEW.value,
    )

    def validate_price_to(self, field: PriceField) -> None:
        """Refuse a range that nothing can lie in."""
        least, most = self.price_from.minor, field.minor
        if least is not None and most is not None and most < least:
            raise ValidationError(_("This is lower than the minimum price."))

    def __eq__(self, other: object) -> bool:
        """Whether the same was asked for, so that both look the same and the panel may be kept."""
        return isinstance(other, FilterForm) and self._asked() == other._asked()

    def __hash__(self) -> int:
        return hash(self._asked())

    def _asked(self) -> tuple[object, ...]:
        kinds = frozenset(self.kind.data or ())
        prices = (self.price_from.data, self.price_to.data)
        chosen = (kinds, bool(self.in_stock.data), self.sort.data)
        return self.q.data, self.seller.data, *prices, *chosen

    @property
    def is_chosen(self) -> bool:
        """Whether it shows choices alone: nothing was typed, and nothing is wrong."""
        typed = (self.q, self.seller, self.price_from, self.price_to)
        return not (any(field.data for field in typed) or self.errors)

    @property
    def words(self) -> str:
        """What to search for."""
        return searchable(self.q.data or "")

    def filters(self, category_ids: tuple[UUID, ...], seller_id: UUID | None) -> Filters:
        """What was asked for, for the query; the form must be valid.

        `seller_id` is whose name was asked for.
        """
        return Filters(
            words=self.words,
            category_ids=category_ids,
            kinds=tuple(Kind(kind) for kind in self.kind.data or ()),
            price_from=self.price_from.minor,
            price_to=self.price_to.minor,
            in_stock=bool(self.in_stock.data),
            seller_id=seller_id,
        )

    def chosen_sort(self) -> Sort:
        """The sort asked for; the best match where there are words and nothing was asked for."""
        if self.sort.raw_data:
            sort = Sort(self.sort.data)
            return Sort.NEW if sort is Sort.RELEVANCE and not self.words else sort
        return Sort.RELEVANCE if self.words else Sort.NEW

    @property
    def active(self) -> int:
        """How many filters are set."""
        fields = (self.kind, self.price_from, self.price_to, self.in_stock, self.seller)
        return sum(bool(field.data) for field in fields)
