"""Forms of reviews. The rules are the service's; the forms only read."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, SearchField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from app.kit.forms import Form, ReadingForm
from app.kit.words import searchable
from app.products.labels import SORTS
from app.products.models import Sort as GoodsSort
from app.products.ratings import STARS
from app.reviews.models import TEXT_MAX
from app.reviews.queries.reviews import ReviewSort, ShownReview

WORDS_LENGTH = 100
GOODS_SORTS = {sort: label for sort, label in SORTS.items() if sort is not GoodsSort.RELEVANCE}


class ReviewForm(Form):
    """Stars and words."""

    stars = RadioField(
        _l("Your rating"),
        choices=[
            SelectChoice("5", _l("5: excellent")),
            SelectChoice("4", _l("4: good")),
            SelectChoice("3", _l("3: okay")),
            SelectChoice("2", _l("2: poor")),
            SelectChoice("1", _l("1: bad")),
        ],
        validators=[InputRequired(_l("Choose one to five stars."))],
        validate_choice=False,
    )
    text = TextAreaField(
        _l("Your review"),
        validators=[InputRequired(_l("Write a few words.")), Length(max=TEXT_MAX)],
    )

    @classmethod
    def of(cls, review: ShownReview | None) -> "ReviewForm":
        """A form that shows what was written, if anything was."""
        data = {"stars": str(review.stars), "text": review.text} if review else {}
        return cls(formdata=None, data=data)

    @property
    def chosen_stars(self) -> int:
        """What was chosen; 0 for what is no choice."""
        known = {str(stars): stars for stars in STARS}
        return known.get(self.stars.data or "", 0)


class WordsForm(Form):
    """Some words about a review: an answer, or a reason."""

    text = TextAreaField()


class ListForm(ReadingForm):
    """Which of a product's reviews, in which order; read from the address."""

    sort = SelectField(
        _l("Sort by"),
        choices=[
            SelectChoice(ReviewSort.NEW.value, _l("Newest first")),
            SelectChoice(ReviewSort.HELPFUL.value, _l("Most helpful")),
            SelectChoice(ReviewSort.BEST.value, _l("Best first")),
            SelectChoice(ReviewSort.WORST.value, _l("Worst first")),
        ],
        default=ReviewSort.NEW.value,
        validate_choice=False,
    )
    stars = SelectField(
        _l("Stars"),
        choices=[
            SelectChoice("", _l("All")),
            *(SelectChoice(str(stars), f"{stars} ★") for stars in reversed(STARS)),
        ],
        default="",
        validate_choice=False,
    )
    hidden = BooleanField(_l("Hidden reviews"))

    @property
    def chosen_sort(self) -> ReviewSort:
        """The sort that was asked for; the newest first for what is none."""
        return ReviewSort(self.sort.data) if self.sort.data in set(ReviewSort) else ReviewSort.NEW

    @property
    def chosen_stars(self) -> int | None:
        """Of how many stars; None for all."""
        return {str(stars): stars for stars in STARS}.get(self.stars.data or "")


class GoodsForm(ReadingForm):
    """What to look for among a seller's products."""

    q = SearchField(_l("Search this seller's products"), validators=[Length(max=WORDS_LENGTH)])
    sort = SelectField(
        _l("Sort by"),
        choices=[SelectChoice(sort.value, label) for sort, label in GOODS_SORTS.items()],
        default=GoodsSort.NEW.value,
        validate_choice=False,
    )

    @property
    def words(self) -> str:
        """What to search for."""
        return searchable(self.q.data or "")

    @property
    def chosen_sort(self) -> GoodsSort:
        """The sort that was asked for; the newest first for what is none."""
        return GoodsSort(self.sort.data) if self.sort.data in GOODS_SORTS else GoodsSort.NEW
