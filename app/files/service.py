"""Photos are taken in: decoded, turned upright, stripped, re-encoded in a few sizes."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from app.files import decoding, storage
from app.files.errors import PhotoTooLarge
from app.files.models import Photo
from app.kit.db import end_read, session, transactional
from app.kit.ids import new_id
from app.kit.sweeping import for_each

MAX_BYTES = 8 * 1024 * 1024
# So long a replaced photo stays: whoever was just about to buy has it in what they buy.
REPLACED_KEPT = timedelta(hours=1)


def store_photo(*, owner_id: UUID, data: bytes) -> UUID:
    """Take in a photo; its id. The files are written before the row that names them.

    Raises BadPhoto, PhotoTooLarge, and PhotosBusy while too many others are under way.
    """
    if len(data) > MAX_BYTES:
        raise PhotoTooLarge
    end_read()  # decoding takes its time
    sizes = sorted(storage.SIZES, reverse=True)
    photo = decoding.decode(data, sizes)
    photo_id = new_id()
    for size, picture in zip(sizes, photo.pictures, strict=True):
        storage.write(photo_id, size, picture)
    _insert(photo_id, owner_id, photo.width, photo.height)
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
    return for_each(_long_replaced(), _drop_unless_shown).done


def _drop_unless_shown(photo_id: UUID) -> bool:
    is_dropped = _delete_unless_shown(photo_id)
    if is_dropped:
        _delete_files(photo_id)
    return is_dropped


@transactional
def _long_replaced() -> Sequence[UUID]:
    long_ago = func.statement_timestamp() - REPLACED_KEPT
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
