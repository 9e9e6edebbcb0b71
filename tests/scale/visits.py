"""All that reads or writes in a shop: each page and JSON operation, use case, and timed job."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app.auth import names
from app.auth.models import User
from app.kit import promises
from app.kit.db import session
from app.kit.ids import new_id
from app.kit.months import Month
from app.notifications.models import NotificationKind
from app.notifications.service import reading
from app.notifications.service.notifying import notify
from app.orders.models import Order, Owner
from app.orders.service import basket, delivering, ending, reveal
from app.orders.service.reveal import Viewer
from app.products.errors import StockUnreadable
from app.products.models import Category, Product, Sort, UnitState
from app.products.service import importing, products, stock, uploads
from app.reviews.queries.reviews import ReviewSort
from app.reviews.service import answering, writing
from app.reviews.service import moderation as opinions
from app.webhooks.models import WebhookEndpoint
from app.webhooks.service import messages
from app.wiring import TIMED_WORK
from tests.conftest import PASSWORD
from tests.factories.auth import make_user
from tests.factories.reviews import line_of
from tests.support.bought import PARTIAL, paid, placed
from tests.support.programs import program_of

Visits = Iterator[tuple[str, Callable[[], object]]]
MANY = "pages=10"  # as who comes back to a list has it
SORTS = [sort.value for sort in Sort if sort is not Sort.RELEVANCE]
# In every title, in every fourth, tenth, fiftieth, hundredth, thousandth, ten-thousandth, in old
# ones alone, in one, in a category's name, in every description and in every hundredth, several at
# once, beginnings, misspelt, and nowhere.
SEARCHES = (
    "edition", "game", "limited", "seasonal", "collector", "heirloom", "unicum", "vintage", "4711",
    "music", "thing", "gift", "deluxe game", "game 4711", "game licence", "limited game",
    "heirloom limited", "g", "e", "4", "47", "471", "lim", "col", "vint", "gaem", "colector",
    "limitd", "edtion", "vintge", "colector gaem", "zzzzzzzz", "qx",
)  # fmt: skip
# Each with every sort and every kind of filter.
COMMON_WORDS = ("edition", "game", "limited", "seasonal", "collector", "heirloom", "unicum")


@dataclass(frozen=True)
class Cast:
    """Whom the pages are read by, as `fill.sql` has them."""

    buyer: User
    quitter: User
    seller: User
    small_seller: User
    admin: User

    @classmethod
    def gathered(cls) -> "Cast":
        """The cast, able to log in."""
        admin = make_user(roles=("admin",))
        numbers = {"buyer": 1, "quitter": 2, "seller": 1000, "small_seller": 2000}
        emails = {name: f"user{number}@example.com" for name, number in numbers.items()}
        session().execute(
            update(User)
            .where(User.email.in_(emails.values()))
            .values(password_hash=admin.password_hash)
        )
        session().commit()
        people = {
            name: session().scalars(select(User).where(User.email == email)).one()
            for name, email in emails.items()
        }
        for person in (people["seller"], people["small_seller"]):
            person.name_letters = names.letters(person.display_name)
        session().commit()
        return cls(admin=admin, **people)


def pages(app: Flask, cast: Cast) -> Visits:
    """Every page that reads what grows, as each of its readers sees it."""
    full, usual = nth_product(5), nth_product(19)
    order = first_order(cast.buyer)
    shelf = session().scalars(select(Category.slug).where(Category.id == usual.category_id)).one()
    listings = [
        "/products",
        f"/products?{MANY}",
        "/products?in_stock=y",
        "/products?in_stock=y&sort=price_asc",
        "/products?kind=key&kind=text",
        *(f"/products?sort={sort}" for sort in SORTS),
        *(f"/products?kind=link&sort={sort}" for sort in SORTS),
        *(f"/products?price_from=1&price_to=1.01&sort={sort}" for sort in SORTS),
        "/products?price_from=5000",
        *(f"/products/category/{shelf}?sort={sort}" for sort in SORTS),
        f"/products/category/{shelf}?kind=link",
        f"/products/category/{shelf}?kind=text&in_stock=y&sort=popular",
        *("/products?" + urlencode({"q": words}) for words in SEARCHES),
        *(f"/products?q={words}&sort={sort}" for words in COMMON_WORDS for sort in SORTS),
        *(
            f"/products{place}q={words}"
            for words in COMMON_WORDS
            for place in (
                "?kind=link&",
                "?kind=text&",
                "?in_stock=y&",
                "?price_from=1&price_to=1.01&",
                "?price_from=100&price_to=110&",
                f"/category/{shelf}?",
                f"/category/{shelf}?sort=price_asc&",
            )
        ),
        "/products?q=gaem&sort=price_asc",
    ]
    basket.add(owner=Owner(user_id=cast.buyer.id), product_id=full.id, quantity=1)
    paths = {
        None: [
            "/",
            *listings,
            f"/products/{full.id}",
            f"/products/{usual.id}",
            *(f"/products/{full.id}/reviews?sort={sort}" for sort in ReviewSort),
            *(f"/products/{full.id}/reviews?sort={sort}&stars=2" for sort in ReviewSort),
            f"/products/{full.id}/reviews?{MANY}",
            *(f"{home_of(seller)}" for seller in (cast.seller, cast.small_seller)),
            *(f"{home_of(cast.seller)}?sort={sort}" for sort in SORTS),
            *(f"{home_of(cast.small_seller)}?q={words}" for words in COMMON_WORDS),
            f"/products?seller={cast.small_seller.display_name}&sort=price_asc",
            "/sitemap.xml",
            f"/sitemap/products-{UUID(int=0)}.xml",
            "/order/basket",
        ],
        "buyer": [
            "/order/purchases",
            f"/order/purchases?{MANY}",
            "/order/purchases?show=unfinished",
            *(f"/order/purchases?q={words}" for words in ("game", "nowhere", order.number)),
            "/order/purchases?q=nowhere&show=unfinished",
            f"/order/purchases/{order.id}",
            f"/order/purchases/{order.id}/lines/{order.lines[0].id}",
            f"/reviews/lines/{order.lines[0].id}",
            "/reviews/waiting",
            f"/products/{full.id}",
            "/order/basket",
            "/order/checkout",
            "/auth/profile",
            "/auth/sessions",
            "/developers",
        ],
        "quitter": [
            "/order/purchases",
            "/order/purchases?q=nowhere",
            "/order/purchases?show=unfinished",
        ],
        "seller": [
            "/products/mine",
            f"/products/mine?{MANY}",
            f"/products/{full.id}",
            f"/products/{full.id}/edit",
            *(f"/products/{full.id}/stock?state={state.value}" for state in UnitState),
            f"/products/{full.id}/stock?units=10&batches=10",
            "/order/sales",
            f"/order/sales?{MANY}",
            "/order/balance",
            f"/order/balance?{MANY}&days=365",
            "/order/balance?account=available",
            f"/order/statement?month={Month.of(datetime.now(UTC))}",
            "/developers/webhooks",
            f"/developers/webhooks/{endpoint_of(cast.seller).id}",
            "/notifications",
            f"/notifications?{MANY}",
            "/notifications?unread=1",
            "/notifications?kind=sale&unread=1",
            "/notifications?kind=low_stock",
            "/notifications?kind=low_stock&unread=1",
            "/notifications/preferences",
        ],
        "small_seller": ["/products/mine", "/order/sales", "/notifications"],
    }
    for name, known in paths.items():
        browser = app.test_client()
        if name is not None:
            _log_in(browser, getattr(cast, name))
        for path in known:
            yield f"{name or 'guest'} {path}", partial(_look, browser.get, path)
    left = partial(app.test_client().get, headers=PARTIAL)
    yield "an open listing", partial(_look, left, f"/products/left?id={full.id}&id={usual.id}")


def operations(app: Flask, cast: Cast) -> Visits:
    """Every JSON operation that reads what grows."""
    full = nth_product(5)
    order = first_order(cast.buyer)
    paths = {
        "buyer": [
            "/products?limit=100&total=true",
            *(f"/products?q={words}&total=true" for words in COMMON_WORDS),
            "/products?kind=link&total=true",
            "/products/categories",
            f"/products/{full.id}",
            f"/products/{full.id}/reviews?total=true&limit=100",
            f"/products/{full.id}/reviews?total=true&sort=best&stars=4",
            f"/sellers/{cast.seller.id}",
            f"/products?seller_id={cast.small_seller.id}&total=true",
            "/order?total=true",
            "/order?unfinished=true&total=true",
            "/order?q=nowhere&total=true",
            f"/order?q={order.number}&total=true",
            f"/order/{order.id}",
            "/order/basket",
            "/auth/me",
            "/auth/api-keys",
        ],
        "seller": [
            "/products/mine?limit=100&total=true",
            f"/products/mine/{full.id}",
            f"/products/mine/{full.id}/stock",
            *(
                f"/products/mine/{full.id}/stock/units?total=true&state={state.value}"
                for state in UnitState
            ),
            "/payments/balance",
            "/payments/sales?total=true&limit=100",
            "/payments/entries?total=true&limit=100",
            f"/payments/statement?month={Month.of(datetime.now(UTC))}",
            "/payments/income?days=366",
            "/webhooks",
            f"/webhooks/{endpoint_of(cast.seller).id}/messages?total=true",
            "/notifications?total=true&limit=100",
            "/notifications?kind=low_stock&unread=true&total=true",
        ],
        "admin": [
            "/admin/users?total=true",
            *(f"/admin/users?total=true&role={role}" for role in ("admin", "moderator", "seller")),
            *(f"/admin/users?total=true&banned={banned}" for banned in ("true", "false")),
            *(
                f"/admin/users?total=true&q={words}"
                for words in ("example.com", "user4711", "nobody", "er", "qx", "q")
            ),
            f"/admin/users/{cast.buyer.id}",
            "/admin/reviews/reports?total=true",
            "/admin/payments/stuck?total=true",
            "/admin/promises",
            "/admin/payments/books",
            "/admin/payments/differences?total=true",
            "/admin/payments/differences?total=true&closed=true",
            "/admin/payments/events?total=true&limit=100",
            "/admin/payments/events?type=PAYMENT.CAPTURE.COMPLETED",
            "/admin/payments/events?q=nowhere",
            "/admin/payments/events?unfinished=true",
        ],
    }
    for name, known in paths.items():
        for path in known:  # each with a token of its own, which does not last for all
            program = program_of(app, getattr(cast, name))
            yield f"{name} /api/v1{path}", partial(_look, program.get, path)


def use_cases(app: Flask, cast: Cast) -> Visits:
    """What changes the shop, each as often as it is called."""
    full = nth_product(5)
    numbers = count()
    buyer = make_user()

    def buy() -> None:
        order_id = paid(buyer, {full.id: 1})
        delivering.deliver(order_id=order_id)
        with pytest.raises(StockUnreadable):  # nothing is sealed in what `fill.sql` makes
            reveal.reveal_all(viewer=Viewer(buyer.id, "127.0.0.1", ""), order_id=order_id)

    def give_up() -> None:
        ending.cancel(buyer_id=buyer.id, order_id=placed(buyer, {full.id: 1}))

    def take_in_and_take_back() -> None:
        upload_id = uploads.keep(
            product_id=full.id, seller_id=cast.seller.id, content=f"KEY-{next(numbers)}"
        )
        own = {"product_id": full.id, "seller_id": cast.seller.id}
        importing.dry_run(upload_id=upload_id, **own)
        taken = importing.take_in(upload_id=upload_id, **own)
        stock.undo_import(batch_id=upload_id, **own)
        assert taken.units == 1

    def hide_and_publish() -> None:
        own = {"product_id": full.id, "seller_id": cast.seller.id}
        products.hide(**own)
        products.publish(**own)

    def tell_of_stock() -> None:
        messages.tell_of_stock(product_id=full.id)

    def tell_and_read() -> None:
        values = {"product_id": str(full.id), "title": "A thing", "left": 2}
        key, kind = str(new_id()), NotificationKind.LOW_STOCK
        notify(user_id=cast.seller.id, kind=kind, key=key, params=values)
        assert reading.mark_all_read(user_id=cast.seller.id, kind=kind) == 1

    def log_in_and_out() -> None:
        browser = app.test_client()
        _log_in(browser, cast.buyer)
        assert browser.post("/auth/logout").status_code == 303

    yield "a sale", buy
    yield "a review and what becomes of it", partial(_review, cast, full.id, buyer)
    yield "an order given up", give_up
    yield "stock taken in and back", take_in_and_take_back
    yield "a product hidden and published", hide_and_publish
    yield "a webhook about stock", tell_of_stock
    yield "something told and read", tell_and_read
    yield "a login and its end", log_in_and_out


def jobs() -> Visits:
    """The clock's work, with nothing due."""
    for timed in TIMED_WORK:
        # To check a promise is to read what it is about; it rests the longer afterwards.
        if timed.work is not promises.check_due:
            yield f"job {timed.name}", timed.work


def nth_product(number: int) -> Product:
    """A product of `fill.sql`; the 5th has very many units."""
    title = Product.title.endswith(f" no. {number}")
    return session().scalars(select(Product).where(title)).one()


def first_order(buyer: User) -> Order:
    """The oldest order of somebody."""
    query = select(Order).where(Order.buyer_id == buyer.id).order_by(Order.id).limit(1)
    return session().scalars(query).unique().one()


def endpoint_of(seller: User) -> WebhookEndpoint:
    """A seller's webhook."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.owner_id == seller.id)
    return session().scalars(query).unique().one()


def _review(cast: Cast, product_id: UUID, buyer: User) -> None:
    order_id = paid(buyer, {product_id: 1})
    delivering.deliver(order_id=order_id)
    words = {"author_id": buyer.id, "line_id": line_of(order_id)}
    review_id = writing.write(**words, stars=5, text="Works well.")
    writing.write(**words, stars=4, text="Works.")
    answering.vote(user_id=cast.buyer.id, review_id=review_id, helpful=True)
    opinions.report(user_id=cast.buyer.id, review_id=review_id, reason="Not true")
    opinions.hide(moderator_id=cast.admin.id, review_id=review_id, reason="Not true")
    writing.delete_own(author_id=buyer.id, review_id=review_id)


def home_of(seller: User) -> str:
    """A seller's public page."""
    return f"/sellers/{quote(seller.display_name)}"


def _log_in(browser: FlaskClient, user: User) -> None:
    answer = browser.post("/auth/login", data={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 303, answer.get_data(as_text=True)


def _look(get: Callable[[str], Any], path: str) -> None:
    answer = get(path)
    assert answer.status_code == 200, f"{path}: {answer.status}"
