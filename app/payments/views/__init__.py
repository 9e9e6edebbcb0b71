"""Pages of payments, and the address that PayPal's webhooks come to."""

from flask import Blueprint

blueprint = Blueprint("payments", __name__, url_prefix="/payments")

from app.payments.views import sales, webhook  # noqa: E402,F401  # they add their routes to it
