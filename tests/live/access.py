"""Who may call the routes of live."""

from app.kit.access import Access

RULES = {
    "live.ticket": Access.PUBLIC,
    "sockets.live": Access.PUBLIC,
}
