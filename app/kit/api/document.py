"""The OpenAPI 3.1 document, made of the routes and their models: https://spec.openapis.org/oas/v3.1.1."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from flask import current_app
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from app.kit.access import Access, rule_of, scope_of
from app.kit.api.limits import HEADERS
from app.kit.api.operations import Operation, operation_of
from app.kit.api.schemas import Output
from app.kit.problems import PROBLEM_TYPE

VERSION = "1.0"
_REF = "#/components/schemas/{model}"
_VARIABLE = re.compile(r"<(?P<converter>\w+)(?:\((?P<values>[^)]*)\))?:(?P<name>\w+)>")


class ProblemDetails(Output):
    """Why a request was refused (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str = Field(description="a stable code for this error")
    errors: dict[str, str] = Field(description="what is wrong, by field")


@dataclass(frozen=True)
class _Route:
    """A route of the API with all that the document says of it."""

    method: str
    path: str
    endpoint: str
    group: str
    variables: dict[str, dict[str, Any]]
    operation: Operation

    @property
    def access(self) -> Access:
        rule = rule_of(self.endpoint)
        assert rule is not None, f"{self.endpoint} does not state who may call it"
        return rule

    @property
    def models(self) -> Iterator[tuple[type[BaseModel], Literal["validation", "serialization"]]]:
        for model in (self.operation.query, self.operation.body):
            if model is not None:
                yield model, "validation"
        if self.operation.answers is not None:
            yield self.operation.answers, "serialization"


def openapi() -> dict[str, Any]:
    """The document of the current application."""
    routes = sorted(_routes(), key=lambda route: (route.path, route.method))
    models = {pair for route in routes for pair in route.models} | {
        (ProblemDetails, "serialization")
    }
    ordered = sorted(models, key=lambda pair: (pair[0].__name__, pair[1]))
    refs, definitions = models_json_schema(ordered, ref_template=_REF)  # type: ignore[arg-type]
    components = definitions["$defs"]
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = _describe(route, refs, components)
    for model, _mode in ordered:  # parameters are spelled out where they are used
        if any(route.operation.query is model for route in routes):
            components.pop(model.__name__, None)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "ByteShop",
            "version": VERSION,
            "description": (
                "Everything people can do in the shop. Amounts are in the currency's smallest unit "
                "(cents), times are ISO 8601 in UTC, errors are RFC 9457 problems in the language "
                "of `Accept-Language`. Lists are paginated: pass `next` as `after`, or follow the "
                "`Link` header."
            ),
        },
        "servers": [{"url": current_app.config["PUBLIC_URL"]}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "an access token of `/api/v1/auth/token`, or an API key",
                }
            },
            "headers": {
                name: {"schema": {"type": "integer"}, "description": what}
                for name, what in zip(
                    HEADERS,
                    (
                        "requests a minute",
                        "how many of them are left",
                        "in how many seconds there are more",
                    ),
                    strict=True,
                )
            },
        },
    }


def _routes() -> Iterator[_Route]:
    rule: Rule
    for rule in current_app.url_map.iter_rules():
        operation = operation_of(current_app.view_functions[rule.endpoint])
        if operation is None:
            continue
        variables = {
            found["name"]: _path_schema(found["converter"], found["values"])
            for found in _VARIABLE.finditer(rule.rule)
        }
        path = _VARIABLE.sub(lambda found: f"{{{found['name']}}}", rule.rule)
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        for method in methods:
            group = path.split("/")[3]
            yield _Route(method.lower(), path, rule.endpoint, group, variables, operation)


def _path_schema(converter: str, values: str | None) -> dict[str, Any]:
    """What a variable of a path may be, from Werkzeug's converter."""
    if converter == "uuid":
        return {"type": "string", "format": "uuid"}
    if converter == "any" and values:
        return {"type": "string", "enum": [value.strip() for value in values.split(",")]}
    raise NotImplementedError(f"a path with a variable of kind {converter!r}")


def _describe(route: _Route, refs: Any, components: dict[str, Any]) -> dict[str, Any]:
    operation = route.operation
    scope = scope_of(route.endpoint)
    described: dict[str, Any] = {
        "operationId": route.endpoint.replace(".", "_"),
        "tags": [route.group],
        "summary": operation.summary.rstrip("."),
        "description": " ".join(
            part
            for part in (operation.description, scope and f"Needs the scope `{scope}`.")
            if part
        ),
        "parameters": list(_parameters(route, components)),
        "responses": _responses(route, refs),
    }
    if route.access is not Access.PUBLIC:
        described["security"] = [{"bearer": []}]
    if operation.body is not None:
        schema = refs[(operation.body, "validation")]
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    elif operation.content_types:
        described["requestBody"] = {
            "required": True,
            "content": {kind: {} for kind in operation.content_types},
        }
    return described


def _parameters(route: _Route, components: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, schema in route.variables.items():
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if route.operation.query is not None:
        shape = components[route.operation.query.__name__]
        for name, schema in shape.get("properties", {}).items():
            parameter = {"name": name, "in": "query", "required": name in shape.get("required", [])}
            if "description" in schema:
                parameter["description"] = schema["description"]
            yield {**parameter, "schema": _without_null(schema)}
    if route.operation.edits:
        yield _header("If-Match", "the ETag of the version being changed", required=True)
    if route.method == "post" and route.access is not Access.PUBLIC:
        what = "a repeated request with the same key gets the first answer"
        yield _header("Idempotency-Key", what, pattern="^[\\x21-\\x7e]{1,255}$")


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is there or not; an address has no null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    if len(kinds) == 1:
        return {**kinds[0], **{name: v for name, v in rest.items() if name != "title"}}
    return {**rest, **({"default": schema["default"]} if schema.get("default") is not None else {})}


def _header(
    name: str, what: str, *, required: bool = False, pattern: str | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": what,
        "schema": {"type": "string"} | ({"pattern": pattern} if pattern else {}),
    }


def _responses(route: _Route, refs: Any) -> dict[str, Any]:
    operation = route.operation
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
    good: dict[str, Any] = {
        "description": HTTPStatus(operation.status).phrase,
        "headers": dict(headers),
    }
    if operation.answers is not None:
        schema = refs[(operation.answers, "serialization")]
        good["content"] = {"application/json": {"schema": schema}}
    if operation.versioned:
        good["headers"]["ETag"] = {"schema": {"type": "string"}}
    responses = {str(operation.status): good}
    if operation.versioned and route.method == "get":
        responses["304"] = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    problem = {"schema": refs[(ProblemDetails, "serialization")]}
    for status in sorted(_refusals(route)):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_TYPE: problem},
        }
    return responses


def _refusals(route: _Route) -> set[int]:
    """Statuses of problems that the route may answer with."""
    operation, found = route.operation, {429, 503, *route.operation.refusals}
    if route.access is not Access.PUBLIC:
        found |= {401, 403}
        if route.method == "post":
            found |= {409, 422}  # of the Idempotency-Key
    if route.variables:
        found |= {404}
    if operation.query is not None:
        found |= {422}
    if operation.body is not None:
        found |= {400, 413, 415, 422}
    if operation.content_types:
        found |= {413, 415, 422}
    if operation.versioned and route.method == "get":
        found |= {412}  # of an If-Match
    if operation.edits:
        found |= {412, 428}
    return found
