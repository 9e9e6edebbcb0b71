"""When a seller's money comes, wherever that is told: before they list, and beside their sales."""

from uuid import UUID

from flask import current_app
from markupsafe import Markup

from app.kit import slots
from app.kit.db import db_now
from app.payments.policy import (
    Standing,
    hold_of,
    holds_disputed_longer,
    holds_new_sellers_longer,
)
from app.payments.queries import standings_of


def pause_of_payouts() -> Markup:
    """What a change of the address does to payouts, told before it is made."""
    hours = current_app.extensions["settings"].payout_pause_hours
    return slots.render("payments/_pause.html", hours=hours)


def of_seller(seller_id: UUID | None) -> Markup:
    """The rule of the hold, and what it means for this seller now; None is somebody new."""
    settings = current_app.extensions["settings"]
    standing = standings_of([seller_id])[seller_id] if seller_id else Standing()
    return slots.render(
        "payments/_hold.html",
        hold=hold_of(standing, db_now(), settings),
        settings=settings,
        new_sellers=holds_new_sellers_longer(settings),
        disputed=holds_disputed_longer(settings),
    )
