"""What can go wrong with an uploaded photo."""

from flask_babel import gettext as _

from app.kit.errors import Invalid, NotFound, TooLarge, Unavailable


class BadPhoto(Invalid):
    """Not a photo that can be decoded."""

    def __init__(self) -> None:
        message = _("We can't read this photo. Use a JPEG, PNG, WebP or GIF file.")
        super().__init__("files.bad_photo", message, errors={"photo": message})


class PhotoTooLarge(TooLarge):
    """More bytes or pixels than are taken."""

    def __init__(self) -> None:
        message = _("The photo is too large. The limit is 8 MB and 25 megapixels.")
        super().__init__("files.photo_too_large", message, errors={"photo": message})


class NoSuchPhoto(NotFound):
    """There is no such photo."""

    def __init__(self) -> None:
        super().__init__("files.no_such_photo", _("There is no such photo."))


class PhotosBusy(Unavailable):
    """Too many photos are being decoded at this moment."""

    def __init__(self) -> None:
        message = _("Too many photos are being processed right now. Try again in a few seconds.")
        super().__init__("files.busy", message, errors={"photo": message}, retry_after=5)
