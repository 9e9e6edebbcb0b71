"""Reported conversations, for moderators."""

from uuid import UUID

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.chats import queries
from app.chats.service import moderating
from app.chats.views import blueprint
from app.kit import htmx, lists
from app.kit.access import Access, allow


@blueprint.get("/reported")
@allow(Access.STAFF)
def reported() -> ResponseReturnValue:
    """List what was reported, with the reason; the words are read by whoever joins."""
    asked = lists.asked()
    page = queries.reported(after=asked.after, size=asked.size())
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
