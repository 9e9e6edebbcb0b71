"""Photos, served in their sizes."""

from uuid import UUID

from flask import Blueprint, send_file
from flask.typing import ResponseReturnValue

from app.files import storage
from app.files.errors import NoSuchPhoto
from app.kit.access import Access, allow

blueprint = Blueprint("files", __name__, url_prefix="/media")
YEAR = 31_536_000


@blueprint.get("/<uuid:photo_id>/<int:size>.webp")
@allow(Access.PUBLIC)
def photo(photo_id: UUID, size: int) -> ResponseReturnValue:
    """One size of a photo; it never changes."""
    if size not in storage.SIZES:
        raise NoSuchPhoto
    path = storage.find(photo_id, size)
    if path is None:
        raise NoSuchPhoto
    response = send_file(path, mimetype="image/webp", max_age=YEAR)
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
