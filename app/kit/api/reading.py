"""Requests are read into their models; what does not fit is said field by field."""

import re
from typing import Any, TypeVar, get_origin

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.kit.errors import Invalid

M = TypeVar("M", bound=BaseModel)
_FIELDS_SHOWN = 20
_NAME_SHOWN = 100
_FIELDS_MOST = 100  # no model has as many
# By pydantic's type of error, or its first word; the names are those of its context.
_MESSAGES = {
    "missing": _l("This field is required."),
    "extra_forbidden": _l("There is no such field."),
    "string_too_short": _l("Use at least %(min_length)s characters."),
    "string_too_long": _l("Use at most %(max_length)s characters."),
    "too_short": _l("At least %(min_length)s required."),
    "too_long": _l("At most %(max_length)s allowed."),
    "greater_than_equal": _l("The minimum is %(ge)s."),
    "less_than_equal": _l("The maximum is %(le)s."),
    "literal_error": _l("Expected one of: %(expected)s."),
    "enum": _l("Expected one of: %(expected)s."),
    "uuid": _l("This is not a valid id."),
    "bool": _l("Expected true or false."),
    "int": _l("Expected a whole number."),
    "string": _l("Expected text."),
    "list": _l("Expected a list."),
}
_OTHER = _l("This value is not accepted.")
_POINT = re.compile(rb"[:\[,]\s*-?[0-9]+(\.0|[eE.][0-9+])")  # where a number may be a float
_JSON_TYPES = re.compile(r"application/([a-z0-9.+-]+\+)?json", re.IGNORECASE)


def read_query(model: type[M]) -> M:
    """The address' parameters; Invalid with `errors` by name."""
    lists = {
        name for name, field in model.model_fields.items() if get_origin(field.annotation) is list
    }
    values: dict[str, Any] = {}
    for name, given in request.args.lists():
        # Given twice where one is meant, neither is: the list does not fit the field.
        values[name] = given if name in lists or len(given) > 1 else given[0]
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _invalid(error) from error


def read_body(model: type[M]) -> M:
    """The JSON that was sent.

    Raises werkzeug's UnsupportedMediaType and BadRequest for what is no JSON, Invalid with `errors`
    by field.
    """
    if not _JSON_TYPES.fullmatch(request.mimetype):
        raise UnsupportedMediaType
    data = request.get_data()
    try:
        given = from_json(data)
    except ValueError as error:
        raise BadRequest from error
    if isinstance(given, dict) and len(given) > _FIELDS_MOST:
        unknown = [name for name in given if name not in model.model_fields][:_FIELDS_SHOWN]
        raise _refused(dict.fromkeys(unknown, str(_MESSAGES["extra_forbidden"])))
    if _POINT.search(data):
        data = to_json(_whole(given))
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise _invalid(error) from error


def _whole(value: Any) -> Any:
    """The same with 34.0 as 34, which to JSON is the same number.

    https://json-schema.org/draft/2020-12/json-schema-core#section-4.2.3
    """
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole(one) for name, one in value.items()}
        case list():
            return [_whole(one) for one in value]
    return value


def _invalid(error: ValidationError) -> Invalid:
    found = error.errors(include_url=False, include_input=False)[:_FIELDS_SHOWN]
    return _refused({".".join(map(str, one["loc"])) or "body": _message(one) for one in found})


def _refused(errors: dict[str, str]) -> Invalid:
    shown = {name[:_NAME_SHOWN]: message for name, message in errors.items()}
    return Invalid("invalid", _("The request is invalid: see `errors`."), errors=shown)


def _message(error: ErrorDetails) -> str:
    """What is wrong with a field, in the asker's language."""
    kind = error["type"]
    found = _MESSAGES.get(kind) or _MESSAGES.get(kind.partition("_")[0], _OTHER)
    return str(found) % error.get("ctx", {})
