"""Forms of goods and stock."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import TextAreaField


class StockForm(FlaskForm):  # type: ignore[misc]  # flask-wtf carries no types
    """Lines of stock, pasted or as a file; the service reads and judges them."""

    lines = TextAreaField(_l("Paste the items"))
    file = FileField(_l("Or choose a file"))
