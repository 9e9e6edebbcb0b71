"""Who may call the routes of notifications."""

from app.kit.access import Access

RULES = {
    "notifications.bell": Access.USER,
    "notifications.index": Access.USER,
    "notifications.mark_all_read": Access.USER,
    "notifications.mark_read": Access.USER,
    "notifications.open_one": Access.USER,
    "notifications.preferences": Access.USER,
    "notifications.save_preferences": Access.USER,
    "notifications.unsubscribe": Access.PUBLIC,
    "notifications.unsubscribe_now": Access.SIGNED,
    "notifications_api.change_preferences": Access.USER,
    "notifications_api.get_preferences": Access.USER,
    "notifications_api.list_notifications": Access.USER,
    "notifications_api.mark_all_read": Access.USER,
    "notifications_api.mark_read": Access.USER,
}
