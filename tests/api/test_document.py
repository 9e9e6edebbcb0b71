"""The OpenAPI document: it is valid, it is true, and what it has once promised it keeps."""

import contextvars
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask, current_app
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.auth.scopes import scopes_for
from app.auth.service import api_keys
from app.kit.access import Access, rule_of
from app.kit.api.operations import operation_of
from app.kit.requests import API
from app.settings import Settings
from tests.conftest import empty_stores
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.support.apps import another_app
from tests.support.bought import delivered
from tests.support.chats import say, talking
from tests.support.promises import broken

PUBLISHED = Path(__file__).parent.parent / "contracts" / "openapi.json"
ROLES: dict[str, tuple[str, ...] | None] = {
    "anonymous": None,
    "buyer": (),
    "seller": ("seller",),
    "administrator": ("admin", "seller"),
}
# For each operation, role and mode: some 3,000 requests in all, besides those without a token that
# the check of ignored_auth adds.
EXAMPLES = 5
# A text that is longer than it may be can be longer than is read at all.
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428"]
LEAST_LIMIT = 10  # requests of one kind are allowed by every route; then the counts are forgotten
BRIEF = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """The document as it is served."""
    answer = client.get(f"{API}/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_of_the_api_is_in_it(app: Flask, document: dict[str, Any]) -> None:
    described = {
        operation["operationId"]: "security" in operation
        for item in document["paths"].values()
        for operation in item.values()
    }
    routes = {
        rule.endpoint.replace(".", "_"): rule_of(rule.endpoint) is not Access.PUBLIC
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(f"{API}/") and rule.endpoint != "developers.document"
    }
    assert described == routes
    for rule in app.url_map.iter_rules():
        if rule.endpoint.replace(".", "_") in routes:
            assert operation_of(app.view_functions[rule.endpoint]), rule.endpoint


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)


def test_nothing_that_was_published_isbroken(document: dict[str, Any]) -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert list(broken(published, document)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["paths"].pop("/api/v1/products"),
        lambda d: d["paths"]["/api/v1/products"].pop("get"),
        lambda d: d["components"]["schemas"]["ProductOut"]["properties"].pop("title"),
        lambda d: d["components"]["schemas"]["ProductIn"]["required"].append("description"),
        lambda d: d["components"]["schemas"]["Kind"]["enum"].pop(),
        lambda d: d["components"]["schemas"]["EndpointIn"]["properties"]["events"]["items"][
            "enum"
        ].pop(),
        lambda d: d["components"]["schemas"]["Money"]["properties"]["minor"].update(type="number"),
        lambda d: d["paths"]["/api/v1/products"]["get"].update(security=[{"bearer": []}]),
        lambda d: d["paths"]["/api/v1/products"]["get"]["parameters"].pop(),
    ],
)
def test_a_breaking_change_is_noticed(document: dict[str, Any], change: Callable[..., Any]) -> None:
    changed = json.loads(json.dumps(document))
    change(changed)
    assert list(broken(document, changed))


# schemathesis makes requests of the document, good ones and bad ones.


@pytest.fixture(scope="module")
def patient(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """An application that counts requests without end."""
    with another_app(make_settings(api_requests_per_minute=10**6)) as created:
        yield created


@pytest.fixture(scope="module")
def cases(patient: Flask) -> list[schemathesis.Case]:
    """Requests for every operation, none twice: making them takes longer than asking them."""
    found: list[schemathesis.Case] = []
    made: list[schemathesis.Case] = []

    def keep(case: schemathesis.Case) -> None:
        if case not in made:
            made.append(case)

    refused = {"expected-statuses": REFUSALS}
    config = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": refused}})
    schema = schemathesis.openapi.from_wsgi(f"{API}/openapi.json", patient, config=config)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        for mode in schemathesis.GenerationMode:
            with suppress(Unsatisfiable):  # nothing in it could be wrong
                BRIEF(given(result.ok().as_strategy(mode))(keep))()
            found += made
            made.clear()
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_as_documented(
    patient: Flask, cases: list[schemathesis.Case], role: str
) -> None:
    roles = ROLES[role]
    with patient.app_context():
        empty_stores()
        ids, token = _world(roles)
        asked = _worth_asking(cases, roles)
    headers = {"Accept-Encoding": "identity"}  # nobody would unpack it here
    if token:
        headers["Authorization"] = f"Bearer {token}"
    # Asks again without a token what was answered with one: of who may ask for most.
    checks = [*CHECKS, ignored_auth] if role == "administrator" else CHECKS
    wrong = []
    for number, case in enumerate(asked):
        if number % LEAST_LIMIT == 0:
            patient.extensions["redis"].flushdb()
        if case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE:
            for name in case.path_parameters.keys() & ids.keys():
                case.path_parameters[name] = str(ids[name])
        try:
            # A context of its own: nothing of the request before may be left.
            answer = contextvars.Context().run(
                case.call_and_validate, headers=headers, checks=checks
            )
            assert answer.status_code != 429, case.operation.label
        except (FailureGroup, Failure) as failure:
            parts = getattr(failure, "exceptions", [failure])
            wrong += [f"{case.operation.label}: {part.title}: {part}" for part in parts]
    assert wrong == []
    assert len(cases) >= 850


def _worth_asking(
    cases: list[schemathesis.Case], roles: tuple[str, ...] | None
) -> list[schemathesis.Case]:
    """Every request of an operation that is for these, and one of each that refuses them.

    Who calls is looked at before what is said: to the others the answer is always the same.
    """
    rules = {
        endpoint.replace(".", "_"): rule_of(endpoint) for endpoint in current_app.view_functions
    }
    held = {Access.PUBLIC} if roles is None else {Access.PUBLIC, Access.USER, *map(Access, roles)}
    last = {case.operation.label: case for case in cases}
    return [
        case
        for case in cases
        if rules[case.operation.definition.raw["operationId"]] in held
        or case is last[case.operation.label]
    ]


def _world(roles: tuple[str, ...] | None) -> tuple[dict[str, object], str | None]:
    """What there is to ask for, the person's own where it can be, and the person's key."""
    user = make_user(roles=roles or ())
    seller = user if "seller" in user.roles else make_user(roles=("seller",))
    product = make_product(seller, stock=tuple(f"KEY-{n}" for n in range(9)))
    buyer = make_user() if user is seller else user
    ids = {
        "product_id": product.id,
        "order_id": delivered(buyer, {product.id: 1}),
        "user_id": make_user().id,
    }
    talk = talking(make_user(), seller) if user is seller else talking(user, seller)
    ids |= {"conversation_id": talk.id, "message_id": say(talk, user).id}
    if roles is None:
        return ids, None
    scopes = [scope.value for scope in scopes_for(user)]
    _key_id, key = api_keys.create_api_key(user_id=user.id, name="Robot", scopes=scopes)
    return ids, key
