"""Who may call the routes of admin."""

from app.kit.access import Access

RULES = {
    "admin.list_disputes": Access.STAFF,
    "admin.show_dispute": Access.STAFF,
    "admin.preview_evidence": Access.STAFF,
    "admin.send_evidence": Access.STAFF,
    "admin.sent_evidence": Access.STAFF,
    "admin_api.get_dispute": Access.ADMIN,
    "admin_api.list_disputes": Access.ADMIN,
    "admin_api.send_evidence": Access.ADMIN,
    "admin.commission": Access.ADMIN,
    "admin.lift_commission": Access.ADMIN,
    "admin.set_category_commission": Access.ADMIN,
    "admin.set_seller_commission": Access.ADMIN,
    "admin_api.get_commission": Access.ADMIN,
    "admin_api.list_commission_changes": Access.ADMIN,
    "admin_api.list_commission_rates": Access.ADMIN,
    "admin_api.set_category_commission": Access.ADMIN,
    "admin_api.set_seller_commission": Access.ADMIN,
    "admin.decide_on_payment": Access.ADMIN,
    "admin.list_stuck_payments": Access.ADMIN,
    "admin.show_stuck_payment": Access.ADMIN,
    "admin_api.book_and_deliver": Access.ADMIN,
    "admin_api.list_stuck_payments": Access.ADMIN,
    "admin_api.refund_order": Access.ADMIN,
    "admin_api.refund_whole": Access.ADMIN,
    "admin_api.wait_for_stock": Access.ADMIN,
    "admin.check_promises": Access.ADMIN,
    "admin.list_promises": Access.ADMIN,
    "admin_api.list_promises": Access.ADMIN,
    "admin_api.ban": Access.ADMIN,
    "admin_api.dismiss_reports": Access.ADMIN,
    "admin_api.hide_review": Access.ADMIN,
    "admin_api.list_reports": Access.ADMIN,
    "admin_api.unhide_review": Access.ADMIN,
    "admin_api.get_user": Access.ADMIN,
    "admin_api.grant_role": Access.ADMIN,
    "admin_api.list_users": Access.ADMIN,
    "admin_api.remove_product": Access.ADMIN,
    "admin_api.restore_product": Access.ADMIN,
    "admin_api.take_role": Access.ADMIN,
    "admin_api.unban": Access.ADMIN,
}

# Administrators decide on everybody's payments.
OPEN_TO_STRANGERS = {"admin.show_stuck_payment", "admin.decide_on_payment"}
