"""Photos: what comes in is decoded and made anew; nothing else gets through."""

import io

import pytest
from flask import Flask
from PIL import Image

from app.files import service, storage
from app.files.errors import BadPhoto, PhotoTooLarge
from tests.factories.auth import make_user


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
