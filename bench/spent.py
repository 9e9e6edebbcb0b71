"""CPU time that servers spend, read from /proc: what something costs, wherever the work is done."""

import contextlib
from collections.abc import Iterator, Mapping

import psutil

from bench.machine import REFERENCE_SPEED, speed


class Spent:
    """CPU milliseconds by server, all its processes together; there once the block has ended."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}


@contextlib.contextmanager
def spent(roots: Mapping[str, int]) -> Iterator[Spent]:
    """What servers spend inside the block, each known by the id of its first process.

    In milliseconds of a machine of REFERENCE_SPEED, as all CPU times here.
    """
    found = Spent()
    speeds = [speed()]
    before = {name: _seconds(root) for name, root in roots.items()}
    yield found
    after = {name: _seconds(root) for name, root in roots.items()}
    speeds.append(speed())
    scale = 1000 * sum(speeds) / len(speeds) / REFERENCE_SPEED
    found.milliseconds = {name: (after[name] - before[name]) * scale for name in roots}


def _seconds(root: int) -> float:
    """CPU time of a process, of all that it started, and of those of them that have ended."""
    first = psutil.Process(root)
    total = 0.0
    for process in [first, *first.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])  # its own and its ended children's, user, system
    return total
