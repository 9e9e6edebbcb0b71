"""Who may call the routes of developers."""

from app.kit.access import Access

RULES = {
    "developers.create_key": Access.USER,
    "developers.document": Access.PUBLIC,
    "developers.index": Access.PUBLIC,
    "developers.reference": Access.PUBLIC,
    "developers.revoke_key": Access.USER,
}
