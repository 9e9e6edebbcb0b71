"""Who may call the routes of chats."""

from app.kit.access import Access

RULES = {
    "chats_api.count_unread": Access.USER,
    "chats_api.delete": Access.USER,
    "chats_api.edit": Access.USER,
    "chats_api.get_conversation": Access.USER,
    "chats_api.list_conversations": Access.USER,
    "chats_api.list_messages": Access.USER,
    "chats_api.mark_read": Access.USER,
    "chats_api.open_conversation": Access.USER,
    "chats_api.send": Access.USER,
}
