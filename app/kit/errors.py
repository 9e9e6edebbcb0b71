"""Errors shown to people and programs. Each has a kind, which each edge maps to its protocol."""

from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What sort of refusal an error is; `kit.problems` gives its HTTP status."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    PRECONDITION_FAILED = "precondition_failed"
    PRECONDITION_REQUIRED = "precondition_required"
    UNAVAILABLE = "unavailable"


class AppError(Exception):
    """An expected refusal: `code` is for programs, `message` (already translated) for people."""

    kind: Kind = Kind.CONFLICT

    def __init__(
        self,
        code: str,
        message: str,
        *,
        errors: dict[str, str] | None = None,
        retry_after: int | None = None,
        **params: Any,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = errors or {}
        self.retry_after = retry_after
        self.params = params


class Invalid(AppError):
    """What was sent can't be read or breaks a rule of form; `errors` maps field to message."""

    kind = Kind.INVALID


class Unauthenticated(AppError):
    """Nobody is logged in, or the proof of it is no longer good."""

    kind = Kind.UNAUTHENTICATED


class Forbidden(AppError):
    """The person is known and may not do this."""

    kind = Kind.FORBIDDEN


class NotFound(AppError):
    """There is no such thing, or it is somebody else's."""

    kind = Kind.NOT_FOUND


class Conflict(AppError):
    """The state of things does not allow it."""

    kind = Kind.CONFLICT


class Gone(AppError):
    """It was there and is no more."""

    kind = Kind.GONE


class TooLarge(AppError):
    """More bytes, lines or pixels than are taken."""

    kind = Kind.TOO_LARGE


class TooMany(AppError):
    """Asked too often; `retry_after` seconds."""

    kind = Kind.TOO_MANY


class PreconditionFailed(AppError):
    """The request is about another version than the present one."""

    kind = Kind.PRECONDITION_FAILED


class PreconditionRequired(AppError):
    """The request must say which version it is about."""

    kind = Kind.PRECONDITION_REQUIRED


class Unavailable(AppError):
    """A part of the shop or a service it needs can't be reached now."""

    kind = Kind.UNAVAILABLE
