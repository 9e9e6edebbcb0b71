"""What somebody sets: for all conversations, or for one."""

import re
from uuid import UUID

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.chats import queries
from app.chats.errors import ChatsUnavailable
from app.chats.forms import ReportForm, SettingsForm
from app.chats.service import keeping, reporting
from app.chats.views import blueprint
from app.kit import htmx
from app.kit.access import Access, allow
from app.kit.errors import AppError, NotFound
from app.kit.forms import form_page

_EMPTY_LINE = re.compile(r"\n\s*\n")


@blueprint.route("/settings", methods=["GET", "POST"])
@allow(Access.USER)
def settings() -> ResponseReturnValue:
    """Ready answers, the note of absence, and which key sends."""
    form = SettingsForm()
    error = None
    if form.validate_on_submit():
        try:
            keeping.set_up(
                user_id=current_user.id,
                answers=_EMPTY_LINE.split((form.answers.data or "").replace("\r\n", "\n")),
                away=form.away.data or "",
                enter_sends=form.enter_sends.data,
            )
        except AppError as objection:
            error = objection
        else:
            flash(_("Saved."), "success")
            return htmx.redirect_to(url_for("chats.settings"))
    if not form.is_submitted():
        known = queries.settings_of(current_user.id)
        form.answers.data = "\n\n".join(known.answers)
        form.away.data = known.away
        form.enter_sends.data = known.enter_sends
    return form_page("chats/settings.html", form, error)


@blueprint.post("/<uuid:conversation_id>/mute/<int:on>")
@allow(Access.USER)
def mute(conversation_id: UUID, on: int) -> ResponseReturnValue:
    """Be told of no more messages in this conversation, or be told again."""
    keeping.mute(user_id=current_user.id, conversation_id=conversation_id, muted=bool(on))
    flash(_("Muted.") if on else _("You will be notified of new messages again."), "info")
    return _to(conversation_id)


@blueprint.post("/<uuid:conversation_id>/block/<int:on>")
@allow(Access.USER)
def block(conversation_id: UUID, on: int) -> ResponseReturnValue:
    """Take no more messages from the other one, or take them again."""
    keeping.block(user_id=current_user.id, conversation_id=conversation_id, blocked=bool(on))
    flash(_("This person can't write to you any more.") if on else _("Unblocked."), "info")
    return _to(conversation_id)


@blueprint.route("/<uuid:conversation_id>/report", methods=["GET", "POST"])
@allow(Access.USER)
def report(conversation_id: UUID) -> ResponseReturnValue:
    """Ask moderators to look at a conversation."""
    form = ReportForm()
    error = None
    if form.validate_on_submit():
        try:
            reporting.report(
                user_id=current_user.id,
                conversation_id=conversation_id,
                reason=form.reason.data,
            )
        except NotFound:
            raise
        except AppError as objection:
            error = objection
        else:
            flash(_("Reported. A moderator will look at it."), "success")
            return _to(conversation_id)
    try:
        talk = queries.talk_of(current_user.id, conversation_id)
    except ChatsUnavailable as objection:
        talk, error = None, error or objection
    return form_page("chats/report.html", form, error, conversation_id=conversation_id, talk=talk)


def _to(conversation_id: UUID) -> ResponseReturnValue:
    return htmx.redirect_to(url_for("chats.thread", conversation_id=conversation_id))
