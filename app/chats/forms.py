"""Forms of conversations."""

from uuid import UUID

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SearchField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length

from app.chats.service.keeping import LONGEST_AWAY
from app.chats.service.reporting import LONGEST_REASON
from app.chats.texts import LONGEST
from app.kit.forms import Form, ReadingForm

SEARCH_LENGTH = 100
LONGEST_ANSWERS = 20_000


class MessageForm(Form):
    """A message: `client_id` makes it the same one however often it is sent."""

    text = TextAreaField(
        _l("Message"),
        validators=[InputRequired(_l("Please write something.")), Length(max=2 * LONGEST)],
    )
    client_id = HiddenField(validators=[InputRequired(), Length(max=64)])
    reply_to = HiddenField(validators=[Length(max=20)])
    sure = HiddenField(validators=[Length(max=1)])

    @property
    def client(self) -> UUID:
        """What its page calls it, once the form is valid."""
        return UUID(self.client_id.data)

    @property
    def answered(self) -> int | None:
        """The number of the message that it answers."""
        number = self.reply_to.data or ""
        return int(number) if number.isascii() and number.isdigit() else None

    def validate_client_id(self, field: HiddenField) -> None:
        """Refuse what is no id."""
        try:
            UUID(field.data or "")
        except ValueError as error:
            raise ValidationError(_l("This can't be read. Please reload the page.")) from error


class EditForm(Form):
    """Another text for a message."""

    text = TextAreaField(
        _l("Message"),
        validators=[InputRequired(_l("Please write something.")), Length(max=2 * LONGEST)],
    )
    sure = HiddenField(validators=[Length(max=1)])


class SearchForm(ReadingForm):
    """Words that are looked for in conversations."""

    q = SearchField(_l("Search conversations"), validators=[Length(max=SEARCH_LENGTH)])


class ReportForm(Form):
    """Why moderators should look."""

    reason = TextAreaField(
        _l("What is wrong?"),
        validators=[
            InputRequired(_l("Please tell the moderators what is wrong.")),
            Length(max=LONGEST_REASON),
        ],
    )


class ClosingForm(Form):
    """Why moderators are done with a report."""

    reason = TextAreaField(
        _l("Reason, for other moderators"),
        validators=[
            InputRequired(_l("Say why, for those who look at it after you.")),
            Length(max=LONGEST_REASON),
        ],
    )


class SettingsForm(Form):
    """What somebody sets for all conversations. Ready answers have an empty line between them."""

    answers = TextAreaField(
        _l("Ready answers"),
        description=_l(
            "Up to 20, with an empty line between them. You insert them with one click."
        ),
        validators=[Length(max=LONGEST_ANSWERS)],
    )
    away = TextAreaField(
        _l("Away note"),
        description=_l("Shown to whoever writes to you. Leave it empty while you are here."),
        validators=[Length(max=LONGEST_AWAY)],
    )
    enter_sends = BooleanField(_l("Enter sends a message (Shift+Enter starts a new line)"))
