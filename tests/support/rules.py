"""The house's own rules, read from the syntax tree. Each yields the lines that break it."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
CODE = ("app", "bench", "scripts", "migrations", "wsgi.py", "gunicorn.conf.py")

# The only file that commits what the shop does. Alembic's own connection is none of the shop's.
MAY_COMMIT = {"app/kit/db.py", "migrations/env.py"}
KNOWS_HTMX = {"app/kit/htmx.py"}
# Below the edges the person and the form come as arguments.
ROOMS_BELOW = {"service", "queries", "policy", "models", "errors", "events", "tasks"}
OF_A_REQUEST = {
    "flask": {"request", "session", "g"},
    "flask_login": {"current_user"},
}
OF_THE_DATABASE = {"session", "transactional", "lock", "after_commit"}
# How the outside comes in to a domain: other domains call its services and queries instead.
DOORS = {"views", "api", "rpc", "tasks", "forms", "schemas", "promises"}
# Whose rows have a table of transitions beside the model.
STATES_BY_TABLE = {"orders", "payments", "products", "webhooks"}
LONGEST = 400
NO_NAMES = {"utils", "util", "helpers", "misc"}


@dataclass(frozen=True)
class Source:
    """A file: its address below the root, its text and its tree."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, self.path)

    @property
    def room(self) -> str | None:
        """`service` for app/orders/service/placing.py and app/orders/service.py alike."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return parts[2] if len(parts) > 2 and parts[0] == "app" else None


Rule = Callable[[Source], Iterator[str]]


def _at(source: Source, node: ast.AST, words: str) -> str:
    return f"{source.path}:{getattr(node, 'lineno', 1)}: {words}"


def commits_in_one_place(source: Source) -> Iterator[str]:
    """`.commit()` stands in `app/kit/db.py` alone; a savepoint's end commits nothing."""
    if source.path in MAY_COMMIT:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            is_savepoint = isinstance(owner, ast.Name) and owner.id == "savepoint"
            if node.func.attr == "commit" and not is_savepoint:
                yield _at(source, node, "commits; use @transactional")


def knows_htmx_in_one_place(source: Source) -> Iterator[str]:
    """Names of htmx's headers stand in `app/kit/htmx.py` alone."""
    if source.path in KNOWS_HTMX or not source.path.startswith("app/"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "HX-" in node.value:
            yield _at(source, node, "names a header of htmx; use app.kit.htmx")


def imports_stand_at_the_top(source: Source) -> Iterator[str]:
    """An import inside a function says why, in a comment beside or above it."""
    lines = source.text.splitlines()
    for function in ast.walk(source.tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                beside = lines[node.lineno - 1].partition("#")[2].strip()
                above = lines[node.lineno - 2].strip().startswith("#")
                if not beside and not above:
                    yield _at(source, node, "imports inside a function without saying why")


def requests_stay_at_the_edge(source: Source) -> Iterator[str]:
    """Services, queries, policies, models and tasks know no request, session or form."""
    if source.room not in ROOMS_BELOW:
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        for name in node.names:
            if name.name in OF_A_REQUEST.get(node.module, ()):
                yield _at(source, node, f"takes {name.name} of {node.module}")
        if node.module.endswith(".forms") or any(name.name == "forms" for name in node.names):
            yield _at(source, node, "takes a form")


def views_leave_the_database_alone(source: Source) -> Iterator[str]:
    """Views call services and queries; they have no session of their own."""
    if source.room != "views":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "app.kit.db":
            for name in node.names:
                if name.name in OF_THE_DATABASE:
                    yield _at(source, node, f"takes {name.name} of app.kit.db")


def doors_are_for_the_outside(source: Source) -> Iterator[str]:
    """No domain imports the views, API, tasks, forms, schemas or promises of another one."""
    if source.room is None:
        return
    own = PurePosixPath(source.path).parts[1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                package, whose, room, *_ = [*f"{node.module}.{name.name}".split("."), "", ""]
                if package == "app" and whose not in {own, "kit"} and room in DOORS:
                    yield _at(source, node, f"takes {room} of {whose}")


def states_move_along_their_table(source: Source) -> Iterator[str]:
    """States that have a table are changed by `app.kit.states.move` alone."""
    parts = PurePosixPath(source.path).parts
    if parts[0] != "app" or parts[1] not in STATES_BY_TABLE:
        return
    for node in ast.walk(source.tree):
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AugAssign | ast.AnnAssign)
            else []
        )
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr == "state":
                yield _at(source, node, "assigns a state; use app.kit.states.move")


def files_have_a_name(source: Source) -> Iterator[str]:
    """No file is called after what it is not."""
    if NO_NAMES & set(PurePosixPath(source.path).with_suffix("").parts):
        yield f"{source.path}: is called utils or the like"


def rooms_are_small(source: Source) -> Iterator[str]:
    """A room past 400 lines is split by use case."""
    length = len(source.text.splitlines())
    written = source.path.startswith("app/") and "/generated/" not in source.path
    if length > LONGEST and written:
        yield f"{source.path}: has {length} lines"


def due_is_looked_up(source: Source) -> Iterator[str]:
    """What is due is found by an index, for which a moment must stay the same in a statement.

    https://www.postgresql.org/docs/current/xfunc-volatility.html
    """
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Lt | ast.LtE):
            continue
        if "clock_timestamp" in ast.unparse(node.comparators[0]):
            yield _at(source, node, "compares with clock_timestamp(), not statement_timestamp()")


RULES: tuple[Rule, ...] = (
    commits_in_one_place,
    knows_htmx_in_one_place,
    imports_stand_at_the_top,
    requests_stay_at_the_edge,
    views_leave_the_database_alone,
    doors_are_for_the_outside,
    states_move_along_their_table,
    files_have_a_name,
    rooms_are_small,
    due_is_looked_up,
)


def sources() -> Iterator[Source]:
    """Every file that the rules are about."""
    for name in CODE:
        path = ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield Source(file.relative_to(ROOT).as_posix(), file.read_text())
