"""Goods and stock as programs send and get them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from app.kit.api.schemas import (
    Counted,
    CountedOrNull,
    Flag,
    Input,
    Listing,
    Money,
    Output,
    Paged,
    kept,
    one_number,
)
from app.products.models import (
    LOW_STOCK,
    LOW_STOCK_MAX,
    REFUND_DAYS,
    REFUND_DAYS_MAX,
    Kind,
    ProductState,
    Sort,
    UnitState,
)
from app.products.queries.catalogue import MOST_RANKED
from app.products.ratings import Rating
from app.products.service.checking import Verdict
from app.products.service.layouts import MAX_COLUMNS
from app.products.service.products import (
    CONTENT_MAX,
    DESCRIPTION_MAX,
    PRICE_MAX_MINOR,
    REASON_MAX,
    TITLE_MAX,
    TITLE_MIN,
)
from app.products.service.reading import MAX_BYTES, Fault
from app.products.service.uploads import MAX_SOURCE

WORDS_MAX = 100
SELLER_RATING = "of all the seller's products, as a Bayesian average"
ColumnNumber = Annotated[int, Field(ge=1, le=MAX_COLUMNS)]
Price = Annotated[int, Field(ge=1, le=PRICE_MAX_MINOR, description="in minor units")]
Bound = Annotated[
    int,
    Field(ge=0, le=PRICE_MAX_MINOR, description="in minor units"),
    BeforeValidator(one_number),
]


LowStock = Annotated[
    int,
    Field(
        ge=0,
        le=LOW_STOCK_MAX,
        description="with so many items left or fewer you are told, once until there are more;"
        " 0: never",
    ),
]


RefundDays = Annotated[
    int,
    Field(
        ge=0,
        le=REFUND_DAYS_MAX,
        description="for how many days after the delivery unopened items can be returned; 0: not",
    ),
]


class CatalogueQuery(Paged):
    """What to look for among the products on sale."""

    q: str = Field(
        "",
        max_length=WORDS_MAX,
        description="search words; small typos are tolerated;"
        f" of more than {MOST_RANKED} products the best-selling ones are ranked, and none counted",
    )
    category: str | None = Field(
        None, max_length=60, description="slug of a category; includes its subcategories"
    )
    kind: list[Kind] = Field([], max_length=len(Kind), description="only these types")
    price_from: Bound | None = None
    price_to: Bound | None = None
    in_stock: Flag = Field(False, description="only products in stock")
    seller_id: UUID | None = Field(None, description="only products of this seller")
    sort: Sort | None = Field(None, description="`new`; with words `relevance`")


class OwnProductsQuery(Paged):
    """Which page of a seller's products."""


class CategoryOut(Output):
    """A category with its subcategories."""

    id: UUID
    slug: str
    name: str
    children: list["CategoryOut"]


class Categories(Output):
    """All categories, in order."""

    items: list[CategoryOut]


class RatingOut(Output):
    """Stars on average, of how many reviews that count."""

    average: float = Field(ge=1, le=5, description="rounded to a tenth", examples=[4.7])
    count: int


def rating_out(rating: Rating | None) -> RatingOut | None:
    """A rating as programs get it."""
    return RatingOut(average=rating.tenths / 10, count=rating.count) if rating else None


class ProductListed(Output):
    """A product in the catalogue. `stock` is null if every buyer gets the same."""

    id: UUID
    title: str
    kind: Kind
    price: Money
    seller_id: UUID
    seller_name: str
    photo_url: str | None
    stock: CountedOrNull
    rating: RatingOut | None
    seller_rating: RatingOut | None = Field(description=SELLER_RATING)


class ProductList(Listing[ProductListed]):
    """A page of the catalogue."""


class ProductOut(Output):
    """A product on sale."""

    id: UUID
    title: str
    description: str = Field(description="Markdown")
    description_html: str = Field(description="the description as sanitised HTML")
    kind: Kind
    shared: bool
    category_id: UUID
    price: Money
    seller_id: UUID
    seller_name: str
    photo_url: str | None
    state: ProductState
    stock: CountedOrNull
    sold_count: int
    refund_days: RefundDays
    published_at: datetime | None
    rating: RatingOut | None
    histogram: list[int] = Field(description="how many reviews gave one star, two, up to five")
    seller_rating: RatingOut | None = Field(description=SELLER_RATING)


class StockCounts(Output):
    """Count stock by state."""

    free: Counted
    reserved: Counted
    sold: Counted
    withdrawn: Counted


CommissionRate = Annotated[
    int, Field(description="what the shop takes of a sale now, of 10,000: 1000 is 10 %")
]


class OwnProductListed(Output):
    """A product in its seller's list."""

    id: UUID
    title: str
    kind: Kind
    shared: bool
    state: ProductState
    price: Money
    photo_url: str | None
    sold_count: int
    stock: StockCounts
    commission_basis_points: CommissionRate


class OwnProductList(Listing[OwnProductListed]):
    """A page of a seller's products, newest first."""


class OwnProductOut(Output):
    """A product as its seller changes it. What buyers of a shared one get is never shown."""

    id: UUID
    title: str
    description: str
    kind: Kind
    shared: bool
    has_content: bool
    category_id: UUID
    price: Money
    photo_url: str | None
    state: ProductState
    version: int
    low_stock_at: LowStock
    refund_days: RefundDays
    stock: StockCounts
    commission_basis_points: CommissionRate


class ProductIn(Input):
    """A new product, in the shop's currency."""

    title: str = Field(min_length=TITLE_MIN, max_length=TITLE_MAX, examples=["Moonbase, a game"])
    description: str = Field("", max_length=DESCRIPTION_MAX, description="Markdown")
    kind: Kind
    shared: bool = Field(False, description="for links: every buyer gets the same one")
    category_id: UUID
    price_minor: Price
    content: str | None = Field(
        None, max_length=CONTENT_MAX, description="what every buyer of a shared product gets"
    )
    low_stock_at: LowStock = LOW_STOCK
    refund_days: RefundDays = REFUND_DAYS


class ProductChange(Input):
    """Fields to change; fields left out stay as they are."""

    title: str = kept(min_length=TITLE_MIN, max_length=TITLE_MAX)
    description: str = kept(max_length=DESCRIPTION_MAX)
    kind: Kind = kept()
    shared: bool = kept()
    category_id: UUID = kept()
    price_minor: Price = kept()
    content: str | None = Field(None, max_length=CONTENT_MAX)
    low_stock_at: LowStock = kept()
    refund_days: RefundDays = kept()


class RemovalQuery(Input):
    """Why a product goes."""

    reason: str = Field("", max_length=REASON_MAX)


class UnitsQuery(Paged):
    """Which units of a product."""

    state: UnitState = UnitState.FREE


class UnitOut(Output):
    """A stock item; `tag` stands for its text, which only its buyer sees."""

    id: UUID
    tag: str
    state: UnitState
    taken_at: datetime
    reserved_until: datetime | None
    sold_at: datetime | None


class UnitList(Listing[UnitOut]):
    """A page of stock items, newest first."""


class ImportIn(Input):
    """Stock to check: an item for each line, block or table row."""

    content: str = Field(min_length=1, max_length=MAX_BYTES)
    csv: bool = Field(False, description="a table: each row is an item")
    separator: Literal["line", "blank", "dashes"] = Field(
        "line", description="what separates the items of a text: line ends, blank lines, or `---`"
    )
    columns: list[ColumnNumber] = Field(
        [],
        max_length=MAX_COLUMNS,
        description="tables: which columns make up an item, from 1; several become its lines. "
        "Required unless there is one column, or one named like a key",
    )
    template: str = Field(
        "",
        max_length=500,
        description="tables: how an item is written, with `{1}` or `{Login}` for a cell",
        examples=["{Login}:{Password}"],
    )
    heading: bool | None = Field(
        None, description="tables: whether line 1 has the column names; null: detect"
    )
    source: str = Field("", max_length=MAX_SOURCE, description="a name for the batch")


class FindingOut(Output):
    """A line and what was found."""

    line: int
    mask: str
    tag: str
    first_line: int | None
    fault: Fault | None


class FindingsOut(Output):
    """Lines with the same verdict: their number and the first of them."""

    verdict: Verdict
    count: int
    shown: list[FindingOut]


class DryRunOut(Output):
    """What adding the lines would do right now."""

    id: UUID
    source: str
    lines: int
    new: int
    all_new: bool
    heading: bool
    columns: list[str] = Field(description="column names of a table, empty where there are none")
    preview: list[list[str]] = Field(description="the first items, only the ends of each line")
    expires_at: datetime
    findings: list[FindingsOut]


class TakeIn(Input):
    """Whether to add only the new lines if some are not new."""

    only_new: bool = False


class TakenOut(Output):
    """A batch that was added to stock."""

    batch_id: UUID
    units: int


class UndoneOut(Output):
    """How many items were taken back."""

    units: int


class WithdrawnOut(Output):
    """How many items were withdrawn."""

    units: int
