"""Processes that die like one killed by `kill -9`, right before or right after their n-th commit.

Usage: python -m tests.support.crashing; then a line for each death: (worker|clock|BUYER) (before|
after) N, where BUYER is the id of one who presses the button, agrees at PayPal and comes back.
Each line is answered with the exit code: 0 of one that lived to the end, 137 of one that died.

The shop is imported once; who dies is a fork, made before anything is connected to.
"""

import os
import sys
from typing import Any
from uuid import UUID

from flask import Flask
from rq import Queue
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.factory import create_app
from app.kit import jobs
from app.kit.db import session
from app.kit.worker import LeanWorker
from app.orders.models import Basket
from app.orders.service import capturing, placing
from tests.support.sale import SandboxControl

KILLED = 137


def main() -> None:
    """Let one after the other work and die."""
    application = create_app()
    for line in sys.stdin:
        who, moment, number = line.split()
        child = os.fork()
        if child == 0:
            die_at(moment, int(number))
            with application.app_context():
                live(application, who)
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def die_at(moment: str, number: int) -> None:
    """Have this process end before or after its n-th commit."""
    commits = 0

    def count(session: Session) -> None:
        nonlocal commits
        if session.info.get("transaction_depth") and not session.in_nested_transaction():
            commits += 1
            if commits == number:
                os._exit(KILLED)

    event.listen(Session, "before_commit" if moment == "before" else "after_commit", count)


def live(application: Flask, who: str) -> None:
    """Do what is theirs to do, to the end."""
    match who:
        case "worker":
            _work()
        case "clock":
            capturing.chase_unfinished()
            _work()
        case _:
            _buy(application, UUID(who))


def _work() -> None:
    connection: Any = jobs.redis()
    queues = [Queue(name, connection=connection) for name in jobs.QUEUES]
    while any(queue.count for queue in queues):
        LeanWorker(queues, connection=connection).work(burst=True, logging_level="CRITICAL")


def _buy(application: Flask, buyer_id: UUID) -> None:
    """What the web role does for a buyer."""
    key = (
        session()
        .execute(select(Basket.checkout_key).where(Basket.user_id == buyer_id))
        .scalar_one()
    )
    started = placing.start_checkout(buyer_id=buyer_id, checkout_key=key, address=None, locale="en")
    paypal = SandboxControl(application.extensions["settings"].paypal_base_url)
    paypal.approve(started.paypal_order_id)
    capturing.capture_for(buyer_id=buyer_id, order_id=started.order_id)


if __name__ == "__main__":
    main()
