"""Photos are decoded outside of this process, and few at a time: the others are asked to wait."""

import logging
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.files import decoder
from app.files.errors import BadPhoto, PhotosBusy, PhotoTooLarge

log = logging.getLogger(__name__)
AT_ONCE = 1  # of this process's threads: the decoder takes a core and up to 350 MB
WAITING = 2  # so many more may wait; the other threads serve pages meanwhile
PATIENCE = 8.0  # seconds that one of them waits
TIME = 30.0  # seconds in which a photo is decoded, or never
_PROGRAM = Path(decoder.__file__).resolve()
# How the kernel ends a process that has used up what it may have.
_USED_UP = {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGSEGV}

_admitted = threading.BoundedSemaphore(AT_ONCE + WAITING)
_decoding = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Decoded:
    """A photo's own width and height in pixels, and its pictures as WebP, the largest first."""

    width: int
    height: int
    pictures: Sequence[bytes]


def decode(data: bytes, sizes: Sequence[int]) -> Decoded:
    """Decode a photo into these sizes. Raises BadPhoto, PhotoTooLarge, PhotosBusy."""
    with _turn():
        try:
            ended = subprocess.run(  # our own program; the photo is its input alone
                [sys.executable, "-P", str(_PROGRAM), *map(str, sizes)],
                input=data,
                capture_output=True,
                timeout=TIME,
                env={},  # none of our secrets
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PhotosBusy from error
    if ended.returncode == 0:
        return _read(ended.stdout)
    if ended.returncode == decoder.TOO_LARGE or ended.returncode in _USED_UP:
        raise PhotoTooLarge
    if ended.returncode != decoder.BAD:
        log.error(
            "the decoder failed", extra={"said": ended.stderr[-500:].decode(errors="replace")}
        )
    raise BadPhoto


@contextmanager
def _turn() -> Iterator[None]:
    """Wait for a turn, not for long and not with many; PhotosBusy."""
    if not _admitted.acquire(blocking=False):
        raise PhotosBusy
    try:
        if not _decoding.acquire(timeout=PATIENCE):
            raise PhotosBusy
        try:
            yield
        finally:
            _decoding.release()
    finally:
        _admitted.release()


def _read(answer: bytes) -> Decoded:
    line, _, rest = answer.partition(b"\n")
    width, height = map(int, line.split())
    pictures = []
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        pictures.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    return Decoded(width, height, pictures)
