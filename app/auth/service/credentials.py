"""Passwords: forgotten, reset, changed."""

from dataclasses import dataclass
from uuid import UUID

from app.auth import passwords, queries
from app.auth.errors import DeadLink, NoSuchUser, WrongPassword
from app.auth.events import PasswordChanged, PasswordResetRequested
from app.auth.models import MailPurpose, User
from app.auth.service import limits, mail_links
from app.auth.service.details import check_new_password, clean_email
from app.auth.service.sessions import end_all_sessions, note_network, open_session
from app.kit.db import db_now, end_read, lock, transactional
from app.kit.outbox import emit


def request_password_reset(*, email: str, address: str) -> None:
    """Have a link to set a new password mailed, if there is such an account; says nothing of that.

    Raises Invalid for what is no address; TooMany.
    """
    email = clean_email(email)
    limits.count_mail("reset", email, address, within="30 minutes")
    _ask_for_reset(email=email)


@transactional
def _ask_for_reset(*, email: str) -> None:
    user = queries.user_by_email(email)
    open_account = user is not None and user.banned_at is None
    emit(PasswordResetRequested(user.id if user is not None and open_account else None))


def reset_password(*, token: str, password: str, address: str = "") -> None:
    """Set a new password by a mailed secret; ends every session and confirms the address.

    What strangers try elsewhere does not keep the person from logging in at `address` from now on.
    Raises DeadLink, Invalid for `password`.
    """
    user = queries.owner_of_link(token, MailPurpose.RESET)
    if user is None:
        raise DeadLink
    check_new_password(password, user.email, user.display_name)
    end_read()
    _reset(token=token, password_hash=passwords.hash_password(password), address=address)


@transactional
def _reset(*, token: str, password_hash: str, address: str) -> None:
    user = lock(User, mail_links.spend(token, MailPurpose.RESET))
    if user is None or user.banned_at is not None:
        raise DeadLink
    user.password_hash = password_hash
    if user.confirmed_at is None:  # the link came by mail: the address is theirs
        user.confirmed_at = db_now()
        mail_links.void(user.id, MailPurpose.CONFIRM)
    end_all_sessions(user)
    note_network(user, address)
    emit(PasswordChanged(user.id))


def change_password(
    *, user_id: UUID, current: str, new: str, address: str, agent: str = "", device: str = ""
) -> str:
    """Like `replace_password`, but a new session begins, whose secret is returned."""
    change = _check_change(user_id, current, new, address=address, device=device)
    return _change_in_browser(change, address=address, agent=agent)


def replace_password(*, user_id: UUID, current: str, new: str, address: str) -> None:
    """Replace a password by its owner; every session and token ends.

    Raises WrongPassword, Invalid for `new`; TooMany.
    """
    _change(_check_change(user_id, current, new, address=address))


@dataclass(frozen=True)
class _Change:
    """A password to be replaced, unless it is another one by then."""

    user_id: UUID
    known_hash: str
    new_hash: str


def _check_change(
    user_id: UUID, current: str, new: str, *, address: str, device: str = ""
) -> _Change:
    user = queries.get_user(user_id)
    if user is None:
        raise NoSuchUser
    check_new_password(new, user.email, user.display_name, field="new")
    known_hash = prove(user, current, field="current", address=address, device=device)
    return _Change(user_id, known_hash, passwords.hash_password(new))


def prove(user: User, password: str, *, field: str, address: str, device: str = "") -> str:
    """Check that a password is the user's; the hash it was checked against.

    Raises WrongPassword for the form's `field`; TooMany.
    """
    known_hash = user.password_hash
    limits.count_password_check(user.email, address=address, device=device)
    end_read()  # hashing takes a while: hold no connection
    if not passwords.verify(known_hash, password):
        raise WrongPassword(field)
    return known_hash


@transactional
def _change_in_browser(change: _Change, *, address: str, agent: str) -> str:
    return open_session(_change(change), address=address, agent=agent)


@transactional
def _change(change: _Change) -> User:
    user = lock(User, change.user_id)
    if user is None or user.password_hash != change.known_hash:
        raise WrongPassword("current")
    user.password_hash = change.new_hash
    mail_links.void(user.id, MailPurpose.RESET)
    end_all_sessions(user)
    emit(PasswordChanged(user.id))
    return user
