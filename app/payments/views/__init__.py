"""The address that PayPal's webhooks come to; `orders` adds the page of sales."""

from flask import Blueprint

blueprint = Blueprint("payments", __name__, url_prefix="/payments")

from app.payments.views import webhook  # noqa: E402,F401  # adds its route to it
