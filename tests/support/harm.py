"""Harm to the shop's data, and the promises that notice it."""

from sqlalchemy import text

from app.kit.db import session
from app.wiring import PROMISES

FREEZE = "ALTER TABLE {0} DISABLE TRIGGER USER; "  # what forbids to change it


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
