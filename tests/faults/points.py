"""Where a process of the shop dies by `kill -9`, if a file orders it to.

A file named like a point of `POINTS` in the directory CRASH_DIR is an order: whichever process
comes to that point first takes the file away, says so in `struck`, and is killed.
"""

import os
import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from app.kit import jobs, mail, outbox
from app.orders.service import capturing, delivering, placing, settling
from app.payments.paypal import Paypal, client
from app.payments.service import recording, refunds

PAYPAL_SECONDS = 1.5  # that the shop waits for PayPal: a hanging one must not take the run's time
BEFORE, AFTER = "before", "after"

# name: where the function is looked up, its name, and whether its process dies before or after it.
POINTS: dict[str, tuple[Any, str, str]] = {
    # web
    "order placed, PayPal not asked": (placing, "place_order", AFTER),
    "PayPal's order made, its id not stored": (Paypal, "create_order", AFTER),
    # web, or a worker that stands in for a closed page
    "goods in hand, money not asked for": (capturing, "take_in_hand", AFTER),
    "money taken, nothing written": (Paypal, "capture", AFTER),
    "payment settled, not committed": (recording, "record", AFTER),
    "order paid, not committed": (settling, "pay", AFTER),
    "order paid, queue not told": (jobs, "enqueue", BEFORE),
    "money given back, nothing written": (Paypal, "refund", AFTER),
    "refund taken up, PayPal not asked": (refunds, "take_up", AFTER),
    "refund written, not committed": (refunds, "record", AFTER),
    # worker
    "goods assigned, not committed": (delivering, "_assign", AFTER),
    "mail in hand, not sent": (mail, "send", BEFORE),
    "mail sent, not noted": (outbox, "_mark_done", BEFORE),
}


def dies_there(point: str, when: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, before or after which the process may be killed."""

    @wraps(work)
    def call(*args: Any, **kwargs: Any) -> Any:
        if when == BEFORE:
            die_if_told(point)
        result = work(*args, **kwargs)
        if when == AFTER:
            die_if_told(point)
        return result

    return call


def die_if_told(point: str) -> None:
    """Die here, if this is ordered."""
    orders = Path(os.environ["CRASH_DIR"])
    try:
        (orders / point).unlink()
    except FileNotFoundError:
        return
    with (orders / "struck").open("a") as struck:
        struck.write(f"{point}\n")
    os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Have this process die where it is told to, and lose its patience with PayPal soon."""
    for point, (owner, name, when) in POINTS.items():
        setattr(owner, name, dies_there(point, when, getattr(owner, name)))
    client.READ_SECONDS = PAYPAL_SECONDS
