"""One review, and what others do with it: its seller answers, people vote and report."""

from collections.abc import Callable
from uuid import UUID

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, ratelimit
from app.kit.access import Access, allow
from app.kit.errors import AppError, Invalid
from app.kit.forms import status_of
from app.kit.returning import page_before
from app.reviews import policy
from app.reviews.forms import WordsForm
from app.reviews.models import REASON_MAX, REPLY_MAX
from app.reviews.queries.reviews import ShownReview, review_for
from app.reviews.service import answering, moderation
from app.reviews.views import blueprint
from app.reviews.views.sections import Reader


@blueprint.app_template_global("longest_words")
def _longest_words(act: str) -> int:
    """How many characters fit into the form of an answer, or of a reason."""
    return REPLY_MAX if act == "reply" else REASON_MAX


def known(review_id: UUID) -> ShownReview:
    """The review as the asking person may see it; NoSuchReview."""
    reader = Reader.present()
    return review_for(review_id, reader_id=reader.id, is_staff=reader.is_staff)


@blueprint.get("/reviews/<uuid:review_id>")
@allow(Access.PUBLIC)
def one(review_id: UUID) -> ResponseReturnValue:
    """One review, by which it can be told of."""
    return show(known(review_id))


def show(
    review: ShownReview,
    *,
    notice: str = "",
    act: str = "",
    typed: str = "",
    error: AppError | None = None,
) -> ResponseReturnValue:
    """The review's page or block; `act` is the form that was refused, with what was typed."""
    return htmx.page(
        "reviews/one.html",
        fragment="review",
        status=status_of(None, error),
        item=review,
        reader=Reader.present(),
        notice=notice,
        act=act,
        typed=typed,
        message=error.message if error else "",
    )


def react(
    review_id: UUID, act: str, work: Callable[[str], object], notice: str = ""
) -> ResponseReturnValue:
    """Do something with a review; what was wrong stands beside what was typed."""
    review = known(review_id)
    form = WordsForm()
    typed = form.text.data or ""
    try:
        work(typed)
    except Invalid as error:
        return show(review, act=act, typed=typed, error=error)
    if htmx.wants_fragment():
        return show(known(review_id), notice=notice)
    if notice:
        flash(notice, "success")
    page = page_before() or url_for("reviews.one", review_id=review_id)
    return htmx.redirect_to(f"{page}#review-{review_id}")


@blueprint.post("/reviews/<uuid:review_id>/helpful")
@allow(Access.USER)
def vote(review_id: UUID) -> ResponseReturnValue:
    """Say that a review helped, or no longer: as the button says, so that two clicks are one."""
    helpful = request.form.get("helpful") == "1"
    known(review_id)
    ratelimit.spend(policy.VOTE_LIMIT, "review-vote", str(current_user.id))
    return react(
        review_id,
        "vote",
        lambda _typed: answering.vote(
            user_id=current_user.id, review_id=review_id, helpful=helpful
        ),
    )


@blueprint.post("/reviews/<uuid:review_id>/reply")
@allow(Access.SELLER)
def reply(review_id: UUID) -> ResponseReturnValue:
    """Answer a review of one's product."""
    return react(
        review_id,
        "reply",
        lambda typed: answering.reply(seller_id=current_user.id, review_id=review_id, text=typed),
    )


@blueprint.post("/reviews/<uuid:review_id>/reply/delete")
@allow(Access.SELLER)
def take_back_reply(review_id: UUID) -> ResponseReturnValue:
    """Delete one's answer."""
    return react(
        review_id,
        "reply",
        lambda _typed: answering.take_back_reply(seller_id=current_user.id, review_id=review_id),
    )


@blueprint.post("/reviews/<uuid:review_id>/report")
@allow(Access.USER)
def report(review_id: UUID) -> ResponseReturnValue:
    """Report a review to the moderators."""
    known(review_id)
    ratelimit.spend(policy.REPORT_LIMIT, "review-report", str(current_user.id))
    return react(
        review_id,
        "report",
        lambda typed: moderation.report(user_id=current_user.id, review_id=review_id, reason=typed),
        _("Thank you. A moderator will look at this review."),
    )
