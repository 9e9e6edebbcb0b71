"""Rates of commission: which one wins, who set it, and that what is ordered keeps its own."""

from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.auth.models import User
from app.kit.db import session
from app.kit.errors import Invalid
from app.orders.models import OrderLine
from app.orders.queries.sales import sales_of
from app.products.errors import NoSuchCategory, NotASeller
from app.products.models import CommissionChange, CommissionRate
from app.products.queries import commission as rates
from app.products.queries.seller import products_of
from app.products.service import commission
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product
from tests.support.bought import paid, placed, told


@pytest.fixture
def admin(app: Flask) -> User:
    """An administrator."""
    return make_user(roles=("admin",))


@pytest.fixture
def seller(app: Flask) -> User:
    """Somebody who sells."""
    return make_user(roles=("seller",))


def rate_of(product_id: UUID) -> int:
    return rates.rates_of([product_id])[product_id]


def test_the_most_specific_rate_wins(admin: User, seller: User) -> None:
    upper = make_category()
    lower = make_category(parent=upper)
    product = make_product(seller, kind="text", category=lower)
    elsewhere = make_product(seller, kind="text")
    assert rate_of(product.id) == 1000
    commission.set_of_category(admin_id=admin.id, category_id=upper.id, basis_points=900)
    assert rate_of(product.id) == 900
    commission.set_of_category(admin_id=admin.id, category_id=lower.id, basis_points=0)
    assert rate_of(product.id) == 0
    commission.set_of_seller(admin_id=admin.id, seller_id=seller.id, basis_points=1250)
    assert (rate_of(product.id), rate_of(elsewhere.id)) == (1250, 1250)
    commission.set_of_seller(admin_id=admin.id, seller_id=seller.id, basis_points=None)
    commission.set_of_category(admin_id=admin.id, category_id=lower.id, basis_points=None)
    assert (rate_of(product.id), rate_of(elsewhere.id)) == (900, 1000)


def test_the_history_says_who_changed_what(admin: User, seller: User) -> None:
    for basis_points in (500, 500, 700, None, None):
        commission.set_of_seller(admin_id=admin.id, seller_id=seller.id, basis_points=basis_points)
    changes = rates.changes("en").items
    assert [(change.before, change.after) for change in changes] == [
        (700, None), (500, 700), (None, 500),
    ]  # fmt: skip
    assert {change.changed_by for change in changes} == {admin.id}
    assert {change.seller_name for change in changes} == {seller.display_name}
    assert not rates.set_rates("en").items


def test_what_is_ordered_keeps_its_commission(admin: User, seller: User) -> None:
    product = make_product(seller, kind="text", price_minor=1000)
    order_id = placed(make_user(), {product.id: 1})
    commission.set_of_seller(admin_id=admin.id, seller_id=seller.id, basis_points=2000)
    told(order_id, "COMPLETED")
    paid(make_user(), {product.id: 2})
    newest, oldest = sales_of(seller.id).items
    assert (oldest.commission_basis_points, oldest.commission_minor) == (1000, 100)
    assert (newest.commission_basis_points, newest.commission_minor) == (2000, 400)
    commission.set_of_seller(admin_id=admin.id, seller_id=seller.id, basis_points=0)
    kept = session().execute(select(func.sum(OrderLine.commission_minor))).scalar_one()
    assert kept == 500


def test_sellers_of_one_order_pay_their_own_rates(admin: User, seller: User) -> None:
    other = make_user(roles=("seller",))
    tea = make_product(seller, kind="text", price_minor=333)
    ink = make_product(other, kind="text", price_minor=335)
    commission.set_of_seller(admin_id=admin.id, seller_id=other.id, basis_points=50)
    paid(make_user(), {tea.id: 1, ink.id: 1})
    [sold_tea], [sold_ink] = sales_of(seller.id).items, sales_of(other.id).items
    assert (sold_tea.commission_minor, sold_tea.share_minor) == (33, 300)
    assert (sold_ink.commission_minor, sold_ink.share_minor) == (2, 333)  # 1.675


def test_a_seller_sees_the_rate_of_each_product(admin: User, seller: User) -> None:
    shelf = make_category()
    make_product(seller, kind="text")
    make_product(seller, kind="text", category=shelf)
    commission.set_of_category(admin_id=admin.id, category_id=shelf.id, basis_points=400)
    shown = [product.commission_basis_points for product in products_of(seller.id).items]
    assert shown == [400, 1000]
    terms = rates.terms_of(seller.id, "en")
    assert (terms.basis_points, [one.basis_points for one in terms.others]) == (1000, [400])
    commission.set_of_seller(admin_id=admin.id, seller_id=seller.id, basis_points=700)
    terms = rates.terms_of(seller.id, "en")
    assert (terms.basis_points, terms.others) == (700, [])


@pytest.mark.parametrize("basis_points", [-1, 10_001])
def test_no_more_than_all_of_it(admin: User, seller: User, basis_points: int) -> None:
    with pytest.raises(Invalid):
        commission.set_of_seller(admin_id=admin.id, seller_id=seller.id, basis_points=basis_points)


def test_of_what_is_not_there(admin: User) -> None:
    with pytest.raises(NoSuchCategory):
        commission.set_of_category(admin_id=admin.id, category_id=admin.id, basis_points=1)
    with pytest.raises(NotASeller):
        commission.set_of_seller(admin_id=admin.id, seller_id=admin.id, basis_points=1)
    assert session().scalar(select(func.count()).select_from(CommissionRate)) == 0
    assert session().scalar(select(func.count()).select_from(CommissionChange)) == 0
