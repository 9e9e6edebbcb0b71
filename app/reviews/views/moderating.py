"""Moderators read what was reported, hide a review, show it again, or leave it as it is."""

from uuid import UUID

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.reviews.queries.reports import reported_reviews
from app.reviews.queries.reviews import PAGE
from app.reviews.service import moderation
from app.reviews.views import blueprint
from app.reviews.views.reacting import react
from app.reviews.views.sections import Reader


@blueprint.get("/reviews/reported")
@allow(Access.STAFF)
def reported() -> ResponseReturnValue:
    """List reviews that were reported, with the reasons, until somebody has decided."""
    asked = lists.asked()
    page = reported_reviews(after=asked.after, size=asked.size(PAGE))
    return htmx.page(
        "reviews/reported.html",
        fragment="items",
        page=page,
        reader=Reader.present(),
        next_url=lists.rest_of(page, request.path),
    )


@blueprint.post("/reviews/<uuid:review_id>/keep")
@allow(Access.STAFF)
def keep(review_id: UUID) -> ResponseReturnValue:
    """Leave a reported review as it is, and close what was reported."""
    moderation.dismiss(review_id=review_id)
    flash(_("The review stays, and its reports are closed."), "success")
    return htmx.redirect_to(url_for("reviews.reported"))


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
