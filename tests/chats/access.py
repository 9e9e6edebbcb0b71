"""Who may call the routes of chats."""

from app.kit.access import Access

RULES = {
    "chats.about_order": Access.USER,
    "chats.about_product": Access.USER,
    "chats.block": Access.USER,
    "chats.close": Access.STAFF,
    "chats.delete": Access.USER,
    "chats.edit": Access.USER,
    "chats.inbox": Access.USER,
    "chats.join": Access.STAFF,
    "chats.mute": Access.USER,
    "chats.news": Access.USER,
    "chats.read": Access.USER,
    "chats.report": Access.USER,
    "chats.reported": Access.STAFF,
    "chats.settings": Access.USER,
    "chats.thread": Access.USER,
    "chats.unread": Access.USER,
    "chats.write": Access.USER,
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

# Whoever may see a product may ask about it.
OPEN_TO_STRANGERS = {"chats.about_product"}
