"""An operation of the JSON API: what it reads and answers, for itself and for the document."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from app.kit.api import idempotency
from app.kit.api.reading import read_body, read_query
from app.kit.api.schemas import Listing
from app.kit.api.versions import stale
from app.kit.masks import protection
from app.kit.requests import API, public

_ATTRIBUTE = "operation"


@dataclass(frozen=True)
class Operation:
    """What the document says of a route."""

    answers: type[BaseModel] | None
    status: int
    refusals: frozenset[int]
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    content_types: tuple[str, ...]
    versioned: bool
    edits: bool
    summary: str
    description: str


@dataclass(frozen=True)
class Answer:
    """An answer with more to it than its content. `version` becomes its ETag."""

    content: BaseModel | None = None
    version: str | None = None
    location: str | None = None


View = Callable[..., BaseModel | Answer | None]


def api_blueprint(name: str, import_name: str, group: str) -> Blueprint:
    """The JSON routes of a domain below /api/v1/<group>; no cookie counts there, nor CSRF."""
    blueprint = Blueprint(name, import_name, url_prefix=f"{API}/{group}")
    protection.exempt(blueprint)
    return blueprint


def operation(
    *,
    answers: type[BaseModel] | None = None,
    status: int = 200,
    refusals: tuple[int, ...] = (),
    content_types: tuple[str, ...] = (),
    versioned: bool = False,
    edits: bool = False,
) -> Callable[[View], Callable[..., ResponseReturnValue]]:
    """Make a function a route of the API; stands below `allow`.

    Parameters named `query` and `body` are read into the models they are annotated with; what it
    returns becomes the answer. `content_types` are those of a body that is no JSON and that the
    function reads itself. `versioned`: the answer has an ETag. `edits`: the request must name the
    version it changes with If-Match. `refusals`: statuses that its errors have besides the usual
    ones. A POST of a known person honours Idempotency-Key.
    """

    def wrap(view: View) -> Callable[..., ResponseReturnValue]:
        hints = inspect.get_annotations(view, eval_str=True)
        summary, _, rest = (inspect.getdoc(view) or "").partition("\n")
        spec = Operation(
            answers=answers,
            status=status,
            refusals=frozenset(refusals),
            query=hints.get("query"),
            body=hints.get("body"),
            content_types=content_types,
            versioned=versioned,
            edits=edits,
            summary=summary,
            description=" ".join(rest.split()),
        )

        @functools.wraps(view)
        def call(**path: Any) -> ResponseReturnValue:
            def answer() -> Response:
                if spec.query:
                    path["query"] = read_query(spec.query)
                if spec.body:
                    path["body"] = read_body(spec.body)
                return _respond(view(**path), spec)

            return idempotency.once(answer)

        setattr(call, _ATTRIBUTE, spec)
        return call

    return wrap


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What a view states of itself, None for what is no operation of the API."""
    return getattr(view, _ATTRIBUTE, None)


def _respond(result: BaseModel | Answer | None, spec: Operation) -> Response:
    answer = result if isinstance(result, Answer) else Answer(result)
    content = answer.content
    response = Response(
        content.model_dump_json() if content is not None else "",
        status=spec.status,
        content_type="application/json" if content is not None else None,
    )
    if content is None:
        response.headers.pop("Content-Type", None)
    if isinstance(content, Listing) and content.next:
        response.headers["Link"] = f'<{_with_cursor(content.next)}>; rel="next"'
    if answer.location:
        response.headers["Location"] = answer.location
    response.headers["Cache-Control"] = "private, no-cache" if answer.version else "no-store"
    if answer.version:
        response.set_etag(answer.version)
        if request.method == "GET":
            response.make_conditional(request)
            if response.status_code == HTTPStatus.PRECONDITION_FAILED:  # of an If-Match
                raise stale()
    return response


def _with_cursor(cursor: str) -> str:
    """This listing's address, at its next page."""
    others = [(name, value) for name, value in request.args.items(multi=True) if name != "after"]
    return public(f"{request.path}?{urlencode([*others, ('after', cursor)])}")
