"""The words of a review: what is kept of what people type."""

import re

from flask_babel import gettext as _
from flask_babel import ngettext

from app.kit.i18n import number
from app.kit.texts import kept, seen
from app.products.service.masking import without_units
from app.reviews.errors import BadReview

_EMPTY_LINES = re.compile(r"\n\s*\n\s*\n")


def cleaned(text: str, *, field: str, least: int, most: int) -> str:
    """A text as it is kept, units of stock masked; BadReview where it is too short or too long."""
    text = kept(text.replace("\t", " "))
    while _EMPTY_LINES.search(text):
        text = _EMPTY_LINES.sub("\n\n", text)
    if not seen(text):
        raise BadReview({field: _("Write a few words.")})
    if len(seen(text)) < least:
        raise BadReview(
            {
                field: ngettext(
                    "Use at least %(num)s character.", "Use at least %(num)s characters.", least
                )
            }
        )
    if len(text) > most:
        raise BadReview({field: _("Use at most %(most)s characters.", most=number(most))})
    return without_units(text)
