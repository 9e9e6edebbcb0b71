"""Becoming a seller, and where a seller is paid."""

from uuid import UUID

from app.auth import queries
from app.auth.errors import AlreadySeller, NoSuchUser, NotSeller, WrongPassword
from app.auth.events import PayoutAddressChanged
from app.auth.models import Role, User
from app.auth.service.credentials import prove
from app.auth.service.details import clean_email
from app.auth.service.sessions import end_all_sessions, open_session
from app.kit.db import lock, transactional
from app.kit.outbox import emit


@transactional
def become_seller(*, user_id: UUID, paypal_email: str) -> None:
    """Give a person the role of a seller, paid at `paypal_email`.

    A new role begins a new epoch: every session and token ends. Raises Invalid for `paypal_email`,
    AlreadySeller.
    """
    _give_role(user_id, paypal_email)


@transactional
def become_seller_in_browser(
    *, user_id: UUID, paypal_email: str, address: str, agent: str = ""
) -> str:
    """Like `become_seller`, but a new session begins, whose secret is returned."""
    return open_session(_give_role(user_id, paypal_email), address=address, agent=agent)


def _give_role(user_id: UUID, paypal_email: str) -> User:
    paypal_email = clean_email(paypal_email, "paypal_email")
    user = lock(User, user_id)
    if user is None:
        raise NoSuchUser
    if Role.SELLER in user.roles:
        raise AlreadySeller
    set_paypal_email(user, paypal_email)
    user.roles = sorted({*user.roles, Role.SELLER})
    end_all_sessions(user)
    return user


def set_paypal_email(user: User, paypal_email: str) -> None:
    """Have a locked user paid there from now on, in the caller's transaction.

    An address that was paid before is told, as is the user's own.
    """
    old = user.paypal_email
    user.paypal_email = paypal_email
    if old is not None and old != paypal_email:
        emit(PayoutAddressChanged(user.id, old))


def change_paypal_email(
    *, user_id: UUID, paypal_email: str, password: str, address: str, device: str = ""
) -> None:
    """Have a seller paid somewhere else; the old address is told by mail.

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
