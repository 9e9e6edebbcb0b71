"""Who may call the routes of files."""

from app.kit.access import Access

RULES = {
    "files.photo": Access.PUBLIC,
}
# These show what is a stranger's too: it is on sale.
OPEN_TO_STRANGERS = {"files.photo"}
