"""JSON routes of administrators about money, below /api/v1/admin/payments."""

from uuid import UUID

from flask import current_app
from flask_login import current_user

from app.kit.access import Access, allow
from app.kit.api.operations import operation
from app.kit.api.schemas import Money, listing_of
from app.kit.words import searchable
from app.payments.api import blueprint
from app.payments.queries import events, reconciling
from app.payments.queries.books import standing
from app.payments.schemas import (
    BooksOut,
    CorrectionIn,
    DifferenceList,
    DifferenceOut,
    DifferencesQuery,
    EventList,
    EventOut,
    EventsQuery,
    HandlingOut,
    StoryOut,
)
from app.payments.service import inbound
from app.payments.service import reconciling as comparing

SCOPE = "admin"


@blueprint.get("/events")
@allow(Access.ADMIN, SCOPE)
@operation(answers=EventList)
def list_events(query: EventsQuery) -> EventList:
    """List PayPal's events, newest first."""
    page = events.events(
        event_type=query.type,
        words=searchable(query.q),
        unfinished=query.unfinished,
        after=query.after,
        size=query.limit,
        counted=query.total,
    )
    return listing_of(EventList, page, _event)


@blueprint.get("/events/<uuid:event_id>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=StoryOut)
def get_event(event_id: UUID) -> StoryOut:
    """Get an event, with what it says and each of its handlings."""
    return _story(event_id)


@blueprint.post("/events/<uuid:event_id>/run-again")
@allow(Access.ADMIN, SCOPE)
@operation(answers=StoryOut)
def run_event_again(event_id: UUID) -> StoryOut:
    """Have an event acted on once more."""
    inbound.run_again(event_id=event_id, actor_id=current_user.id)
    return _story(event_id)


def _event(event: events.Event) -> EventOut:
    return EventOut.read(event, type=event.event_type, order_id=event.reference)


def _story(event_id: UUID) -> StoryOut:
    story = events.story_of(event_id)
    return StoryOut.read(
        story.event,
        type=story.event.event_type,
        order_id=story.event.reference,
        body=story.body,
        handlings=[HandlingOut.read(one, by=one.by_name) for one in story.handlings],
    )


@blueprint.get("/books")
@allow(Access.ADMIN, SCOPE)
@operation(answers=BooksOut)
def get_books() -> BooksOut:
    """Get what the platform has, owes and earned, as it stands now."""
    currency = current_app.extensions["settings"].currency
    found = standing(currency=currency)
    amounts = {
        name.removesuffix("_minor"): Money.of(value, currency)
        for name, value in vars(found).items()
        if name.endswith("_minor")
    }
    return BooksOut(
        **amounts,
        owed=Money.of(found.owed_minor, currency),
        left=Money.of(found.left_minor, currency),
        debtors=found.debtors,
        adds_up=found.adds_up,
    )


@blueprint.get("/differences")
@allow(Access.ADMIN, SCOPE)
@operation(answers=DifferenceList)
def list_differences(query: DifferencesQuery) -> DifferenceList:
    """List where PayPal's transactions and the ledger differ, newest first."""
    page = reconciling.differences(
        closed=query.closed, after=query.after, size=query.limit, counted=query.total
    )
    return listing_of(DifferenceList, page, _difference)


@blueprint.get("/differences/<uuid:difference_id>")
@allow(Access.ADMIN, SCOPE)
@operation(answers=DifferenceOut)
def get_difference(difference_id: UUID) -> DifferenceOut:
    """Get a difference."""
    return _difference(reconciling.difference(difference_id))


@blueprint.post("/differences/<uuid:difference_id>/book")
@allow(Access.ADMIN, SCOPE)
@operation(answers=DifferenceOut)
def settle_difference(difference_id: UUID, body: CorrectionIn) -> DifferenceOut:
    """Book an open difference as a correction: the ledger has what PayPal has then."""
    comparing.settle(difference_id=difference_id, actor_id=current_user.id, reason=body.reason)
    return _difference(reconciling.difference(difference_id))


def _difference(found: reconciling.Found) -> DifferenceOut:
    corrected = found.corrected_minor
    return DifferenceOut.read(
        found,
        ours=Money.of(found.ours_minor, found.currency),
        theirs=Money.of(found.theirs_minor, found.currency),
        corrected=Money.of(corrected, found.currency) if corrected is not None else None,
    )
