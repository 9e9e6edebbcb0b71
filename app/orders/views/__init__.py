"""Pages of the sale: basket, checkout, cabinet; and what a seller has sold."""

from flask import Blueprint

blueprint = Blueprint("orders", __name__, url_prefix="/order")

from app.orders.views import (  # noqa: E402,F401  # they add their routes to it
    balance,
    basket,
    checkout,
    claims,
    purchases,
    refunds,
    sales,
)
