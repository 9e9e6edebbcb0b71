"""Fills an empty shop through the same services that people use."""

import random
from uuid import UUID

from sqlalchemy import select

from app.auth.service.accounts import add_user
from app.demo import covers, talks
from app.demo.goods import PIXEL_FORGE, SEVERNY, Good
from app.kit.db import end_read, session
from app.products.models import Category, Kind, Product
from app.products.service import commission, importing, low_stock, moderation, products, uploads
from app.products.service.products import Draft
from app.products.service.shelves import ensure_categories

PASSWORD = "byteshop-demo"  # noqa: S105 # shown to everyone who runs the demo
_SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def fill() -> str:
    """Put in people, categories and goods that are not there; says what was put in."""
    ensure_categories()
    buyer = add_user(email="buyer@example.com", password=PASSWORD, display_name="Demo buyer")
    admin = add_user(
        email="admin@example.com", password=PASSWORD, display_name="Demo admin", roles=["admin"]
    )
    forge = add_user(
        email="seller@example.com",
        password=PASSWORD,
        display_name="Pixel Forge",
        roles=["seller"],
        paypal_email="pixel-forge@example.com",
    )
    severny = add_user(
        email="seller2@example.com",
        password=PASSWORD,
        display_name="Северный магазин",
        locale="ru",
        roles=["seller"],
        paypal_email="severny+unclaimed@example.com",  # the sandbox goes by the address
    )
    shelves = {row.slug: row.id for row in session().scalars(select(Category))}
    there = {
        (row[0], row[1]) for row in session().execute(select(Product.seller_id, Product.title))
    }
    end_read()
    offers = [(forge, good) for good in PIXEL_FORGE] + [(severny, good) for good in SEVERNY]
    # The two sellers' goods are mixed, so that the newest are not all of one.
    order = sorted(range(len(offers)), key=lambda number: (number * 11) % len(offers))
    made = 0
    for seed in order:
        seller_id, good = offers[seed]
        if (seller_id, good.title) not in there:
            product_id = _offer(seller_id, shelves[good.shelf], good, seed)
            _tell(product_id, good, admin)
            made += 1
    if made:
        cards = shelves["gift-cards"]
        commission.set_of_category(admin_id=admin, category_id=cards, basis_points=400)
        commission.set_of_seller(admin_id=admin, seller_id=severny, basis_points=850)
    asked_about = session().scalar(
        select(Product.id).where(Product.seller_id == forge).order_by(Product.id).limit(1)
    )
    end_read()
    if asked_about is not None:
        talks.fill(buyer_id=buyer, seller_id=forge, product_id=asked_about)
    return f"{made} products were added to the demo shop."


def _tell(product_id: UUID, good: Good, admin: UUID) -> None:
    """Something for the sellers' notifications: what runs out, and what a moderator looked at."""
    if good.published and not good.content:
        low_stock.count_sale(product_id=product_id, quantity=0)
    if good.hidden:
        reason = "The description promised a price that the shop did not have."
        moderation.remove(moderator_id=admin, product_id=product_id, reason=reason)
        moderation.restore(product_id=product_id)


def _offer(seller_id: UUID, category_id: UUID, good: Good, seed: int) -> UUID:
    product_id = products.create_product(
        seller_id=seller_id,
        draft=Draft(
            category_id=category_id,
            kind=good.kind,
            shared=bool(good.content),
            title=good.title,
            description=good.description,
            price_minor=good.price_minor,
            content=good.content or None,
        ),
        photo=covers.draw(seed),
    )
    if good.pieces:
        upload = uploads.keep(
            product_id=product_id,
            seller_id=seller_id,
            content="\n".join(_piece(good.kind, seed, number) for number in range(good.pieces)),
            source="demo",
        )
        importing.take_in(
            upload_id=upload, product_id=product_id, seller_id=seller_id, only_new=True
        )
    if good.published:
        products.publish(seller_id=seller_id, product_id=product_id, even_empty=not good.pieces)
    if good.hidden:
        products.hide(seller_id=seller_id, product_id=product_id)
    return product_id


def _piece(kind: Kind, seed: int, number: int) -> str:
    """A key or link that looks like one; the same each time."""
    chance = random.Random(seed * 1000 + number)  # noqa: S311 # worthless by design
    groups = ["".join(chance.choices(_SIGNS, k=4)) for _group in range(4)]
    if kind is Kind.LINK:
        return f"https://example.com/get/{'-'.join(groups).lower()}"
    return "-".join(["DEMO", *groups])
