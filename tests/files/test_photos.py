"""Photos: what comes in is decoded and made anew; nothing else gets through."""

import io
import random
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from PIL import Image

from app.files import service, storage
from app.files.errors import BadPhoto, PhotoTooLarge
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Pillow's words on what it skips
            try:
                service._decode(bytes(data))
                outcomes.add("taken")
            except (BadPhoto, PhotoTooLarge):
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


def test_photos_are_decoded_one_at_a_time(app: Flask, owner, monkeypatch) -> None:
    owner_id, decode, under_way, most = owner.id, service._decode, [], []

    def slowly(data: bytes):
        under_way.append(data)
        most.append(len(under_way))
        time.sleep(0.02)
        under_way.pop()
        return decode(data)

    def send(_number: int) -> None:
        with app.app_context():
            service.store_photo(owner_id=owner_id, data=picture((50, 50)))

    monkeypatch.setattr(service, "_decode", slowly)
    with ThreadPoolExecutor(4) as sellers:
        list(sellers.map(send, range(8)))
    assert max(most) == 1
    assert count("photo") == 8


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
