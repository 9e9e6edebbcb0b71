"""Photos: what comes in is decoded and made anew; nothing else gets through."""

import io
import random
import re
import resource
import struct
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from flask import Flask
from PIL import Image

from app.files import decoder, decoding, service, storage
from app.files.errors import BadPhoto, PhotosBusy, PhotoTooLarge
from app.files.models import Photo
from app.kit.db import session
from tests.factories.auth import make_user
from tests.support.sale import count


def picture(size=(1200, 900), form="JPEG", mode="RGB", **options) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 128).save(out, form, **options)
    return out.getvalue()


@pytest.fixture
def owner(app: Flask):
    return make_user()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_photo_is_kept_in_its_sizes(owner, client, form: str) -> None:
    photo_id = service.store_photo(owner_id=owner.id, data=picture(form=form))
    for size in storage.SIZES:
        answer = client.get(f"/media/{photo_id}/{size}.webp")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in answer.headers["Cache-Control"]
        with Image.open(io.BytesIO(answer.data)) as kept:
            assert kept.format == "WEBP"
            assert max(kept.size) == size


def test_photo_of_before_a_size_was_there_is_served_in_the_next_larger(owner, client) -> None:
    photo_id = service.store_photo(owner_id=owner.id, data=picture())
    storage.delete(photo_id, 360)
    answer = client.get(f"/media/{photo_id}/360.webp")
    with Image.open(io.BytesIO(answer.data)) as kept:
        assert max(kept.size) == 480


def test_exif_is_gone_and_the_photo_stands_upright(owner) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by a quarter
    exif[0x010E] = "my home address"
    data = picture((1200, 600), exif=exif)
    assert b"my home address" in data
    photo_id = service.store_photo(owner_id=owner.id, data=data)
    kept = storage.path_of(photo_id, 960).read_bytes()
    assert b"my home address" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert image.height > image.width
        assert not image.getexif()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'></svg>",
        b"%PDF-1.7",
        picture()[:200],
        picture(form="BMP"),
        picture(form="TIFF"),
    ],
)
def test_what_is_no_photo_is_refused(owner, data: bytes) -> None:
    with pytest.raises(BadPhoto):
        service.store_photo(owner_id=owner.id, data=data)


def test_broken_exif_is_no_failure_of_ours(owner) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "words"
    whole = picture((60, 40), exif=exif)
    start = whole.index(b"Exif")
    chance = random.Random(11)
    outcomes = set()
    for _try in range(1500):
        data = bytearray(whole)
        for _change in range(chance.choice((1, 2, 4, 8))):
            data[chance.randrange(start, start + 90)] = chance.randrange(256)
        try:
            decoder.decode(bytes(data), 960)
            outcomes.add("taken")
        except (decoder.NotAPhotoError, decoder.TooManyPixelsError):
            outcomes.add("refused")
    assert outcomes == {"taken", "refused"}


def test_see_through_stays_see_through(owner) -> None:
    image = Image.new("P", (200, 200), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    out = io.BytesIO()
    image.save(out, "GIF", transparency=0)
    photo_id = service.store_photo(owner_id=owner.id, data=out.getvalue())
    with Image.open(storage.path_of(photo_id, 160)) as kept:
        assert kept.convert("RGBA").getpixel((80, 80))[3] == 0


def test_grey_of_16_bits_keeps_its_levels(owner) -> None:
    deep = Image.frombytes("I;16", (200, 200), (0x2000).to_bytes(2, "little") * 40_000)
    out = io.BytesIO()
    deep.save(out, "PNG")
    photo_id = service.store_photo(owner_id=owner.id, data=out.getvalue())
    with Image.open(storage.path_of(photo_id, 160)) as kept:
        assert kept.convert("L").getpixel((80, 80)) == pytest.approx(0x20, abs=2)


@pytest.mark.parametrize(("form", "mode"), [("JPEG", "L"), ("PNG", "P"), ("PNG", "I;16")])
def test_big_photo_stands_upright_whatever_its_colours(owner, form: str, mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo_id = service.store_photo(
        owner_id=owner.id, data=picture((4000, 2000), form, mode, exif=exif)
    )
    photo = session().get_one(Photo, photo_id)
    assert (photo.width, photo.height) == (2000, 4000)
    with Image.open(storage.path_of(photo_id, 960)) as kept:
        assert kept.size == (480, 960)


def deep(width: int, height: int) -> bytes:
    """A PNG of 16 bits for each of four colours, which Pillow can't write; small as a file."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    pack = zlib.compressobj()
    row = b"\0" + b"\x12\x34" * 4 * width
    pixels = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_many_large_photos_at_once_stop_neither_the_shop_nor_fill_its_memory(
    app: Flask, owner, client
) -> None:
    owner_id, large = owner.id, deep(5000, 5000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def send(_number: int) -> str:
        with app.app_context():
            try:
                service.store_photo(owner_id=owner_id, data=large)
            except PhotosBusy:
                return "busy"
            return "taken"

    with ThreadPoolExecutor(18) as sellers:
        sent = [sellers.submit(send, number) for number in range(18)]
        slowest = 0.0
        while wait(sent, timeout=0.05).not_done:
            started = time.monotonic()
            assert client.get("/healthz").status_code == 200
            slowest = max(slowest, time.monotonic() - started)
    outcomes = Counter(one.result() for one in sent)
    assert outcomes["taken"] == count("photo") >= 1
    assert outcomes["busy"] >= 18 - decoding.AT_ONCE - decoding.WAITING - outcomes["taken"]
    assert outcomes["busy"] > 0
    assert slowest < 2
    # In KiB: a single one of them, decoded here, is 100 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_who_is_told_to_wait_can_send_it_again(owner, monkeypatch) -> None:
    monkeypatch.setattr(decoding, "PATIENCE", 0.01)
    with decoding._decoding, pytest.raises(PhotosBusy):
        service.store_photo(owner_id=owner.id, data=picture())
    service.store_photo(owner_id=owner.id, data=picture())


@pytest.mark.parametrize(
    ("limit", "value", "error"),
    [("MEMORY", 1 << 20, PhotoTooLarge), ("CPU_SECONDS", 0, PhotoTooLarge)],
)
def test_photo_that_takes_too_much_is_refused(
    owner, tmp_path, monkeypatch, limit: str, value: int, error: type[Exception]
) -> None:
    program = tmp_path / "decoder.py"
    source = decoding._PROGRAM.read_text()
    program.write_text(re.sub(rf"(?m)^{limit} = .*$", f"{limit} = {value}", source))
    monkeypatch.setattr(decoding, "_PROGRAM", program)
    with pytest.raises(error):
        service.store_photo(owner_id=owner.id, data=deep(4000, 4000))


def test_decoder_that_never_ends_is_ended(owner, tmp_path, monkeypatch) -> None:
    program = tmp_path / "decoder.py"
    program.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(decoding, "_PROGRAM", program)
    monkeypatch.setattr(decoding, "TIME", 0.2)
    with pytest.raises(PhotosBusy):
        service.store_photo(owner_id=owner.id, data=picture())


def test_dropped_photo_leaves_nothing(owner, client) -> None:
    photo_id = service.store_photo(owner_id=owner.id, data=picture())
    service.drop_photo(photo_id=photo_id)
    assert count("photo") == 0
    for size in storage.SIZES:
        assert client.get(f"/media/{photo_id}/{size}.webp").status_code == 404


def test_too_many_pixels_are_refused_before_they_are_decoded(owner) -> None:
    bomb = picture((20_000, 20_000), "PNG", "1")
    assert len(bomb) < 100_000
    with pytest.raises(PhotoTooLarge):
        service.store_photo(owner_id=owner.id, data=bomb)


def test_too_many_bytes_are_refused(owner) -> None:
    with pytest.raises(PhotoTooLarge):
        service.store_photo(owner_id=owner.id, data=b"x" * (service.MAX_BYTES + 1))


@pytest.mark.parametrize(
    "path",
    [
        "/media/00000000-0000-0000-0000-000000000000/480.webp",
        "/media/00000000-0000-0000-0000-000000000000/481.webp",
        "/media/../../etc/passwd",
        "/media/x/480.webp",
    ],
)
def test_what_is_not_there_is_not_found(client, path: str) -> None:
    assert client.get(path).status_code == 404
