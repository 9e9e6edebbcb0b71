"""PayPal's events, for administrators: what came, what became of it, and having it done again."""

from uuid import UUID

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from app.kit import htmx, lists
from app.kit.access import Access, allow
from app.kit.words import searchable
from app.payments.labels import MOVEMENTS
from app.payments.queries import events
from app.payments.service import inbound
from app.payments.service.subscribing import WANTED
from app.payments.views import blueprint


@blueprint.get("/events")
@allow(Access.ADMIN)
def list_events() -> ResponseReturnValue:
    """List what came from PayPal, newest first: all of it, of one kind, about one thing."""
    asked = lists.asked()
    event_type = request.args.get("type", "")
    words = searchable(request.args.get("q", ""))
    unfinished = request.args.get("unfinished") == "1"
    page = events.events(
        event_type=event_type,
        words=words,
        unfinished=unfinished,
        after=asked.after,
        size=asked.size(),
    )
    return htmx.page(
        "payments/events.html",
        fragment="items",
        events=page.items,
        next_url=lists.rest_of(page, request.path),
        types=WANTED,
        event_type=event_type,
        words=words,
        unfinished=unfinished,
    )


@blueprint.get("/events/<uuid:event_id>")
@allow(Access.ADMIN)
def show_event(event_id: UUID) -> ResponseReturnValue:
    """One event: how it came, what it says, and what it brought about."""
    story = events.story_of(event_id)
    return htmx.page("payments/event.html", story=story, movements=MOVEMENTS)


@blueprint.post("/events/<uuid:event_id>/again")
@allow(Access.ADMIN)
def run_event_again(event_id: UUID) -> ResponseReturnValue:
    """Have an event acted on once more."""
    inbound.run_again(event_id=event_id, actor_id=current_user.id)
    flash(_("The event is being handled again."), "success")
    return htmx.redirect_to(url_for(".show_event", event_id=event_id))
