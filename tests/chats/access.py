"""Who may call the routes of chats."""

from app.kit.access import Access

RULES: dict[str, Access] = {}
