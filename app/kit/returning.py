"""From a refusal back to work: to the page it was asked for on, or the same form once more."""

from urllib.parse import unquote, urlsplit

from flask import current_app, request
from werkzeug.exceptions import HTTPException

from app.kit import csrf
from app.kit.bodies import SMALL
from app.kit.requests import own_path

_FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}
SECRETS = {"password", "current", "new"}  # no page has in it what was typed there


def page_before() -> str | None:
    """The path of the page of ours that asks; None where the browser doesn't say, or of no page."""
    try:
        parts = urlsplit(request.referrer or "")
    except ValueError:
        return None
    if f"{parts.scheme}://{parts.netloc}/" != request.host_url:
        return None
    path = own_path(f"{parts.path}?{parts.query}".rstrip("?"), "")
    pages = current_app.url_map.bind(request.host)
    return path if path and pages.test(unquote(parts.path), "GET") else None


def sent_fields() -> list[tuple[str, str]] | None:
    """The fields of the form that was sent, without its token, to be sent once more.

    None where it is not for us to repeat: it came from another site, has a password or a file in
    it, or is long.
    """
    if (
        request.method != "POST"
        or request.mimetype not in _FORM_TYPES | {""}
        or (request.content_length or 0) > SMALL.total
        or not csrf.is_from_our_page()
    ):
        return None
    try:
        fields = list(request.form.items(multi=True))
        has_files = any(file.filename for file in request.files.values())
    except HTTPException:
        return None
    if has_files or SECRETS & {name for name, _value in fields}:
        return None
    return [field for field in fields if field[0] != csrf.FIELD]
