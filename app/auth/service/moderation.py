"""Bans and roles. Each change begins a new epoch, which ends every session at once."""

from uuid import UUID

from app.auth.errors import NoSuchUser, NotYourself
from app.auth.events import AccountClosed, AccountReopened, RoleTaken
from app.auth.models import Role, User
from app.auth.service.details import clean_email
from app.auth.service.selling import make_seller
from app.auth.service.sessions import end_all_sessions
from app.kit.db import db_now, lock, transactional
from app.kit.outbox import emit


@transactional
def ban_user(*, user_id: UUID, by: UUID | None = None) -> None:
    """Close an account; nothing happens to a closed one.

    `by` is the administrator, None for another service. Raises NoSuchUser, NotYourself.
    """
    if user_id == by:
        raise NotYourself
    user = _locked(user_id)
    if user.banned_at is None:
        user.banned_at = db_now()
        end_all_sessions(user)
        emit(AccountClosed(user.id, user.session_epoch))


@transactional
def unban_user(*, user_id: UUID) -> None:
    """Unban a user."""
    user = _locked(user_id)
    if user.banned_at is not None:
        user.banned_at = None
        end_all_sessions(user)
        emit(AccountReopened(user.id, user.session_epoch))


@transactional
def grant_role(*, user_id: UUID, role: Role, paypal_email: str | None = None) -> None:
    """Give a role; a seller is paid at `paypal_email`, or where they were, or at their address.

    Raises Invalid for `paypal_email`, NameTaken for a seller called like another one.
    """
    user = _locked(user_id)
    if role in user.roles:
        return
    if role is Role.SELLER:
        address = paypal_email or user.paypal_email or user.email
        make_seller(user, clean_email(address, "paypal_email"))
        return
    user.roles = sorted({*user.roles, role})
    end_all_sessions(user)


@transactional
def revoke_role(*, user_id: UUID, role: Role, by: UUID | None = None) -> None:
    """Take a role away.

    `by` is the administrator, None for another service. Raises NoSuchUser, and NotYourself for an
    administrator who would give up being one.
    """
    if role is Role.ADMIN and user_id == by:
        raise NotYourself
    user = _locked(user_id)
    if role in user.roles:
        user.roles = [held for held in user.roles if held != role]
        end_all_sessions(user)
        emit(RoleTaken(user.id, role))


def _locked(user_id: UUID) -> User:
    user = lock(User, user_id)
    if user is None:
        raise NoSuchUser
    return user
