"""What can go wrong with goods and their stock."""

from typing import Self
from uuid import UUID

from flask_babel import gettext as _

from app.kit.errors import Conflict, Gone, Invalid, NotFound, TooLarge, Unavailable


class OutOfStock(Conflict):
    """Fewer units are free than were asked for; `params["left"]` says how many there are."""

    def __init__(self, product_id: UUID, left: int) -> None:
        super().__init__(
            "products.out_of_stock",
            _("Only %(left)s left.", left=left) if left else _("Sold out."),
            product_id=product_id,
            left=left,
        )


class NoSuchProduct(NotFound):
    """There is no such product, or it is somebody else's."""

    def __init__(self) -> None:
        super().__init__("products.no_such_product", _("There is no such product."))


class NoSuchUnit(NotFound):
    """There is no such unit of stock, or it is somebody else's."""

    def __init__(self) -> None:
        super().__init__("products.no_such_unit", _("There is no such item in stock."))


class UnitNotFree(Conflict):
    """A unit that is reserved or sold stays where it is."""

    def __init__(self) -> None:
        super().__init__(
            "products.unit_not_free", _("This item is reserved or sold, so it can't be withdrawn.")
        )


class TooLateToUndo(Conflict):
    """An import can be undone for an hour; then its units can only be withdrawn."""

    def __init__(self) -> None:
        super().__init__(
            "products.too_late_to_undo",
            _("An import can be undone for one hour. You can still withdraw its unsold items."),
        )


class StockUnreadable(Unavailable):
    """A sealed unit or content can't be opened: it is damaged, or its key is missing."""

    def __init__(self) -> None:
        super().__init__(
            "products.stock_unreadable",
            _(
                "This item can't be opened right now. We have been notified and are looking into "
                "it."
            ),
            retry_after=60,
        )


class NotStocked(Conflict):
    """The product takes in no units: all its buyers get the same, or it was removed."""

    def __init__(self) -> None:
        super().__init__("products.not_stocked", _("Stock can't be added to this product."))


class UnreadableStock(Invalid):
    """What was pasted or uploaded can't be read as lines of stock."""

    def __init__(self, message: str) -> None:
        super().__init__("products.unreadable_stock", message)

    @classmethod
    def encoding(cls, line: int) -> Self:
        """Not UTF-8, from this line on."""
        return cls(
            _(
                "Line %(line)s is not UTF-8 text. Save the file as UTF-8 and upload it again.",
                line=line,
            )
        )

    @classmethod
    def open_quote(cls, line: int) -> Self:
        """A quote that is never closed."""
        return cls(_("The quote opened in line %(line)s is never closed.", line=line))

    @classmethod
    def template(cls, word: str) -> Self:
        """A template that names no column, or one that there is not."""
        return cls(
            _(
                "The template must name columns of the file, such as {1}. This is none: %(word)s",
                word=word[:60],
            )
        )

    @classmethod
    def empty(cls) -> Self:
        """Nothing but blank lines."""
        return cls(_("There is nothing to import. Paste one item per line or choose a file."))

    @classmethod
    def twice(cls) -> Self:
        """Pasted and uploaded at once."""
        return cls(_("Paste the items or choose a file, not both."))

    @classmethod
    def file_type(cls) -> Self:
        """Neither txt nor csv."""
        return cls(_("Only .txt and .csv files are accepted."))


class ColumnsUnclear(Invalid):
    """A table has several columns, and it was not said which of them make a unit."""

    def __init__(self, names: list[str]) -> None:
        shown = ", ".join(
            f"{place} ({name[:40]})" if name else str(place) for place, name in enumerate(names, 1)
        )
        message = _("Choose which columns make up one item. There are: %(columns)s", columns=shown)
        super().__init__("products.columns_unclear", message, errors={"columns": message})


class TooMuchStock(TooLarge):
    """More than one import takes."""

    def __init__(self) -> None:
        super().__init__(
            "products.too_much_stock",
            _("One import can have up to 100,000 lines and 16 MB. Split it into parts."),
        )


class UploadGone(Gone):
    """The lines that waited to be taken in were cancelled, replaced, or waited too long."""

    def __init__(self) -> None:
        super().__init__(
            "products.upload_gone",
            _(
                "These lines have been deleted: we keep them for one hour. Please upload them "
                "again."
            ),
        )


class NotAllNew(Conflict):
    """Some lines can't be taken in, and the seller did not say to leave them out."""

    def __init__(self) -> None:
        super().__init__(
            "products.not_all_new",
            _("Nothing was added: some lines are not new. You can add only the new ones."),
        )


class NothingNew(Conflict):
    """No line can be taken in."""

    def __init__(self) -> None:
        super().__init__("products.nothing_new", _("None of these lines is new."))


class TakenMeanwhile(Conflict):
    """Some of the lines came into the market between the check and the taking in."""

    def __init__(self) -> None:
        super().__init__(
            "products.taken_meanwhile",
            _("Nothing was added: some of these lines were just added elsewhere. Check again."),
        )


class StockMismatch(RuntimeError):
    """Units that must be there for their holder are not: a bug, never an answer to a person."""


class NoSuchCategory(NotFound):
    """There is no such category."""

    def __init__(self) -> None:
        super().__init__("products.no_such_category", _("There is no such category."))


class NotASeller(Conflict):
    """The user does not sell."""

    def __init__(self) -> None:
        super().__init__("products.not_a_seller", _("This user is not a seller."))


class ProductGone(Gone):
    """The product was taken out of the shop."""

    def __init__(self) -> None:
        super().__init__("products.gone", _("This product is no longer available."))


class BadProduct(Invalid):
    """A field of a listing breaks a rule; `errors` maps field to message."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("products.bad_product", next(iter(errors.values())), errors=errors)


class BadFilters(Invalid):
    """A filter of the catalogue can't be read; `errors` maps field to message."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("products.bad_filters", next(iter(errors.values())), errors=errors)

    @classmethod
    def empty_range(cls) -> "BadFilters":
        """Nothing can cost more than the most and less than the least."""
        return cls({"price_to": _("This is lower than the minimum price.")})


class ProductChanged(Conflict):
    """Somebody saved the product meanwhile, perhaps the seller in another tab."""

    def __init__(self) -> None:
        super().__init__(
            "products.changed",
            _(
                "This product was saved elsewhere since you opened the page. "
                "Choose which version to keep, then save again."
            ),
        )


class NothingToSell(Conflict):
    """A product without free stock would be sold out from the start."""

    def __init__(self) -> None:
        super().__init__(
            "products.nothing_to_sell",
            _("This product has no stock: buyers would see it as sold out."),
        )


class KindFixed(Conflict):
    """The kind can't change any more."""

    def __init__(self) -> None:
        super().__init__(
            "products.kind_fixed",
            _("The type can't be changed once there is stock or content."),
        )


class NotThisState(Conflict):
    """The product's state does not allow that step."""

    def __init__(self) -> None:
        super().__init__(
            "products.not_this_state", _("This isn't possible in the product's current state.")
        )


class ContentMissing(Conflict):
    """A shared product without content has nothing to deliver."""

    def __init__(self) -> None:
        super().__init__(
            "products.content_missing",
            _("Enter what buyers get before you publish: this product has no content yet."),
        )
