"""What tokens and keys are good for."""

from enum import StrEnum

from app.auth.models import Role, User


class Scope(StrEnum):
    """Permissions of a token or an API key."""

    ACCOUNT = "account"
    ORDERS = "orders"
    PRODUCTS = "products"
    SALES = "sales"
    WEBHOOKS = "webhooks"
    REVIEWS = "reviews"
    NOTIFICATIONS = "notifications"
    CHATS_READ = "chats:read"
    CHATS_WRITE = "chats:write"
    ADMIN = "admin"


_NEEDS = {
    Scope.PRODUCTS: Role.SELLER,
    Scope.SALES: Role.SELLER,
    Scope.WEBHOOKS: Role.SELLER,
    Scope.ADMIN: Role.ADMIN,
}


def scopes_for(user: User) -> list[Scope]:
    """All that a token of this person can be good for."""
    return [scope for scope in Scope if scope not in _NEEDS or _NEEDS[scope] in user.roles]
