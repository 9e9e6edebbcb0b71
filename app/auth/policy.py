"""Who may do what, as far as it hangs on the person alone."""

from enum import StrEnum

from app.auth.models import Role, User


class Permission(StrEnum):
    """What a person may do."""

    BUY = "buy"
    SELL = "sell"
    MODERATE = "moderate"
    ADMINISTER = "administer"


_ROLES_FOR = {
    Permission.SELL: {Role.SELLER},
    Permission.MODERATE: {Role.MODERATOR, Role.ADMIN},
    Permission.ADMINISTER: {Role.ADMIN},
}


def may_sell(user: User) -> bool:
    """Whether a person may offer goods."""
    return Role.SELLER in user.roles


def may(user: User, permission: Permission) -> bool:
    """Whether a person has a permission; nobody whose account is closed has any."""
    if not user.is_active:
        return False
    if permission is Permission.BUY:
        return user.confirmed_at is not None
    return not _ROLES_FOR[permission].isdisjoint(user.roles)
