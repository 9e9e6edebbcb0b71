"""What one OpenAPI document promises, held against a later one."""

import json
from collections.abc import Iterator
from typing import Any


def broken(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What a program written for the old document would find missing or changed in the new one."""
    for path, item in old["paths"].items():
        for method, before in item.items():
            after = new["paths"].get(path, {}).get(method)
            where = f"{method.upper()} {path}"
            if after is None:
                yield f"{where} is gone"
                continue
            yield from _parameters(where, before, after)
            for status in before["responses"].keys() - after["responses"].keys():
                if status < "400":
                    yield f"{where} no longer answers {status}"
            if "security" in after and "security" not in before:
                yield f"{where} needs a token now"
    for name, before in old["components"]["schemas"].items():
        after = new["components"]["schemas"].get(name)
        if after is None:
            yield f"schema {name} is gone"
        else:
            yield from _schema(name, before, after)


def _parameters(where: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    old, new = (
        {(one["in"], one["name"]): one["required"] for one in operation["parameters"]}
        for operation in (before, after)
    )
    for place, name in old.keys() - new.keys():
        yield f"{where}: {place} parameter {name} is gone"
    for place, name in new:
        if new[place, name] and not old.get((place, name), False):
            yield f"{where}: {place} parameter {name} is needed now"


def _schema(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for field, shape in before.get("properties", {}).items():
        now = after.get("properties", {}).get(field)
        if now is None:
            yield f"{name}.{field} is gone"
        elif _kind(shape) != _kind(now):
            yield f"{name}.{field} was {_kind(shape)} and is {_kind(now)}"
        else:
            for value in _choices(shape) - _choices(now):
                yield f"{name}.{field} no longer knows {value}"
    if before.get("additionalProperties") is False:  # an input
        for field in set(after.get("required", [])) - set(before.get("required", [])):
            yield f"{name}.{field} is needed now"
    for value in set(map(str, before.get("enum", []))) - set(map(str, after.get("enum", []))):
        yield f"{name} no longer knows {value}"


def _kind(shape: dict[str, Any]) -> str:
    kept = {key: shape[key] for key in ("type", "format", "$ref", "anyOf", "items") if key in shape}
    if "items" in kept:  # one choice more breaks nobody
        kept["items"] = {key: value for key, value in kept["items"].items() if key != "enum"}
    return json.dumps(kept, sort_keys=True)


def _choices(shape: dict[str, Any]) -> set[str]:
    """What a list may be made of, where only some words may be in it."""
    return set(shape.get("items", {}).get("enum", []))
