"""Who may do what, as far as it hangs on the person alone."""

from app.auth.models import Role, User


def may_sell(user: User) -> bool:
    """Whether a person may offer goods."""
    return Role.SELLER in user.roles
