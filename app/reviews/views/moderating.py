"""Moderators hide a review, and show it again."""

from uuid import UUID

from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit.access import Access, allow
from app.reviews.service import moderation
from app.reviews.views import blueprint
from app.reviews.views.reacting import react


@blueprint.post("/reviews/<uuid:review_id>/hide")
@allow(Access.STAFF)
def hide(review_id: UUID) -> ResponseReturnValue:
    """Hide a review, for a reason that its author is told."""
    return react(
        review_id,
        "hide",
        lambda typed: moderation.hide(
            moderator_id=current_user.id, review_id=review_id, reason=typed
        ),
        _("The review is hidden and no longer counts."),
    )


@blueprint.post("/reviews/<uuid:review_id>/unhide")
@allow(Access.STAFF)
def unhide(review_id: UUID) -> ResponseReturnValue:
    """Show a hidden review again."""
    return react(
        review_id,
        "unhide",
        lambda _typed: moderation.unhide(review_id=review_id),
        _("The review is shown again."),
    )
