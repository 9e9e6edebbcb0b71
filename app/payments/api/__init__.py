"""JSON routes about money: of payouts, and for administrators below /api/v1/admin."""

from app.kit.api.operations import api_blueprint

blueprint = api_blueprint("books_api", __name__, "admin/payments")
payouts_blueprint = api_blueprint("payouts_api", __name__, "payments/payouts")
all_payouts_blueprint = api_blueprint("all_payouts_api", __name__, "admin/payouts")

from app.payments.api import books, payouts  # noqa: E402, F401  # they fill them
