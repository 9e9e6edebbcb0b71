"""Holds calls against PayPal's own OpenAPI descriptions.

The descriptions are PayPal's and no part of this repository; they are looked for beside it. Where
they are absent, `AVAILABLE` is False and tests marked `needs_openapi` say so and skip.

PayPal's schemas forbid no unknown field, so a misspelled one would pass: for our requests
`validate_request` also refuses every field that no schema names, and every read-only one.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

DIRECTORY = Path(__file__).resolve().parents[3] / "shared" / "paypal-openapi"
FILES = (
    "checkout_orders_v2",
    "payments_payment_v2",
    "notifications_webhooks_v1",
    "reporting_transactions_v1",
    "customer_disputes_v1",
    "payments_payouts_batch_v1",
)
AVAILABLE = all((DIRECTORY / f"{name}.json").is_file() for name in FILES)
needs_openapi = pytest.mark.skipif(
    not AVAILABLE, reason=f"PayPal's OpenAPI descriptions are not in {DIRECTORY}"
)
METHODS = {"get", "post", "patch", "put", "delete"}
# What stands in the links to the next page of PayPal's lists, and in no description.
OF_LINKS = {"move_to", "index_time", "index_id"}
# Its pattern refuses valid base64 that begins with + or /.
WRONG_PATTERNS = {"transmission_sig"}
EVENT_RESOURCES = {  # the first that fits
    "PAYMENT.CAPTURE.REFUNDED": ("payments_payment_v2", "refund"),
    "PAYMENT.CAPTURE.REVERSED": ("payments_payment_v2", "refund"),
    "PAYMENT.REFUND.": ("payments_payment_v2", "refund"),
    "CHECKOUT.ORDER.": ("checkout_orders_v2", "order"),
    "CHECKOUT.PAYMENT-APPROVAL.": ("checkout_orders_v2", "order"),  # with `order_id` for its `id`
    "PAYMENT.CAPTURE.": ("payments_payment_v2", "capture-2"),
    "CUSTOMER.DISPUTE.": ("customer_disputes_v1", "dispute"),
    "PAYMENT.PAYOUTSBATCH.": ("payments_payouts_batch_v1", "payout_batch"),
    "PAYMENT.PAYOUTS-ITEM.": ("payments_payouts_batch_v1", "payout_item-2"),
}
# What the JSON in the part `input` of a request in parts holds: PayPal's guide tells it
# (https://developer.paypal.com/docs/disputes/integrate/), its description the files alone.
_EVIDENCE = {"$ref": "#/components/schemas/evidence"}
_MONEY = {"$ref": "#/components/schemas/money"}
INPUTS: dict[str, dict[str, Any]] = {
    "disputes.provide-evidence": {"evidences": {"type": "array", "items": _EVIDENCE}},
    "disputes.accept-claim": {"note": {"type": "string"}, "refund_amount": _MONEY},
}


class ContractBroken(AssertionError):
    """A call that PayPal's description does not allow."""


@cache
def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DIRECTORY / f"{name}.json").read_text("utf-8"))
    _mend(document)
    return document


def _mend(node: Any) -> None:
    """Take out the patterns that are wrong, or that Python's `re` can't read."""
    if isinstance(node, list):
        for child in node:
            _mend(child)
    if isinstance(node, dict):
        for name, child in node.items():
            if name in WRONG_PATTERNS and isinstance(child, dict):
                child.pop("pattern", None)
            _mend(child)
        pattern = node.get("pattern")
        if isinstance(pattern, str):
            try:
                re.compile(pattern)
            except re.error:
                del node["pattern"]


@cache
def _registry() -> Registry[Any]:
    resources = [(_uri(name), Resource(_document(name), DRAFT4)) for name in FILES]
    return Registry().with_resources(resources)


def _uri(name: str) -> str:
    return f"urn:paypal:{name}"


@cache
def _operations() -> dict[str, tuple[str, str, str, dict[str, Any]]]:
    """operationId -> file, method, path template, description."""
    found = {}
    for name in FILES:
        for path, methods in _document(name)["paths"].items():
            for method, operation in methods.items():
                if method in METHODS:
                    found[operation["operationId"]] = (name, method.upper(), path, operation)
    return found


def operation_of(method: str, path: str) -> str | None:
    """The operationId that a call belongs to; None if PayPal describes no such call."""
    for name, (_, its_method, template, _) in _operations().items():
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if method == its_method and re.fullmatch(pattern, path):
            return name
    return None


def validate_request(operation: str, body: Any) -> None:
    """Raise ContractBroken unless PayPal takes this body, None for no body."""
    file, _, _, description = _operations()[operation]
    content = description.get("requestBody", {})
    if "$ref" in content:
        content = _look_up(file, content["$ref"])
    if body is None:
        if content.get("required"):
            raise ContractBroken(f"{operation} needs a body")
        return
    if not content:
        raise ContractBroken(f"{operation} takes no body")
    schema = content["content"]["application/json"]["schema"]
    _check(operation, file, schema, body)
    unknown = list(_unknown(file, [schema], body, ""))
    if unknown:
        raise ContractBroken(f"{operation} takes no {', '.join(unknown)}")


def validate_query(operation: str, query: Iterable[tuple[str, str]]) -> None:
    """Raise ContractBroken unless PayPal takes these parameters of an address."""
    file, _, _, description = _operations()[operation]
    named = [
        _look_up(file, one["$ref"]) if "$ref" in one else one
        for one in description.get("parameters", [])
    ]
    known = {one["name"]: one["schema"] for one in named if one["in"] == "query"}
    given = dict(query)
    needed = {one["name"] for one in named if one["in"] == "query" and one.get("required")}
    if missing := needed - given.keys():
        raise ContractBroken(f"{operation} needs {', '.join(sorted(missing))}")
    for name, text in given.items():
        if name in OF_LINKS:
            continue
        if name not in known:
            raise ContractBroken(f"{operation} takes no ?{name}")
        _check(f"{operation} ?{name}", file, known[name], _read(text, known[name].get("type")))


def _read(text: str, kind: str | None) -> Any:
    """A parameter of an address as its schema has it."""
    if kind == "integer" and text.isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def validate_parts(operation: str, body: Any, files: set[str]) -> None:
    """Raise ContractBroken unless PayPal takes this JSON and files of these field names."""
    file, _, _, description = _operations()[operation]
    content = description["requestBody"]
    if "$ref" in content:
        content = _look_up(file, content["$ref"])
    described = content["content"]["multipart/form-data"]["schema"]["properties"]
    if unknown := files - described.keys():
        raise ContractBroken(f"{operation} takes no {', '.join(sorted(unknown))}")
    schema = {"type": "object", "properties": INPUTS[operation]}
    _check(operation, file, schema, body)
    if fields := list(_unknown(file, [schema], body, "")):
        raise ContractBroken(f"{operation} takes no {', '.join(fields)}")


def validate_response(operation: str, status: int, body: Any) -> None:
    """Raise ContractBroken unless PayPal may answer so; None stands for an empty body."""
    file, _, _, description = _operations()[operation]
    answer = description["responses"].get(str(status), description["responses"]["default"])
    if "$ref" in answer:
        answer = _look_up(file, answer["$ref"])
    if "content" not in answer:
        if body is not None:
            raise ContractBroken(f"{operation} answers {status} without a body")
        return
    _check(f"{operation} {status}", file, answer["content"]["application/json"]["schema"], body)


def validate_event(event: dict[str, Any]) -> None:
    """Raise ContractBroken unless PayPal may send this webhook, its resource included."""
    _check("event", FILES[2], {"$ref": "#/components/schemas/event"}, event)
    for prefix, (file, schema) in EVENT_RESOURCES.items():
        if event["event_type"].startswith(prefix):
            _check(
                event["event_type"],
                file,
                {"$ref": f"#/components/schemas/{schema}"},
                event["resource"],
            )
            return
    raise ContractBroken(f"no schema for the resource of {event['event_type']}")


def issue_texts(operation: str, status: int) -> dict[str, set[str]]:
    """The issues that PayPal lists for an answer, and its words for each."""
    file, _, _, description = _operations()[operation]
    schema = description["responses"][str(status)]["content"]["application/json"]["schema"]
    texts: dict[str, set[str]] = {}
    for part in schema["allOf"]:
        details = _look_up(file, part["$ref"])["properties"]["details"]["items"]
        for option in details.get("anyOf", []):
            properties = option["properties"]
            for issue in properties["issue"]["enum"]:
                words = properties["description"].get("enum", ())  # none: PayPal's to choose
                texts.setdefault(issue, set()).update(words)
    return texts


def _check(what: str, file: str, schema: dict[str, Any], body: Any) -> None:
    # The schema's own references are local to its file.
    anchored = json.loads(json.dumps(schema).replace('"$ref": "#/', f'"$ref": "{_uri(file)}#/'))
    validator = Draft4Validator(anchored, registry=_registry(), format_checker=FormatChecker())
    problems = sorted(validator.iter_errors(body), key=str)
    if problems:
        lines = [f"{'/'.join(map(str, each.absolute_path))}: {each.message}" for each in problems]
        raise ContractBroken(f"{what}\n" + "\n".join(lines)[:4000])


def _look_up(file: str, reference: str) -> dict[str, Any]:
    node: Any = _document(file)
    for step in reference.removeprefix("#/").split("/"):
        node = node[step.replace("~1", "/").replace("~0", "~")]
    found: dict[str, Any] = node
    return found


def _flat(file: str, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all it is composed of."""
    if "$ref" in schema:
        yield from _flat(file, _look_up(file, schema["$ref"]))
    yield schema
    for name in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(name, []):
            yield from _flat(file, part)


def _unknown(file: str, schemas: list[dict[str, Any]], body: Any, place: str) -> Iterator[str]:
    """Where the body has fields that no schema names, or that only PayPal may set."""
    parts = [part for schema in schemas for part in _flat(file, schema)]
    if isinstance(body, list):
        items = [part["items"] for part in parts if "items" in part]
        for index, child in enumerate(body):
            yield from _unknown(file, items, child, f"{place}/{index}")
    if not isinstance(body, dict):
        return
    free = not any("properties" in part for part in parts)
    if free or any(part.get("additionalProperties") for part in parts):
        return
    for name, child in body.items():
        named = [part["properties"][name] for part in parts if name in part.get("properties", {})]
        if not named:
            yield f"{place}/{name}"
        elif any(part.get("readOnly") for part in named):
            yield f"{place}/{name} (read-only)"
        else:
            yield from _unknown(file, named, child, f"{place}/{name}")
