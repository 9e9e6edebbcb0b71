"""Listings: made, changed, published, hidden, removed by their sellers."""

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import delete, func, select

from app.files.service import drop_photo, mark_replaced, store_photo
from app.kit import i18n, states
from app.kit.db import lock, session, transactional
from app.kit.ids import new_id
from app.kit.money import Money
from app.products.errors import (
    BadProduct,
    ContentMissing,
    KindFixed,
    NoSuchProduct,
    NothingToSell,
    NotThisState,
    ProductChanged,
)
from app.products.models import (
    LOW_STOCK,
    LOW_STOCK_MAX,
    REFUND_DAYS,
    REFUND_DAYS_MAX,
    TRANSITIONS,
    Category,
    Kind,
    Product,
    ProductState,
    SharedContent,
    StockItem,
    StockUpload,
)
from app.products.queries.cards import free_counts
from app.products.service import sealing
from app.products.service.reading import is_link
from app.settings import Settings

TITLE_MIN, TITLE_MAX = 3, 120
DESCRIPTION_MAX = 20_000
CONTENT_MAX = 20_000
PRICE_MAX_MINOR = 10_000_00
REASON_MAX = 500
PHOTO_LIMIT = "60/hour"  # of one seller: decoding is dear, and disks are finite
_DRAWN = "LNPS"  # categories of what can be seen: letters, numbers, punctuation, symbols
# Marks that turn the direction of text, by which a title could pass for another one.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Step(StrEnum):
    """What may be done to a product together with a change of it."""

    PUBLISH = "publish"
    PUBLISH_EMPTY = "publish_empty"  # though it has no stock
    HIDE = "hide"


@dataclass(frozen=True)
class Draft:
    """What a seller says of a product. `content` is what each buyer of a shared product gets."""

    category_id: UUID
    kind: Kind
    shared: bool
    title: str
    description: str
    price_minor: int
    content: str | None = None
    low_stock_at: int = LOW_STOCK
    refund_days: int = REFUND_DAYS


def create_product(*, seller_id: UUID, draft: Draft, photo: bytes | None = None) -> UUID:
    """Make a draft of a product; its id. Raises BadProduct, and the photo's errors."""
    _check(draft)
    with _taken_in(photo, seller_id) as photo_id:
        return _create(seller_id, draft, photo_id)


@contextmanager
def _taken_in(photo: bytes | None, owner_id: UUID) -> Iterator[UUID | None]:
    """Take in a photo, for a change that must succeed for the photo to stay."""
    photo_id = store_photo(owner_id=owner_id, data=photo) if photo else None
    try:
        yield photo_id
    except BaseException:
        if photo_id:
            drop_photo(photo_id=photo_id)
        raise


@transactional
def _create(seller_id: UUID, draft: Draft, photo_id: UUID | None) -> UUID:
    _check_category(draft.category_id)
    product = Product(
        id=new_id(),
        seller_id=seller_id,
        category_id=draft.category_id,
        kind=draft.kind,
        shared=_shared(draft),
        title=_title(draft),
        description=draft.description.strip(),
        price_minor=draft.price_minor,
        currency=current_app.extensions["settings"].currency,
        photo_id=photo_id,
        low_stock_at=draft.low_stock_at,
        refund_days=draft.refund_days,
    )
    session().add(product)
    session().flush()  # its content points at it
    _put_content(product, _content(draft))
    return product.id


def edit_product(
    *,
    seller_id: UUID,
    product_id: UUID,
    version: int,
    draft: Draft,
    photo: bytes | None = None,
    without_photo: bool = False,
    step: Step | None = None,
) -> None:
    """Change a product; what was bought before stays as it was bought.

    A new photo takes the place of the one there is; `without_photo` takes that away. With `step`
    the changed product is also offered or hidden; if that can't be, nothing is changed.

    Raises BadProduct, ProductChanged if it was saved since `version`, KindFixed, NoSuchProduct,
    NotThisState for a removed one, ContentMissing for one on sale, what the step raises, and the
    photo's errors.
    """
    _check(draft)
    with _taken_in(photo, seller_id) as photo_id:
        _edit(
            seller_id,
            product_id,
            version,
            draft,
            photo_id,
            without_photo=without_photo,
            step=step,
        )


@transactional
def _edit(
    seller_id: UUID,
    product_id: UUID,
    version: int,
    draft: Draft,
    photo_id: UUID | None,
    *,
    without_photo: bool,
    step: Step | None,
) -> None:
    product = _own(seller_id, product_id)
    if product.state is ProductState.REMOVED:
        raise NotThisState
    if product.version != version:
        raise ProductChanged
    if (product.kind, product.shared) != (draft.kind, _shared(draft)) and _has_goods(product):
        raise KindFixed
    if product.kind is not draft.kind:
        # Lines that wait to be taken in were read as those of the kind before.
        session().execute(delete(StockUpload).where(StockUpload.product_id == product.id))
    _check_category(draft.category_id)
    product.category_id = draft.category_id
    product.kind = draft.kind
    product.shared = _shared(draft)
    product.title = _title(draft)
    product.description = draft.description.strip()
    product.price_minor = draft.price_minor
    product.refund_days = draft.refund_days
    _set_low_stock(product, draft)
    if photo_id or without_photo:
        if product.photo_id:
            mark_replaced(photo_id=product.photo_id)
        product.photo_id = photo_id
    product.version += 1
    _put_content(product, _content(draft))
    if product.state is ProductState.PUBLISHED:
        _check_content(product)
    if step is Step.HIDE:
        move(product, ProductState.HIDDEN)
    elif step is not None:
        _offer(product, even_empty=step is Step.PUBLISH_EMPTY)


def _set_low_stock(product: Product, draft: Draft) -> None:
    """With another threshold the seller is told anew, by the next sale."""
    if product.low_stock_at != draft.low_stock_at:
        product.low_stock_at, product.low_stock_told = draft.low_stock_at, False


@transactional
def publish(*, seller_id: UUID, product_id: UUID, even_empty: bool = False) -> None:
    """Offer a product.

    Raises NoSuchProduct, NotThisState, ContentMissing, and NothingToSell for one that has no free
    stock, unless `even_empty`.
    """
    _offer(_own(seller_id, product_id), even_empty=even_empty)


def _offer(product: Product, *, even_empty: bool) -> None:
    _check_content(product)
    move(product, ProductState.PUBLISHED)
    if not (even_empty or product.shared or free_counts([product.id])):
        raise NothingToSell
    product.published_at = product.published_at or func.clock_timestamp()


@transactional
def hide(*, seller_id: UUID, product_id: UUID) -> None:
    """Stop offering a product for a while. Raises NoSuchProduct, NotThisState."""
    move(_own(seller_id, product_id), ProductState.HIDDEN)


@transactional
def remove(*, seller_id: UUID, product_id: UUID, reason: str = "") -> None:
    """Take a product out of the shop; what was sold of it stays with its buyers.

    Raises NoSuchProduct, NotThisState.
    """
    product = _own(seller_id, product_id)
    move(product, ProductState.REMOVED)
    product.removed_by = seller_id
    product.removed_reason = reason.replace("\x00", "")[:REASON_MAX]


def _own(seller_id: UUID, product_id: UUID) -> Product:
    product = lock(Product, product_id)
    if product is None or product.seller_id != seller_id:
        raise NoSuchProduct
    return product


def move(
    product: Product,
    state: ProductState,
    table: Mapping[ProductState, frozenset[ProductState]] = TRANSITIONS,
) -> None:
    """Change the state of a locked product along the table; NotThisState for what is not in it."""
    if state not in table.get(product.state, ()):
        raise NotThisState
    states.move(product, state, table)
    product.version += 1


def _title(draft: Draft) -> str:
    """The title in one line, single spaces, and the spelling that is searched for."""
    return unicodedata.normalize("NFC", " ".join(draft.title.split()))


def _shared(draft: Draft) -> bool:
    """Texts are the same for all, keys never; of links the seller says."""
    return draft.kind is Kind.TEXT or (draft.kind is Kind.LINK and draft.shared)


def _content(draft: Draft) -> str:
    """What buyers are to get; nothing means what they get now."""
    return (draft.content or "").strip()


def _put_content(product: Product, content: str) -> None:
    """Seal a new version of what buyers get; the older ones stay for those who bought them."""
    if not content:
        return
    content_id = new_id()
    sealed = sealing.seal(content, product_id=product.id, item_id=content_id)
    session().add(
        SharedContent(
            id=content_id,
            product_id=product.id,
            sealed=sealed.data,
            key_version=sealed.key_version,
        )
    )
    session().flush()  # the product points at it
    product.content_id = content_id


def _has_goods(product: Product) -> bool:
    units = select(StockItem.id).where(StockItem.product_id == product.id).exists()
    return product.content_id is not None or bool(session().execute(select(units)).scalar_one())


def _check_content(product: Product) -> None:
    if product.shared and product.content_id is None:
        raise ContentMissing


def _check_category(category_id: UUID) -> None:
    if session().get(Category, category_id) is None:
        raise BadProduct({"category_id": _("Choose a category.")})


def _check(draft: Draft) -> None:
    errors = objections(draft)
    if errors:
        raise BadProduct(errors)


def _number_objections(draft: Draft) -> dict[str, str]:
    errors = {}
    if not 0 <= draft.low_stock_at <= LOW_STOCK_MAX:
        errors["low_stock_at"] = _("Enter a number from 0 to 1,000.")
    if not 0 <= draft.refund_days <= REFUND_DAYS_MAX:
        errors["refund_days"] = _("Enter a number of days from 0 to 180.")
    return errors


def objections(draft: Draft) -> dict[str, str]:
    """What is wrong with a draft as it stands, by field."""
    errors: dict[str, str] = {}
    title = _title(draft)
    drawn = sum(unicodedata.category(char)[0] in _DRAWN for char in title)
    if drawn < TITLE_MIN or len(title) > TITLE_MAX:
        errors["title"] = _("Use 3 to 120 characters.")
    if len(draft.description) > DESCRIPTION_MAX:
        errors["description"] = _("Use at most 20,000 characters.")
    settings: Settings = current_app.extensions["settings"]
    if not settings.min_price_minor <= draft.price_minor <= PRICE_MAX_MINOR:
        least, most = (
            Money(minor, settings.currency).format(i18n.locale())
            for minor in (settings.min_price_minor, PRICE_MAX_MINOR)
        )
        errors["price"] = _("Enter a price between %(least)s and %(most)s.", least=least, most=most)
    errors |= _number_objections(draft)
    content = _content(draft)
    if len(content) > CONTENT_MAX:
        errors["content"] = _("The content can have at most 20,000 characters.")
    elif content and not _shared(draft):
        errors["content"] = _(
            "Only texts and shared links have content. Add keys and individual links to the stock."
        )
    elif content and draft.kind is Kind.LINK and not _is_address(content):
        errors["content"] = _("Enter a full web address that begins with https:// or http://.")
    for name, is_bad in (
        ("title", _spoils_line),
        ("description", _is_no_text),
        ("content", _is_no_text),
    ):
        if any(is_bad(char) for char in getattr(draft, name) or ""):
            errors[name] = _("This contains a character that can't be stored.")
    return errors


def _is_no_text(char: str) -> bool:
    """What PostgreSQL's text can't hold: NUL, and halves of UTF-16 pairs."""
    return char == "\x00" or "\ud800" <= char <= "\udfff"


def _spoils_line(char: str) -> bool:
    """What a title may not have: also controls, and what turns the text around it."""
    control = unicodedata.category(char) == "Cc" and not char.isspace()
    return control or char in _TURNING or _is_no_text(char)


def _is_address(text: str) -> bool:
    return is_link(text) and text.isprintable()
