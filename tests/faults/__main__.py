"""`make faults`: N=300 random sales from a SEED, and what they came to.

The seed is printed; with it the same sales are made once more with the same faults, though not to
the millisecond. The exit code is 1 if anything is wrong.
"""

import logging
import os
import secrets
import sys

from tests.faults.run import run
from tests.support import servers


def main() -> int:
    """Make the sales that the environment asks for."""
    number = int(os.environ.get("N") or 300)
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    logging.disable()  # what this process of the shop says while stores are away
    servers.open_run()
    try:
        report = run(servers.servers(), seed=seed, number=number, say=print)
    finally:
        servers.close_run()
    print(report)
    return 0 if report.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
