"""The address that PayPal's webhooks come to, and the pages about money."""

from flask import Blueprint

blueprint = Blueprint("payments", __name__, url_prefix="/payments")

from app.payments.views import (  # noqa: E402,F401  # they add their routes to it
    all_payouts,
    books,
    differences,
    events,
    payouts,
    webhook,
)
