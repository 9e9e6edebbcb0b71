"""What can go wrong with goods and their stock."""

from uuid import UUID

from flask_babel import gettext as _

from app.kit.errors import Conflict, NotFound, Unavailable


class OutOfStock(Conflict):
    """Fewer units are free than were asked for; `params["left"]` says how many there are."""

    def __init__(self, product_id: UUID, left: int) -> None:
        super().__init__(
            "products.out_of_stock",
            _("Only %(left)s left.", left=left) if left else _("Sold out."),
            product_id=product_id,
            left=left,
        )


class NoSuchUnit(NotFound):
    """There is no such unit of stock, or it is somebody else's."""

    def __init__(self) -> None:
        super().__init__("products.no_such_unit", _("There is no such unit of stock."))


class StockUnreadable(Unavailable):
    """A sealed unit or content can't be opened: it is damaged, or its key is missing."""

    def __init__(self) -> None:
        super().__init__(
            "products.stock_unreadable",
            _("This item can't be opened right now. We have been told and will look into it."),
            retry_after=60,
        )


class StockMismatch(RuntimeError):  # noqa: N818  # beside OutOfStock
    """Units that must be there for their holder are not: a bug, never an answer to a person."""
