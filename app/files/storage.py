"""Where the files of photos lie: on the local disk, below the data directory."""

import os
import tempfile
from pathlib import Path
from uuid import UUID

from flask import current_app

SIZES = (160, 360, 480, 960)


def path_of(photo_id: UUID, size: int) -> Path:
    """The file of one size of a photo. The id's random tail spreads the folders evenly."""
    data_dir: Path = current_app.extensions["settings"].data_dir
    return data_dir.absolute() / "media" / photo_id.hex[-2:] / f"{photo_id}-{size}.webp"


def find(photo_id: UUID, size: int) -> Path | None:
    """The file of one size or, of a photo that is older than that size, of the next larger one."""
    paths = (path_of(photo_id, one) for one in SIZES if one >= size)
    return next((path for path in paths if path.is_file()), None)


def write(photo_id: UUID, size: int, data: bytes) -> None:
    """Write a file whole or not at all."""
    target = path_of(photo_id, size)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def delete(photo_id: UUID, size: int) -> None:
    """Delete a file; no matter if it is gone already."""
    path_of(photo_id, size).unlink(missing_ok=True)
