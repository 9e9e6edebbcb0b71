"""What each statement of a page or a job costs the database: time, rows, and how it finds them."""

import math
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event, text

# A connection has its statements prepared after five runs, and planned for any values after five
# more, which may be another plan: only the runs after that count.
WARM_UP = 11
ROUNDS = 5
PLANNED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"})
CHANGES = re.compile(r"\b(INSERT|UPDATE|DELETE)\b")
MOST_ROWS = 20_000  # a scan without a beginning that reads more than these was not ended early
Statement = tuple[str, int]  # its text, and the how manieth of that text in a round


@dataclass(eq=False)
class Cost:
    """What a statement took: the least time of all rounds, in milliseconds, and its rows.

    `full` names the tables that it read from end to end.
    """

    milliseconds: float = math.inf
    rows: int = 0
    full: set[str] = field(default_factory=set)


class Watch:
    """Watches what an engine sends."""

    def __init__(self, engine: Engine, least_rows: int) -> None:
        """Watch what is sent to this engine; tables of fewer rows may be read whole."""
        self._engine = engine
        with engine.connect() as connection:
            tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= :least"
            self._growing = set(connection.scalars(text(tables), {"least": least_rows}))

    def costs_of(self, act: Callable[[], object]) -> dict[Statement, Cost]:
        """Do something again and again, then once more with every plan looked at."""
        costs: dict[Statement, Cost] = defaultdict(Cost)
        for _round in range(WARM_UP):
            act()
        for _round in range(ROUNDS):
            with self._timed(costs):
                act()
        with self._explained(costs):
            act()
        # What came up in the last round alone, such as a key that was due to be read, has no time.
        return {
            statement: cost for statement, cost in costs.items() if cost.milliseconds < math.inf
        }

    @contextmanager
    def _timed(self, costs: dict[Statement, Cost]) -> Iterator[None]:
        seen: Counter[str] = Counter()
        began = 0.0

        def begin(*_anything: Any) -> None:
            nonlocal began
            began = time.perf_counter()

        def end(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            took = (time.perf_counter() - began) * 1000
            cost = costs[statement, seen[statement]]
            cost.milliseconds = min(cost.milliseconds, took)
            seen[statement] += 1

        with _listening(self._engine, before_cursor_execute=begin, after_cursor_execute=end):
            yield

    @contextmanager
    def _explained(self, costs: dict[Statement, Cost]) -> Iterator[None]:
        seen: Counter[str] = Counter()

        def explain(
            _connection: Any,
            cursor: Any,
            statement: str,
            parameters: Any,
            _context: Any,
            executemany: bool,
        ) -> None:
            cost = costs[statement, seen[statement]]
            seen[statement] += 1
            verb = statement.split(None, 1)[0]
            if verb not in PLANNED or executemany:
                return
            # To look at what a change would do must not do it.
            is_read = verb == "SELECT" or (verb == "WITH" and not CHANGES.search(statement))
            how = "ANALYZE, TIMING OFF, " if is_read else ""
            with cursor.connection.cursor() as beside:
                beside.execute(f"EXPLAIN ({how}FORMAT JSON) {statement}", parameters)
                [[[found]]] = beside.fetchall()
            for node in _nodes(found["Plan"]):
                self._note(node, cost)

        with _listening(self._engine, before_cursor_execute=explain):
            yield

    def _note(self, node: dict[str, Any], cost: Cost) -> None:
        table = node.get("Relation Name")
        if table is None or "Scan" not in node["Node Type"]:
            return
        removed = sum(value for key, value in node.items() if key.startswith("Rows Removed by"))
        rows = round((node.get("Actual Rows", 0) + removed) * node.get("Actual Loops", 1))
        cost.rows += rows
        if table in self._growing and _is_full(node, rows):
            cost.full.add(table)


def _is_full(node: dict[str, Any], rows: int) -> bool:
    """Whether a scan has no place to begin at, and was not ended early."""
    is_unbounded = node["Node Type"] == "Seq Scan" or (
        node["Node Type"].startswith("Index") and "Index Cond" not in node
    )
    planned = "Actual Rows" not in node
    return is_unbounded and (planned or rows > MOST_ROWS)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@contextmanager
def _listening(engine: Engine, **listeners: Callable[..., None]) -> Iterator[None]:
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)
