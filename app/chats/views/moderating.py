"""Reported conversations, for moderators."""

from uuid import UUID

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.chats.forms import ClosingForm
from app.chats.queries import reports
from app.chats.service import moderating
from app.chats.views import blueprint
from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.errors import AppError, NotFound
from app.kit.forms import form_page


@blueprint.get("/reported")
@allow(Access.STAFF)
def reported() -> ResponseReturnValue:
    """List what was reported, with the reason; the words are read by whoever joins."""
    asked = lists.asked()
    page = reports.reported(after=asked.after, size=asked.size())
    return htmx.page(
        "chats/reported.html",
        fragment="items",
        talks=page.items,
        next_url=lists.rest_of(page, request.path),
    )


@blueprint.post("/<uuid:conversation_id>/join")
@allow(Access.STAFF)
def join(conversation_id: UUID) -> ResponseReturnValue:
    """Take part in a reported conversation, seen by both people."""
    moderating.join(moderator_id=current_user.id, conversation_id=conversation_id)
    return htmx.redirect_to(url_for("chats.thread", conversation_id=conversation_id))


@blueprint.route("/<uuid:conversation_id>/close", methods=["GET", "POST"])
@allow(Access.STAFF)
def close(conversation_id: UUID) -> ResponseReturnValue:
    """Be done with the reports of a conversation, for a reason."""
    talk = reports.reported_talk(conversation_id)
    form = ClosingForm()
    error = None
    if form.validate_on_submit():
        try:
            moderating.close(
                moderator_id=current_user.id,
                conversation_id=conversation_id,
                reason=form.reason.data,
            )
        except NotFound:
            raise
        except AppError as objection:
            error = objection
        else:
            flash(_("The report is closed. Moderators read this conversation no more."), "success")
            return htmx.redirect_to(url_for("chats.reported"))
    return form_page("chats/close.html", form, error, talk=talk)
