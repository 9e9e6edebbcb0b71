"""Who is paid on a day of payouts: the rule and the statement that finds them say the same."""

from collections.abc import Callable
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from app.kit.db import db_now, session
from app.payments.models.payouts import Payout
from app.payments.policy import Obstacle, obstacle_to
from app.payments.queries.payouts import payee_of
from app.payments.service.payouts import starting
from tests.support.payouts import run, seller

CAME_BACK = (
    "INSERT INTO payout_batch (id, state, currency, readings, applied_reading, checks)"
    " VALUES (:id, 'refused', 'EUR', 0, 0, 0) ON CONFLICT DO NOTHING;"
    " INSERT INTO payout (id, batch_id, seller_id, state, amount_minor, currency, receiver,"
    " changed_at) VALUES (:id, :id, :id, '{state}', 100, 'EUR', 'x@example.com',"
    " now() - interval '3 days');"
)
OWES = (
    "UPDATE account_balance SET balance_minor = 1 WHERE account_id = (SELECT id FROM"
    " ledger_account WHERE owner_id = :id AND kind = 'seller_available')"
)
CHANGED = "UPDATE users SET paypal_email_changed_at = now() - interval '{ago}' WHERE id = :id"
# What is done to a seller who has earned so much, and what is then in the way.
PAYEES: dict[str, tuple[int, str, Obstacle | None]] = {
    "fine": (5000, "", None),
    "least": (1000, "", None),
    "poor": (999, "", Obstacle.BELOW_MINIMUM),
    "owing": (5000, OWES, Obstacle.OWES),
    "banned": (5000, "UPDATE users SET banned_at = now() WHERE id = :id", Obstacle.BANNED),
    "nowhere": (
        5000,
        "UPDATE users SET paypal_email = NULL, roles = '{}' WHERE id = :id",
        Obstacle.NO_ADDRESS,
    ),
    "moved": (5000, CHANGED.format(ago="47 hours"), Obstacle.ADDRESS_CHANGED),
    "settled": (5000, CHANGED.format(ago="49 hours"), None),
    "paid before": (5000, CAME_BACK.format(state="paid"), None),
    "unsent before": (5000, CAME_BACK.format(state="unsent"), None),
    "failed before": (5000, CAME_BACK.format(state="failed"), Obstacle.CAME_BACK),
    "live": (5000, CAME_BACK.format(state="on_hold"), Obstacle.LIVE),
    "moved since": (
        5000,
        CAME_BACK.format(state="returned") + CHANGED.format(ago="60 hours"),
        None,
    ),
}


def test_rule_and_statement_agree_about_every_payee(
    app: Flask, settings: Callable[..., None]
) -> None:
    settings(payout_weekdays="monday,tuesday,wednesday,thursday,friday,saturday,sunday")
    people: dict[str, UUID] = {}
    for number, (name, (earned, change, _obstacle)) in enumerate(PAYEES.items()):
        people[name] = seller(f"s{number}@example.com", earned=earned).id
        for statement in filter(None, map(str.strip, change.split(";"))):
            run(statement, id=people[name])
    now, values = db_now(), app.extensions["settings"]
    told = {
        name: obstacle_to(payee_of(ident, "EUR"), now, values, asked=False)
        for name, ident in people.items()
    }
    session().rollback()
    starting.run_due()
    paid = set(session().scalars(select(Payout.seller_id).where(Payout.run_on.is_not(None))))
    assert told == {name: obstacle for name, (_earned, _change, obstacle) in PAYEES.items()}
    assert {name for name, ident in people.items() if ident in paid} == {
        name for name, obstacle in told.items() if obstacle is None
    }
