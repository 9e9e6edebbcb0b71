"""How fast this machine is right now, so that runs here and elsewhere can be compared.

CPU time of the same work swings by a factor of two on shared machines. So a fixed loop is timed
beside what is measured, and CPU times are said as those of a machine that does REFERENCE_SPEED.
"""

import time
from collections.abc import Callable
from statistics import median

TURNS = 20_000  # some milliseconds
REFERENCE_SPEED = 10.0  # million turns of the loop a second
SAMPLES = 100


def speed() -> float:
    """Million turns of the loop that one core does a second of CPU time, by the median."""
    return TURNS / median(_cpu_seconds(_loop) for _n in range(SAMPLES)) / 1e6


def cpu_milliseconds(*works: Callable[[], object], rounds: int, warm_up: int = 20) -> list[float]:
    """CPU time in this process that each work takes, in turn with the others, by the median.

    In milliseconds of a machine of REFERENCE_SPEED: each round has a loop of its own beside it.
    """
    for work in works * warm_up:
        work()
    times: list[list[float]] = [[] for _work in works]
    for _n in range(rounds):
        scale = TURNS / REFERENCE_SPEED / 1e6 / _cpu_seconds(_loop)
        for kept, work in zip(times, works, strict=True):
            kept.append(_cpu_seconds(work) * scale * 1000)
    return [median(kept) for kept in times]


def _cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _loop() -> int:
    """What interpreted code does most: numbers, look-ups, short strings."""
    known = {"key": 1}
    total = 0
    for turn in range(TURNS):
        total += known["key"] + len(str(turn))
    return total
