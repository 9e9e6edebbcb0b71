"""Harm to the shop's data, and the promises that notice it."""

from sqlalchemy import text

from app.kit.db import session
from app.wiring import PROMISES

FREEZE = "ALTER TABLE {0} DISABLE TRIGGER USER; "  # what forbids to change it


# A dispute of each payment, that nobody has booked; the columns that matter are filled in.
DISPUTE = """
    INSERT INTO dispute (id, payment_id, paypal_id, source, state, stage, paypal_status, reason,
        note, amount_minor, currency, held_minor, lost_minor, fee_minor, awaits_evidence,
        respond_by, told_at, told_movements, checks, ended_at)
    SELECT '00000000-0000-0000-0000-00000000000d', id, 'PP-R-1', 'dispute', '{state}', 'inquiry',
        'OPEN', 'OTHER', '', {amount}, 'EUR', {held}, 0, {fee}, {awaits}, now() - interval '1 hour',
        now(), 0, 0, CASE '{state}' WHEN 'open' THEN NULL ELSE now() END FROM payment LIMIT 1; """


def dispute(
    state: str = "open",
    *,
    amount: int = 100,
    held: int = 0,
    fee: int = 0,
    awaits_evidence: bool = False,
) -> str:
    """SQL of a dispute that nobody has booked."""
    return DISPUTE.format(state=state, amount=amount, held=held, fee=fee, awaits=awaits_evidence)


# Of a sandbox that other tests have paid at, too.
AT_THE_SANDBOX = "PayPal's cash in the ledger equals the sandbox's own books"


def broken() -> dict[str, str]:
    """The promises that do not hold, and what breaks each."""
    found = {
        promise.name: ", ".join(str(breach) for breach in promise.breaches())
        for promise in PROMISES
        if promise.name != AT_THE_SANDBOX
    }
    return {name: detail for name, detail in found.items() if detail}


def noticed(name: str, harm: str) -> bool:
    """Whether a promise that holds is broken by this harm, which is taken back afterwards."""
    [promise] = [promise for promise in PROMISES if promise.name == name]
    assert not list(promise.breaches())
    session().execute(text(harm))
    try:
        return bool(list(promise.breaches()))
    finally:
        session().rollback()
