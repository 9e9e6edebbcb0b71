"""Decodes one photo in a process of its own: the photo comes in, its sizes as WebP go out.

    python -P app/files/decoder.py 960 480 360 160 < photo > sizes

Pictures are hostile: small files that unfold into gigabytes, or into minutes of work. So the
process has little memory and time, knows no secret of the shop, and takes no request with it.
It answers with a line "width height" and then each size, its length in four bytes before it.
"""

import io
import os
import resource
import struct
import sys
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MAX_PIXELS = 25_000_000
QUALITY = 75
MEMORY = 768 * 2**20  # bytes; a photo of 25 megapixels takes up to 350 MB
CPU_SECONDS = 20
NICE = 5  # requests come first
BAD, TOO_LARGE = 3, 4  # how the process ends, besides 0
# What Pillow raises on broken pictures, besides its own UnidentifiedImageError (an OSError):
# its readers of headers and EXIF trust the numbers that they find there.
_BROKEN = (OSError, ValueError, TypeError, SyntaxError, EOFError, LookupError, struct.error)
_DEEP_GREY = "I;16"  # 16 bits, of which Pillow's own conversion keeps the white alone


class NotAPhotoError(Exception):
    """It can't be decoded."""


class TooManyPixelsError(Exception):
    """It has more pixels than are taken."""


def decode(data: bytes, largest: int) -> tuple[Image.Image, tuple[int, int]]:
    """The first picture, upright, in plain colours, up to `largest`; and its size as it came.

    Nothing of the file but its pixels. Raises NotAPhotoError, TooManyPixelsError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bombs are judged right below, the rest is Pillow's
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise TooManyPixelsError
                size = opened.size
                opened.draft(None, (2 * largest, 2 * largest))  # a JPEG need not be decoded whole
                opened.load()
                image = _plain(opened)
                image.thumbnail((largest, largest), Image.Resampling.LANCZOS)
                upright = ImageOps.exif_transpose(image)
                return upright, size if upright.size == image.size else size[::-1]
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError from error
    except _BROKEN as error:
        raise NotAPhotoError from error


def _plain(image: Image.Image) -> Image.Image:
    """The picture in plain colours, see-through where it was; itself if it is that already."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode == mode:
        return image
    if image.mode == _DEEP_GREY:
        image.info.pop("transparency", None)  # one of its levels, which the next ones have not
        image = image.convert("I").point(lambda level: level / 256).convert("L")
    return image.convert(mode)


def encoded(image: Image.Image, sizes: list[int]) -> Iterator[bytes]:
    """The picture as WebP in each size, the largest first: each is made of the one before."""
    for size in sizes:
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        image.save(out, "WEBP", quality=QUALITY, exif=b"", icc_profile=None)
        yield out.getvalue()


def main(sizes: list[int]) -> int:
    """Answer one photo; returns how the process ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    os.nice(NICE)
    try:
        image, (width, height) = decode(sys.stdin.buffer.read(), max(sizes))
        pictures = list(encoded(image, sorted(sizes, reverse=True)))
    except NotAPhotoError:
        return BAD
    except (TooManyPixelsError, MemoryError):
        return TOO_LARGE
    sys.stdout.buffer.write(f"{width} {height}\n".encode())
    for picture in pictures:
        sys.stdout.buffer.write(struct.pack(">I", len(picture)) + picture)
    return 0


if __name__ == "__main__":
    sys.exit(main([int(size) for size in sys.argv[1:]]))
