"""Photos are taken in: decoded, turned upright, stripped, re-encoded in a few sizes."""

import io
import struct
import threading
import warnings
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from PIL import Image, ImageOps
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from app.files import storage
from app.files.errors import BadPhoto, PhotoTooLarge
from app.files.models import Photo
from app.kit.db import end_read, session, transactional
from app.kit.ids import new_id

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 25_000_000
QUALITY = 82
LARGEST = max(storage.SIZES)
# So long a replaced photo stays: whoever was just about to buy has it in what they buy.
REPLACED_KEPT = timedelta(hours=1)
# What Pillow raises on broken pictures, besides its own UnidentifiedImageError (an OSError):
# its readers of headers and EXIF trust the numbers that they find there.
_BROKEN = (OSError, ValueError, TypeError, SyntaxError, EOFError, LookupError, struct.error)
_DEEP_GREY = "I;16"  # 16 bits, of which Pillow's own conversion keeps the white alone
# A big picture takes 200 MB while it is decoded: in a process, one at a time.
_decoding = threading.Lock()


def store_photo(*, owner_id: UUID, data: bytes) -> UUID:
    """Take in a photo; its id. The files are written before the row that names them.

    Raises BadPhoto, PhotoTooLarge.
    """
    end_read()  # decoding takes its time
    with _decoding:
        image, (width, height) = _decode(data)
    photo_id = new_id()
    for size in sorted(storage.SIZES, reverse=True):
        image.thumbnail((size, size), Image.Resampling.LANCZOS)  # each from the one before
        storage.write(photo_id, size, _encode(image))
    _insert(photo_id, owner_id, width, height)
    return photo_id


def drop_photo(*, photo_id: UUID) -> None:
    """Delete a photo that came to nothing: nothing may point at it. The row goes first."""
    _delete(photo_id)
    _delete_files(photo_id)


@transactional
def mark_replaced(*, photo_id: UUID) -> None:
    """Say that another photo stands in this one's place from now on."""
    session().execute(
        update(Photo).where(Photo.id == photo_id).values(replaced_at=func.clock_timestamp())
    )


def drop_replaced() -> int:
    """Delete the photos that were replaced some time ago and are shown nowhere; returns how many.

    What still shows one, such as a purchase, points at it by a foreign key, and keeps it for good.
    """
    dropped = 0
    for photo_id in _long_replaced():
        if _delete_unless_shown(photo_id):
            _delete_files(photo_id)
            dropped += 1
    return dropped


@transactional
def _long_replaced() -> Sequence[UUID]:
    long_ago = func.clock_timestamp() - REPLACED_KEPT
    return session().scalars(select(Photo.id).where(Photo.replaced_at < long_ago)).all()


@transactional
def _delete_unless_shown(photo_id: UUID) -> bool:
    savepoint = session().begin_nested()
    try:
        session().execute(delete(Photo).where(Photo.id == photo_id))
    except IntegrityError:
        savepoint.rollback()
        session().execute(update(Photo).where(Photo.id == photo_id).values(replaced_at=None))
        return False
    savepoint.commit()
    return True


def _delete_files(photo_id: UUID) -> None:
    for size in storage.SIZES:
        storage.delete(photo_id, size)


@transactional
def _delete(photo_id: UUID) -> None:
    session().delete(session().get_one(Photo, photo_id))


@transactional
def _insert(photo_id: UUID, owner_id: UUID, width: int, height: int) -> None:
    session().add(Photo(id=photo_id, owner_id=owner_id, width=width, height=height))


def _decode(data: bytes) -> tuple[Image.Image, tuple[int, int]]:
    """The first picture, upright, as plain colours, in the largest size; and its size as it came.

    Nothing of the file but its pixels.
    """
    if len(data) > MAX_BYTES:
        raise PhotoTooLarge
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # judged right below
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise PhotoTooLarge
                size = opened.size
                opened.draft(None, (2 * LARGEST, 2 * LARGEST))  # a JPEG need not be decoded whole
                opened.load()
                image = _plain(opened)
                image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
                upright = ImageOps.exif_transpose(image)
                return upright, size if upright.size == image.size else size[::-1]
    except Image.DecompressionBombError as error:
        raise PhotoTooLarge from error
    except _BROKEN as error:
        raise BadPhoto from error


def _plain(image: Image.Image) -> Image.Image:
    """The picture in plain colours, see-through where it was; itself if it is that already."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode == mode:
        return image
    if image.mode == _DEEP_GREY:
        image.info.pop("transparency", None)  # one of its levels, which the next ones have not
        image = image.convert("I").point(lambda level: level / 256).convert("L")
    return image.convert(mode)


def _encode(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY, exif=b"", icc_profile=None)
    return out.getvalue()
