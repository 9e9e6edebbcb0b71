"""Tables of goods and stock."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    false,
    func,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id
from app.kit.money import BASIS_POINTS

LOW_STOCK = 5  # the units left at which a seller is told, unless they chose otherwise
LOW_STOCK_MAX = 1000
REFUND_DAYS = 14  # in which unopened pieces can be returned, unless the seller chose otherwise
REFUND_DAYS_MAX = 180  # PayPal refunds nothing later


class Kind(StrEnum):
    """Each `key` and `link` is sold once; all buyers of a `text` or a shared link get the same."""

    KEY = "key"
    LINK = "link"
    TEXT = "text"


class ProductState(StrEnum):
    """The state of a product."""

    DRAFT = "draft"
    PUBLISHED = "published"
    HIDDEN = "hidden"
    REMOVED = "removed"


TRANSITIONS: dict[ProductState, frozenset[ProductState]] = {
    ProductState.DRAFT: frozenset({ProductState.PUBLISHED, ProductState.REMOVED}),
    ProductState.PUBLISHED: frozenset({ProductState.HIDDEN, ProductState.REMOVED}),
    ProductState.HIDDEN: frozenset({ProductState.PUBLISHED, ProductState.REMOVED}),
    ProductState.REMOVED: frozenset(),
}
# Administrators alone bring a removed product back.
RESTORATION: dict[ProductState, frozenset[ProductState]] = {
    ProductState.REMOVED: frozenset({ProductState.HIDDEN}),
}


class Sort(StrEnum):
    """The ways in which a listing can be sorted."""

    NEW = "new"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    POPULAR = "popular"
    RELEVANCE = "relevance"


class UnitState(StrEnum):
    """The state of a stock item."""

    FREE = "free"
    RESERVED = "reserved"
    SOLD = "sold"
    WITHDRAWN = "withdrawn"


class Category(Model):
    """A shelf of the catalogue; two levels, so a parent has no parent."""

    __tablename__ = "category"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("category.id"), index=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name_en: Mapped[str] = mapped_column(Text)
    name_ru: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(default=0)
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed("search_lexemes(name_en || ' ' || name_ru)", persisted=True),
        deferred=True,
    )


class Product(Model):
    """A listing. `price_minor` is in minor units of `currency`."""

    __tablename__ = "product"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    category_id: Mapped[UUID] = mapped_column(ForeignKey("category.id"))
    kind: Mapped[Kind] = mapped_column(text_enum(Kind, "known_kind"))
    # A shared product gives every buyer the same content; `text` always is, `key` never.
    shared: Mapped[bool] = mapped_column(default=False)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    price_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photo.id"))
    # What each buyer of a shared product now gets; older versions stay for those who bought them.
    content_id: Mapped[UUID | None] = mapped_column(ForeignKey("shared_content.id", use_alter=True))
    state: Mapped[ProductState] = mapped_column(
        text_enum(ProductState, "known_state"), default=ProductState.DRAFT
    )
    removed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    removed_reason: Mapped[str | None] = mapped_column(Text)
    sold_count: Mapped[int] = mapped_column(default=0)
    # With so few free units left the seller is told, once until there are more; 0: never.
    low_stock_at: Mapped[int] = mapped_column(default=LOW_STOCK, server_default=str(LOW_STOCK))
    low_stock_told: Mapped[bool] = mapped_column(default=False, server_default=false())
    # For how many days after the delivery buyers may return unopened pieces; 0: not at all.
    refund_days: Mapped[int] = mapped_column(default=REFUND_DAYS, server_default=str(REFUND_DAYS))
    # How many reviews that count gave so many stars: kept with each change of one.
    stars_1: Mapped[int] = mapped_column(default=0, server_default="0")
    stars_2: Mapped[int] = mapped_column(default=0, server_default="0")
    stars_3: Mapped[int] = mapped_column(default=0, server_default="0")
    stars_4: Mapped[int] = mapped_column(default=0, server_default="0")
    stars_5: Mapped[int] = mapped_column(default=0, server_default="0")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    published_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed(
            "search_vector(title, description) || search_tags(category_id, kind, seller_id)",
            persisted=True,
        ),
    )
    __table_args__ = (
        CheckConstraint("price_minor > 0", name="price_positive"),
        CheckConstraint(
            f"refund_days BETWEEN 0 AND {REFUND_DAYS_MAX}", name="refund_days_in_range"
        ),
        CheckConstraint(f"low_stock_at BETWEEN 0 AND {LOW_STOCK_MAX}", name="low_stock_in_range"),
        CheckConstraint(
            "least(stars_1, stars_2, stars_3, stars_4, stars_5) >= 0", name="stars_not_negative"
        ),
        CheckConstraint(
            "(kind = 'text' AND shared) OR (kind = 'key' AND NOT shared) OR kind = 'link'",
            name="shared_fits_kind",
        ),
        Index("ix_product_search", "search", postgresql_using="gin"),
        # One index for each way the catalogue is sorted: whole, by category and by seller.
        Index("ix_product_new", "published_at", "id", postgresql_where="state = 'published'"),
        Index("ix_product_price", "price_minor", "id", postgresql_where="state = 'published'"),
        Index("ix_product_popular", "sold_count", "id", postgresql_where="state = 'published'"),
        Index(
            "ix_product_category_new",
            "category_id",
            "published_at",
            "id",
            postgresql_where="state = 'published'",
        ),
        Index(
            "ix_product_category_price",
            "category_id",
            "price_minor",
            "id",
            postgresql_where="state = 'published'",
        ),
        Index(
            "ix_product_category_popular",
            "category_id",
            "sold_count",
            "id",
            postgresql_where="state = 'published'",
        ),
        Index(
            "ix_product_seller_new",
            "seller_id",
            "published_at",
            "id",
            postgresql_where="state = 'published'",
        ),
        Index(
            "ix_product_seller_price",
            "seller_id",
            "price_minor",
            "id",
            postgresql_where="state = 'published'",
        ),
        Index(
            "ix_product_seller_popular",
            "seller_id",
            "sold_count",
            "id",
            postgresql_where="state = 'published'",
        ),
        # Where a kind is rare, or the shelf has none of it.
        Index(
            "ix_product_kind", "kind", "published_at", "id", postgresql_where="state = 'published'"
        ),
        Index(
            "ix_product_category_kind",
            "category_id",
            "kind",
            "published_at",
            "id",
            postgresql_where="state = 'published'",
        ),
        Index("ix_product_published", "id", postgresql_where="state = 'published'"),
        Index("ix_product_seller", "seller_id", "id"),
        Index("ix_product_photo_id", "photo_id", postgresql_where="photo_id IS NOT NULL"),
    )


class CommissionRate(Model):
    """What the shop takes of each sale of one category, or of one seller, instead of its default.

    In ten-thousandths of the price.
    """

    __tablename__ = "commission_rate"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("category.id"), unique=True)
    seller_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), unique=True)
    basis_points: Mapped[int]
    __table_args__ = (
        CheckConstraint(f"basis_points BETWEEN 0 AND {BASIS_POINTS}", name="share_in_range"),
        CheckConstraint("(category_id IS NULL) <> (seller_id IS NULL)", name="one_target"),
    )


class CommissionChange(Model):
    """A change of such a rate: who, when, from what to what. None is the default. Append-only."""

    __tablename__ = "commission_change"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("category.id"), index=True)
    seller_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    before: Mapped[int | None]
    after: Mapped[int | None]
    changed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    __table_args__ = (
        CheckConstraint("(category_id IS NULL) <> (seller_id IS NULL)", name="one_target"),
        CheckConstraint("before IS DISTINCT FROM after", name="something_changed"),
    )


class SellerRating(Model):
    """The reviews that count of all a seller's products: kept with each change of one."""

    __tablename__ = "seller_rating"
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    review_count: Mapped[int] = mapped_column(default=0, server_default="0")
    star_sum: Mapped[int] = mapped_column(default=0, server_default="0")
    __table_args__ = (
        CheckConstraint("star_sum BETWEEN review_count AND 5 * review_count", name="stars_fit"),
    )


class TitleWord(Model):
    """A word that stands, or stood, in a title: what a typed one may begin, or resemble.

    A trigger of `product` keeps them.
    """

    __tablename__ = "title_word"
    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    __table_args__ = (
        Index(
            "ix_title_word_trgm",
            "word",
            postgresql_using="gin",
            postgresql_ops={"word": "gin_trgm_ops"},
        ),
    )


class SharedContent(Model):
    """One version of what every buyer of a shared product gets, sealed. Never changed."""

    __tablename__ = "shared_content"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


class StockBatch(Model):
    """Units that were taken in together."""

    __tablename__ = "stock_batch"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), index=True)
    source: Mapped[str] = mapped_column(Text, default="")
    taken: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


class StockUpload(Model):
    """Lines that wait, sealed, for their seller's word to take them in; gone within the hour.

    The batch that comes of it gets the same id.
    """

    __tablename__ = "stock_upload"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), index=True)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    source: Mapped[str] = mapped_column(Text, default="")
    lines: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class StockItem(Model):
    """A unit: one key or one link, sold once.

    `holder` is an opaque id of whoever it is reserved for or sold to (an order line).
    """

    __tablename__ = "stock_item"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"))
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("stock_batch.id"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_version: Mapped[int]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[UnitState] = mapped_column(
        text_enum(UnitState, "known_state"), default=UnitState.FREE
    )
    holder: Mapped[UUID | None]
    reserved_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sold_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (
        # One value is on sale or sold once in the whole market; a withdrawn one may come again.
        Index(
            "uq_stock_item_fingerprint",
            "fingerprint",
            unique=True,
            postgresql_where="state <> 'withdrawn'",
        ),
        CheckConstraint(
            "(state IN ('reserved', 'sold')) = (holder IS NOT NULL)", name="holder_fits_state"
        ),
        Index("ix_stock_item_free", "product_id", "id", postgresql_where="state = 'free'"),
        Index("ix_stock_item_state", "product_id", "state", "id"),
        Index("ix_stock_item_batch", "batch_id", "state"),
        Index("ix_stock_item_holder", "holder", postgresql_where="holder IS NOT NULL"),
    )
