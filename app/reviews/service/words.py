"""The words of a review: what is kept of what people type."""

import re
import unicodedata

from flask_babel import gettext as _
from flask_babel import ngettext

from app.kit.i18n import number
from app.reviews.errors import BadReview

# What no text can hold, what nobody sees, and what turns the direction of the text after it.
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff]"
)
_EMPTY_LINES = re.compile(r"\n\s*\n\s*\n")


def cleaned(text: str, *, field: str, least: int, most: int) -> str:
    """A text as it is kept; BadReview for one that is too short or too long."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    text = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    while _EMPTY_LINES.search(text):
        text = _EMPTY_LINES.sub("\n\n", text)
    text = text.strip()
    if not text:
        raise BadReview({field: _("Write a few words.")})
    if len(text) < least:
        raise BadReview(
            {
                field: ngettext(
                    "Use at least %(num)s character.", "Use at least %(num)s characters.", least
                )
            }
        )
    if len(text) > most:
        raise BadReview({field: _("Use at most %(most)s characters.", most=number(most))})
    return text
