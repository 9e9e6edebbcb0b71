"""If-Match: a change names the version that it was made to, so that none is lost unseen."""

from flask import request
from flask_babel import gettext as _

from app.kit.errors import PreconditionFailed, PreconditionRequired


def expected_version() -> str:
    """The version that the request wants to change.

    Raises PreconditionRequired where it names none (RFC 6585, section 3), PreconditionFailed for
    what can be no version of ours: a list, a weak tag, or `*`.
    """
    if "If-Match" not in request.headers:
        raise PreconditionRequired(
            "version_missing", _("Send If-Match with the ETag of the version you are changing.")
        )
    tags = request.if_match.as_set()
    if len(tags) != 1:
        raise stale()
    return str(next(iter(tags)))


def stale() -> PreconditionFailed:
    """The refusal of a change to a version that is not the present one."""
    return PreconditionFailed(
        "version_stale",
        _("It was changed in the meantime. Read it again and change the new version."),
    )
