"""A process of the shop whose threads claim units, once it is told to, for `bench.claims`."""

import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Flask

from app.factory import create_app
from app.kit.ids import new_id
from app.products.service import stock


def claim(application: Flask, product_id: UUID, *, threads: int, seconds: float) -> int:
    """How many units were claimed, as placing an order claims them, one at a time."""
    until = datetime.now(UTC) + timedelta(hours=1)
    counts = [0] * threads
    end = time.monotonic() + seconds

    def work(index: int) -> None:
        with application.app_context():
            while time.monotonic() < end:
                stock.reserve(product_id=product_id, quantity=1, holder=new_id(), until=until)
                counts[index] += 1

    running = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts)


def main(product_id: UUID, threads: int, seconds: float) -> None:
    """Say when ready, wait for a word, claim, say how many."""
    application = create_app()
    print("ready", flush=True)
    sys.stdin.readline()
    print(claim(application, product_id, threads=threads, seconds=seconds), flush=True)


if __name__ == "__main__":
    main(UUID(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
