"""Events that never came: PayPal's own list of them is read, and what is missing is taken in.

PayPal tries for three days to deliver an event, and keeps it for thirty.
"""

import logging
import time
from datetime import datetime, timedelta

from sqlalchemy.dialects.postgresql import insert

from app.kit.db import db_now, end_read, session, transactional
from app.payments.gateway import PaypalRefused, PaypalUnknown
from app.payments.models import Progress
from app.payments.paypal import paypal
from app.payments.service import inbound

log = logging.getLogger(__name__)
NAME = "missed_events"
STEP = timedelta(minutes=20)
# What is younger may still be on its way; and PayPal's list may be a little late.
MARGIN = timedelta(minutes=5)
AT_FIRST = timedelta(days=3)
KEPT_AT_PAYPAL = timedelta(days=30)
SECONDS = 40  # then the next turn goes on where this one stopped


def fetch_missed() -> int:
    """Take in what PayPal lists and we have not, from where the last turn ended; how many."""
    began, missed = time.monotonic(), 0
    now = db_now()
    start = _start(now)
    end_read()
    try:
        while start < now - MARGIN and time.monotonic() - began < SECONDS:
            end = min(start + STEP, now - MARGIN)
            # Once more over the last minutes before: PayPal's list may have been late.
            for page in paypal().lists.events(start - MARGIN, end):
                missed += inbound.take_missed(page)
            _note(until=end)
            start = end
    except (PaypalUnknown, PaypalRefused) as error:
        log.warning("missed events can't be asked for", extra={"error": str(error)})
    if missed:
        log.warning("PayPal's events had not come", extra={"count": missed})
    return missed


def _start(now: datetime) -> datetime:
    known = session().get(Progress, NAME, populate_existing=True)
    return max(known.until, now - KEPT_AT_PAYPAL) if known else now - AT_FIRST


@transactional
def _note(*, until: datetime) -> None:
    row = insert(Progress).values(name=NAME, until=until)
    session().execute(
        row.on_conflict_do_update(index_elements=["name"], set_={"until": row.excluded.until})
    )
