"""Who may call the routes of payments."""

from app.kit.access import Access

RULES = {
    "payments.paypal_webhook": Access.SIGNED,
    "payments_api.get_balance": Access.SELLER,
    "payments_api.list_sales": Access.SELLER,
}
