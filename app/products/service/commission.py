"""Rates of commission that are not the default. What is ordered already keeps its own."""

from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select

from app.auth.errors import NoSuchUser
from app.auth.models import Role, User
from app.kit.db import lock, session, transactional
from app.kit.errors import Invalid
from app.kit.money import BASIS_POINTS
from app.products.errors import NoSuchCategory, NotASeller
from app.products.models import Category, CommissionChange, CommissionRate


@transactional
def set_of_category(*, admin_id: UUID, category_id: UUID, basis_points: int | None) -> None:
    """Take so much of each sale of a category, and of those below it that have no rate.

    None: the default again. Raises NoSuchCategory, Invalid.
    """
    if lock(Category, category_id) is None:
        raise NoSuchCategory
    _set(admin_id, basis_points, category_id=category_id)


@transactional
def set_of_seller(*, admin_id: UUID, seller_id: UUID, basis_points: int | None) -> None:
    """Take so much of each sale of a seller, whatever the category.

    None: no rate of their own any longer. Raises NoSuchUser, NotASeller, Invalid.
    """
    seller = lock(User, seller_id)
    if seller is None:
        raise NoSuchUser
    if basis_points is not None and Role.SELLER not in seller.roles:
        raise NotASeller
    _set(admin_id, basis_points, seller_id=seller_id)


def _set(
    admin_id: UUID,
    basis_points: int | None,
    *,
    category_id: UUID | None = None,
    seller_id: UUID | None = None,
) -> None:
    """Set, change or lift a rate; whom it is about is locked, so that changes come one by one."""
    if basis_points is not None and not 0 <= basis_points <= BASIS_POINTS:
        message = _("The commission is 0 to 100 percent.")
        raise Invalid("products.bad_commission", message, errors={"basis_points": message})
    rate = session().scalar(
        select(CommissionRate).where(
            CommissionRate.category_id.is_not_distinct_from(category_id),
            CommissionRate.seller_id.is_not_distinct_from(seller_id),
        )
    )
    before = rate.basis_points if rate else None
    if before == basis_points:
        return
    if basis_points is None:
        session().delete(rate)
    elif rate is None:
        rate = CommissionRate(
            category_id=category_id, seller_id=seller_id, basis_points=basis_points
        )
        session().add(rate)
    else:
        rate.basis_points = basis_points
    session().add(
        CommissionChange(
            category_id=category_id,
            seller_id=seller_id,
            before=before,
            after=basis_points,
            changed_by=admin_id,
        )
    )
