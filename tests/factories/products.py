"""Goods for tests."""

from collections.abc import Sequence

from app.auth.models import User
from app.kit.crypto import vault
from app.kit.db import db_now, session, transactional
from app.kit.ids import new_id
from app.products.models import (
    Category,
    Kind,
    Product,
    ProductState,
    SharedContent,
    StockBatch,
    StockItem,
)
from app.products.service.sealing import seal


@transactional
def make_category(*, parent: Category | None = None, name: str = "C") -> Category:
    category = Category(
        id=new_id(),
        parent_id=parent.id if parent else None,
        slug=str(new_id()),
        name_en=name,
        name_ru="К",
    )
    session().add(category)
    return category


def make_product(
    seller: User,
    *,
    kind: str = "key",
    stock: Sequence[str] = (),
    price_minor: int = 1000,
    content: str | None = None,
    title: str = "A thing",
    shared: bool | None = None,
    published: bool = True,
    category: Category | None = None,
    description: str = "d",
) -> Product:
    return _make(
        seller, kind, stock, price_minor, content, title, shared, published, category, description
    )


@transactional
def _make(
    seller, kind, stock, price_minor, content, title, shared, published, category, description
):
    category = category or make_category()
    session().flush()
    is_shared = kind == "text" if shared is None else shared
    product = Product(
        id=new_id(),
        seller_id=seller.id,
        category_id=category.id,
        kind=Kind(kind),
        shared=is_shared,
        title=title,
        description=description,
        price_minor=price_minor,
        currency="EUR",
        state=ProductState.PUBLISHED if published else ProductState.DRAFT,
        published_at=db_now() if published else None,
    )
    session().add(product)
    session().flush()
    if is_shared:
        cid = new_id()
        sealed = seal(content or "text", product_id=product.id, item_id=cid)
        session().add(
            SharedContent(
                id=cid, product_id=product.id, sealed=sealed.data, key_version=sealed.key_version
            )
        )
        session().flush()
        product.content_id = cid
    if stock:
        batch = StockBatch(id=new_id(), product_id=product.id, taken=len(stock))
        session().add(batch)
        session().flush()
        for value in stock:
            iid = new_id()
            sealed = seal(value, product_id=product.id, item_id=iid)
            session().add(
                StockItem(
                    id=iid,
                    product_id=product.id,
                    batch_id=batch.id,
                    sealed=sealed.data,
                    key_version=sealed.key_version,
                    fingerprint=vault().fingerprint(value),
                )
            )
    return product
