"""JSON routes of the sale, below /api/v1/order, and of a seller's sales below /api/v1/payments."""

from app.kit.api.operations import api_blueprint

blueprint = api_blueprint("orders_api", __name__, "order")
payments_blueprint = api_blueprint("payments_api", __name__, "payments")

from app.orders.api import (  # noqa: E402
    basket,  # noqa: F401  # they fill them
    claims,  # noqa: F401
    disputes,  # noqa: F401
    orders,  # noqa: F401
    refunds,  # noqa: F401
    sales,  # noqa: F401
)
