"""A run: so many sales, some at a time, and the reckoning."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tests.faults import buying
from tests.faults.plans import pieces_wanted, plans
from tests.faults.reckoning import Line, Reckoning, settle
from tests.faults.world import World
from tests.support.servers import Servers

AT_A_TIME = 6
SHOWN = 5


@dataclass(frozen=True)
class Report:
    """What came of a run."""

    seed: int
    number: int
    seconds: float
    told: Counter[str]
    struck: Counter[str]
    lines: list[Line]
    cash: tuple[int, int]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(line.found for line in self.lines) and self.cash[0] == self.cash[1]

    def __str__(self) -> str:
        words = [
            f"SEED={self.seed} N={self.number}: {self.seconds:.0f} seconds",
            f"what buyers heard last: {_listed(self.told)}",
            f"what went wrong: {_listed(self.struck)}",
            "",
        ]
        for line in self.lines:
            words.append(f"{len(line.found):6} of {line.of:6}  {line.name}")
            words += [f"{'':18}{found}" for found in line.found[:SHOWN]]
        ours, theirs = (f"{minor / 100:.2f}" for minor in self.cash)
        words.append(f"{ours:>16}  cash in the ledger, {theirs} in the sandbox's books")
        words.append("All is well." if self.is_sound else f"NOT SOUND. Once more: SEED={self.seed}")
        return "\n".join(words)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common()) or "nothing"


def run(
    servers: Servers, *, seed: int, number: int, say: Callable[[str], object] = lambda _line: None
) -> Report:
    """Make the sales of a seed, and count what came of them."""
    say(f"SEED={seed}: {number} sales, {AT_A_TIME} at a time …")
    began = time.monotonic()
    sales = plans(seed, number)
    with World(servers) as world:
        world.fill(pieces_wanted(sales))
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            made = list(pool.map(partial(buying.make, world), sales))
        say("leaving the shop alone until nothing moves …")
        moving = settle(world, seed)
        reckoning = Reckoning(world, made, moving)
        return Report(
            seed,
            number,
            time.monotonic() - began,
            Counter(sale.told or sale.refused or "nothing" for sale in made),
            Counter(_kinds(world)),
            reckoning.lines(),
            reckoning.cash(),
        )


def _kinds(world: World) -> list[str]:
    struck = [f"killed at “{point}”" for point in world.crashes()]
    return struck + [one for one in world.strikes if not one.startswith("crash")]
