"""Photos are taken in: decoded, turned upright, stripped, re-encoded in a few sizes."""

import io
import warnings
from uuid import UUID

from PIL import Image, ImageOps, UnidentifiedImageError

from app.files import storage
from app.files.errors import BadPhoto, PhotoTooLarge
from app.files.models import Photo
from app.kit.db import session, transactional
from app.kit.ids import new_id

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 25_000_000
QUALITY = 82


def store_photo(*, owner_id: UUID, data: bytes) -> UUID:
    """Take in a photo; its id. The files are written before the row that names them.

    Raises BadPhoto, PhotoTooLarge.
    """
    image = _decode(data)
    photo_id = new_id()
    for size in storage.SIZES:
        storage.write(photo_id, size, _encode(image, size))
    _insert(photo_id, owner_id, image.width, image.height)
    return photo_id


@transactional
def _insert(photo_id: UUID, owner_id: UUID, width: int, height: int) -> None:
    session().add(Photo(id=photo_id, owner_id=owner_id, width=width, height=height))


def _decode(data: bytes) -> Image.Image:
    """The first picture, upright, as plain colours; nothing of the file but its pixels."""
    if len(data) > MAX_BYTES:
        raise PhotoTooLarge
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # judged right below
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise PhotoTooLarge
                upright = ImageOps.exif_transpose(opened)
                upright.load()
                return upright.convert("RGBA" if "A" in upright.getbands() else "RGB")
    except Image.DecompressionBombError as error:
        raise PhotoTooLarge from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise BadPhoto from error


def _encode(image: Image.Image, size: int) -> bytes:
    smaller = image.copy()
    smaller.thumbnail((size, size))
    out = io.BytesIO()
    smaller.save(out, "WEBP", quality=QUALITY, exif=b"", icc_profile=None)
    return out.getvalue()
