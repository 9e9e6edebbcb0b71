"""A worker that dies like one killed by `kill -9`, right before or right after its n-th commit.

Usage: python -m tests.support.crashing_worker (before|after) N
Does every job of the queues; exits 0 if it lived to the end, 137 if it died.
"""

import os
import sys
from typing import Any

from rq import Queue
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.commands import ContextWorker
from app.factory import create_app
from app.kit import jobs

KILLED = 137


def main(moment: str, number: int) -> None:
    """Work until the end, or until death."""
    commits = 0

    def count(session: Session) -> None:
        nonlocal commits
        if session.info.get("transaction_depth"):
            commits += 1
            if commits == number:
                os._exit(KILLED)

    event.listen(Session, "before_commit" if moment == "before" else "after_commit", count)
    application = create_app()
    with application.app_context():
        connection: Any = jobs.redis()
        queues = [Queue(name, connection=connection) for name in jobs.QUEUES]
        while any(queue.count for queue in queues):
            ContextWorker(queues, connection=connection).work(burst=True, logging_level="CRITICAL")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
