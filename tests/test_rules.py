"""The house's own rules hold, and each of them can fail."""

import tomllib

import pytest
from flask import Flask

from app.kit.access import rule_of
from tests.support import rules
from tests.support.rules import RULES, Rule, Source

BROKEN = [
    (rules.commits_in_one_place, "app/orders/service/x.py", "db.session.commit()"),
    (rules.commits_in_one_place, "app/demo/data.py", "def f():\n    session().commit()"),
    (rules.commits_in_one_place, "bench/x.py", "with a() as c:\n    c.commit()"),
    (rules.knows_htmx_in_one_place, "app/auth/views.py", 'x = request.headers["HX-Request"]'),
    (rules.knows_htmx_in_one_place, "app/kit/problems.py", 'h = {"HX-Retarget": "#x"}'),
    (rules.imports_stand_at_the_top, "app/a.py", "def f():\n    import os"),
    (rules.imports_stand_at_the_top, "app/a.py", "class A:\n  def f(self):\n    from a import b"),
    (rules.imports_stand_at_the_top, "app/a.py", "async def f():\n    import os  #"),
    (rules.requests_stay_at_the_edge, "app/a/service.py", "from flask import request"),
    (rules.requests_stay_at_the_edge, "app/a/service/x.py", "from flask import g, session"),
    (rules.requests_stay_at_the_edge, "app/a/queries.py", "from flask_login import current_user"),
    (rules.requests_stay_at_the_edge, "app/a/tasks.py", "from app.a.forms import Form"),
    (rules.requests_stay_at_the_edge, "app/a/policy.py", "from app.a import forms"),
    (rules.views_leave_the_database_alone, "app/a/views.py", "from app.kit.db import session"),
    (rules.views_leave_the_database_alone, "app/a/views/x.py", "from app.kit.db import lock"),
    (rules.doors_are_for_the_outside, "app/orders/views/x.py", "from app.payments import views"),
    (rules.doors_are_for_the_outside, "app/a/service.py", "from app.b.schemas.x import X"),
    (rules.states_move_along_their_table, "app/orders/service/x.py", "order.state = PAID"),
    (rules.states_move_along_their_table, "app/payments/x.py", "a.b.state: State = x"),
    (rules.states_move_along_their_table, "app/products/x.py", "product.state = HIDDEN"),
    (rules.files_have_a_name, "app/a/utils.py", ""),
    (rules.files_have_a_name, "app/utils/x.py", ""),
    (rules.rooms_are_small, "app/a/service.py", "x = 1\n" * 401),
    (rules.due_is_looked_up, "app/a/service.py", "x = A.due_at <= func.clock_timestamp()"),
    (rules.due_is_looked_up, "app/a/service.py", "x = A.at < func.clock_timestamp() - KEPT"),
]  # fmt: skip
KEPT = [
    (rules.commits_in_one_place, "app/kit/db.py", "current.commit()"),
    (rules.commits_in_one_place, "app/a/service.py", "commit(x)\nsavepoint.commit()"),
    (rules.knows_htmx_in_one_place, "app/kit/htmx.py", 'x = "HX-Request"'),
    (rules.knows_htmx_in_one_place, "tests/x.py", 'x = "HX-Request"'),
    (rules.imports_stand_at_the_top, "app/a.py", "import os\nif x:\n    import y"),
    (rules.imports_stand_at_the_top, "app/a.py", "def f():\n    import os  # not there yet"),
    (rules.imports_stand_at_the_top, "app/a.py", "def f():\n    # not there yet\n    import os"),
    (rules.requests_stay_at_the_edge, "app/a/views.py", "from flask import request, session"),
    (rules.requests_stay_at_the_edge, "app/a/service.py", "from flask import current_app"),
    (rules.requests_stay_at_the_edge, "app/a/service.py", "from app.kit.db import session"),
    (rules.views_leave_the_database_alone, "app/a/service.py", "from app.kit.db import session"),
    (rules.views_leave_the_database_alone, "app/a/views.py", "from app.kit.db import end_read"),
    (rules.doors_are_for_the_outside, "app/a/views.py", "from app.a import forms"),
    (rules.doors_are_for_the_outside, "app/a/views.py", "from app.kit.api import operations"),
    (rules.doors_are_for_the_outside, "app/a/views.py", "from app.b import queries"),
    (rules.doors_are_for_the_outside, "app/wiring.py", "from app.a import views"),
    (rules.states_move_along_their_table, "app/orders/x.py", "state = order.state\nx.states = 1"),
    (rules.states_move_along_their_table, "app/kit/states.py", "row.state = to"),
    (rules.files_have_a_name, "app/a/service.py", ""),
    (rules.rooms_are_small, "app/a/service.py", "x = 1\n" * 400),
    (rules.rooms_are_small, "app/a/rpc/generated/a_pb2.py", "x = 1\n" * 401),
    (rules.due_is_looked_up, "app/a/service.py", "x = A.due_at <= func.statement_timestamp()"),
    (rules.due_is_looked_up, "app/a/service.py", "x = A.ends_at > func.clock_timestamp()"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_rule_sees_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_rule_lets_the_rest_be(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []


def test_every_rule_is_tried_both_ways() -> None:
    assert {rule for rule, *_ in BROKEN} == set(RULES)
    assert {rule for rule, *_ in KEPT} == set(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_it(rule: Rule) -> None:
    found = [line for source in rules.sources() for line in rule(source)]
    assert found == []


def test_the_code_is_found() -> None:
    paths = {source.path for source in rules.sources()}
    assert {"app/kit/db.py", "app/orders/service/placing.py", "wsgi.py"} <= paths


def test_every_route_states_who_may_call_it(app: Flask) -> None:
    silent = [rule for rule in app.url_map.iter_rules() if rule_of(rule.endpoint) is None]
    assert silent == []


# These start, describe or serve the shop as a whole.
NO_DOMAINS = {"demo", "embedded", "health", "kit", "sandbox"}


def test_import_contracts_cover_every_domain() -> None:
    project = tomllib.loads((rules.ROOT / "pyproject.toml").read_text())
    outer, inner, servers = project["tool"]["importlinter"]["contracts"][:3]
    assert outer["exhaustive"]
    assert inner["exhaustive"]
    packages = {path.parent.name for path in (rules.ROOT / "app").glob("*/__init__.py")}
    domains = {f"app.{name}" for name in packages - NO_DOMAINS}
    assert set(inner["containers"]) == domains
    assert domains < set(servers["forbidden_modules"])
