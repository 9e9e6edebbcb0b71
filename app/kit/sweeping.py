"""Sweeps: each due row is done by itself, so that none holds up the others."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from rq.timeouts import JobTimeoutException

from app.kit.db import undo

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Swept:
    """What a sweep came to: how many rows were done, and how many failed."""

    done: int
    failed: int


def for_each(due: Iterable[T], work: Callable[[T], bool]) -> Swept:
    """Call `work` for each due row, a transaction of its own; false where nothing was to do.

    What fails is logged and counted, and the next row has its turn; only the end of the job's time
    ends the sweep.
    """
    done = failed = 0
    for row in due:
        try:
            done += bool(work(row))
        except JobTimeoutException:
            raise  # the alarm is not this row's: it ends the job, and rings once
        except Exception:
            failed += 1
            undo()  # whatever it left half done
            log.exception("sweep: a row failed", extra={"work": work.__qualname__, "row": str(row)})
    return Swept(done, failed)
