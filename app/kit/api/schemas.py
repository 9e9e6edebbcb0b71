"""What requests and answers are made of, whatever they are about."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.kit.paging import MOST_COUNTED, PAGE_SIZE, Page

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
MAX_PAGE = 100
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


class Input(BaseModel):
    """What a program sends: fields that nobody knows are refused, so that typos show."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def kept(**rules: Any) -> Any:
    """A field of a change: left out, its value stays; null is no value."""
    return Field(default_factory=lambda: None, **rules)


class Output(BaseModel):
    """What a program gets: every field is always there."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    @classmethod
    def read(cls, row: object, **more: Any) -> Self:
        """What a row's attributes of the same names say, and `more` that it does not hold so."""
        names = cls.model_fields.keys() - more.keys()
        return cls.model_validate({name: getattr(row, name) for name in names} | more)


class Money(Output):
    """An amount in the currency's smallest unit (cents): 1250 EUR is €12.50."""

    minor: int
    currency: str = Field(examples=["EUR"])

    @classmethod
    def of(cls, minor: int, currency: str) -> "Money":
        """So many minor units."""
        return cls(minor=minor, currency=currency)


class Total(Output):
    """How many items all pages have: exactly, or at least so many."""

    count: int
    exact: bool


class Listing(Output, Generic[T]):
    """Some things, and the cursor of the next page: null on the last.

    `total` is null unless it was asked for.
    """

    items: list[T]
    next: str | None
    total: Total | None


def listing_of(model: type[M], page: Page[Any], show: Callable[[Any], Any]) -> M:
    """A page of rows as a `Listing`, each shown by `show`."""
    return model.model_validate(
        {
            "items": [show(row) for row in page.items],
            "next": page.next_cursor,
            "total": None if page.total is None else _total(page.total, page.most),
        }
    )


def _total(counted: int, most: int) -> Total:
    return Total(count=min(counted, most), exact=counted <= most)


def _at_most_counted(count: int | None) -> int | None:
    return count if count is None else min(count, MOST_COUNTED)


# How many there are of what may be very many; null where that can't be said.
COUNTED = f"counted up to {MOST_COUNTED:,}"
Counted = Annotated[int, AfterValidator(_at_most_counted), Field(description=COUNTED)]
CountedOrNull = Annotated[int | None, AfterValidator(_at_most_counted), Field(description=COUNTED)]


def _one_flag(value: object) -> object:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value, value + "?")
    return value


def one_number(value: object) -> object:
    """A whole number as JSON spells it; what is none stays none, for the model to say."""
    if isinstance(value, str) and not _WHOLE_NUMBER.fullmatch(value):
        return "no number"
    return value


# In an address everything is text; these take one spelling each, as JSON does.
Flag = Annotated[bool, BeforeValidator(_one_flag)]
Number = Annotated[int, BeforeValidator(one_number)]


class Paged(Input):
    """Which page of a listing."""

    after: str | None = Field(None, description="cursor of the page: `next` of the previous page")
    limit: Number = Field(PAGE_SIZE, ge=1, le=MAX_PAGE, description="maximum number of items")
    total: Flag = Field(
        False, description=f"count the items of all pages, up to {MOST_COUNTED:,} of them"
    )
