"""Becoming a seller, and where a seller is paid.

Where money goes is never changed by a login or a key alone: the password is asked for.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func

from app.auth import queries
from app.auth.errors import AlreadySeller, NoSuchUser, NotSeller, WrongPassword
from app.auth.events import PayoutAddressChanged
from app.auth.models import Role, User
from app.auth.service.credentials import prove
from app.auth.service.details import Faults, clean_email
from app.auth.service.naming import clean_free_name, own_name, rename
from app.auth.service.sessions import end_all_sessions, open_session
from app.kit.db import lock, transactional
from app.kit.outbox import emit


def become_seller(
    *, user_id: UUID, display_name: str | None, paypal_email: str, password: str, address: str
) -> None:
    """Give a person the role of a seller, paid at `paypal_email`, under a name of their own.

    Their name so far where `display_name` is None. A new role begins a new epoch: every session and
    token ends. Raises Invalid for `paypal_email` and `display_name`, NameTaken, WrongPassword,
    AlreadySeller; TooMany.
    """
    _begin(_check_start(user_id, display_name, paypal_email, password, address=address))


def become_seller_in_browser(
    *,
    user_id: UUID,
    display_name: str,
    paypal_email: str,
    password: str,
    address: str,
    agent: str = "",
    device: str = "",
) -> str:
    """Like `become_seller`, but a new session begins, whose secret is returned."""
    start = _check_start(
        user_id, display_name, paypal_email, password, address=address, device=device
    )
    return _begin_in_browser(start, address=address, agent=agent)


@dataclass(frozen=True)
class _Start:
    """Somebody who has proved who they are and wants to sell; every value clean."""

    user_id: UUID
    display_name: str
    paypal_email: str
    known_hash: str


def _check_start(
    user_id: UUID,
    display_name: str | None,
    paypal_email: str,
    password: str,
    *,
    address: str,
    device: str = "",
) -> _Start:
    user = queries.get_user(user_id)
    if user is None:
        raise NoSuchUser
    if Role.SELLER in user.roles:
        raise AlreadySeller
    name = user.display_name if display_name is None else display_name
    faults = Faults()
    with faults:
        paypal_email = clean_email(paypal_email, "paypal_email")
    if not user.is_staff:
        with faults:
            name = clean_free_name(name)
    faults.tell()
    known_hash = prove(user, password, field="password", address=address, device=device)
    return _Start(user_id, name, paypal_email, known_hash)


@transactional
def _begin_in_browser(start: _Start, *, address: str, agent: str) -> str:
    return open_session(_begin(start), address=address, agent=agent)


@transactional
def _begin(start: _Start) -> User:
    user = lock(User, start.user_id)
    if user is None or user.password_hash != start.known_hash:
        raise WrongPassword("password")
    if Role.SELLER in user.roles:
        raise AlreadySeller
    rename(user, start.display_name)
    make_seller(user, start.paypal_email)
    return user


def make_seller(user: User, paypal_email: str) -> None:
    """Give a locked user the role, in the caller's transaction; NameTaken."""
    own_name(user)
    set_paypal_email(user, paypal_email)
    user.roles = sorted({*user.roles, Role.SELLER})
    end_all_sessions(user)


def set_paypal_email(user: User, paypal_email: str) -> None:
    """Have a locked user paid there from now on, in the caller's transaction.

    An address that was paid before is told, as is the user's own; payouts pause meanwhile.
    """
    old = user.paypal_email
    user.paypal_email = paypal_email
    if old is not None and old != paypal_email:
        user.paypal_email_changed_at = func.clock_timestamp()
        emit(PayoutAddressChanged(user.id, old))


def change_paypal_email(
    *, user_id: UUID, paypal_email: str, password: str, address: str, device: str = ""
) -> None:
    """Have a seller paid somewhere else; the old address is notified by email.

    Raises Invalid for `paypal_email`, WrongPassword, NotSeller; TooMany.
    """
    paypal_email = clean_email(paypal_email, "paypal_email")
    user = queries.get_user(user_id)
    if user is None:
        raise NoSuchUser
    known_hash = prove(user, password, field="password", address=address, device=device)
    _change_paypal_email(user_id=user_id, paypal_email=paypal_email, known_hash=known_hash)


@transactional
def _change_paypal_email(*, user_id: UUID, paypal_email: str, known_hash: str) -> None:
    user = lock(User, user_id)
    if user is None or user.password_hash != known_hash:
        raise WrongPassword("password")
    if Role.SELLER not in user.roles:
        raise NotSeller
    set_paypal_email(user, paypal_email)
