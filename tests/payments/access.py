"""Who may call the routes of payments."""

from app.kit.access import Access

RULES = {
    "books_api.get_books": Access.ADMIN,
    "books_api.get_difference": Access.ADMIN,
    "books_api.list_differences": Access.ADMIN,
    "books_api.settle_difference": Access.ADMIN,
    "books_api.get_event": Access.ADMIN,
    "books_api.list_events": Access.ADMIN,
    "books_api.run_event_again": Access.ADMIN,
    "payments.books": Access.ADMIN,
    "payments.list_differences": Access.ADMIN,
    "payments.show_difference": Access.ADMIN,
    "payments.settle_difference": Access.ADMIN,
    "payments.list_events": Access.ADMIN,
    "payments.paypal_webhook": Access.SIGNED,
    "payments.run_event_again": Access.ADMIN,
    "payments.show_event": Access.ADMIN,
    "payments_api.get_balance": Access.SELLER,
    "payments_api.get_income": Access.SELLER,
    "payments_api.get_statement": Access.SELLER,
    "payments_api.list_entries": Access.SELLER,
    "payments_api.accept_claim": Access.SELLER,
    "payments_api.decline_claim": Access.SELLER,
    "payments_api.list_claims": Access.SELLER,
    "payments_api.list_refunds": Access.SELLER,
    "payments_api.list_sales": Access.SELLER,
    "payments_api.refund_sale": Access.SELLER,
}
