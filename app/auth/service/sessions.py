"""Log in, log out, and the list of browsers that are logged in."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, update
from sqlalchemy.dialects.postgresql import insert

from app.auth import leases, passwords, queries
from app.auth.errors import Banned, NoSuchSession, NotConfirmed, WrongCredentials
from app.auth.models import (
    KnownNetwork,
    LoginSession,
    MailToken,
    User,
)
from app.auth.service import limits
from app.auth.service.details import comparable_email
from app.kit.crypto import new_token, token_hash
from app.kit.db import end_read, lock, session, transactional
from app.kit.ids import new_id
from app.kit.live.publishing import announce, user_topic
from app.kit.requests import network_of

AGENT_LENGTH = 300


def log_in(*, email: str, password: str, address: str, agent: str = "", device: str = "") -> str:
    """Prove who somebody is by their password; returns the secret of a new session.

    `device` is the number that the account has given to this browser, or "". Raises
    WrongCredentials alike for an unknown address and a wrong password, and after as long; with the
    right password NotConfirmed or Banned; TooMany.
    """
    proved = prove_person(email=email, password=password, address=address, device=device)
    return _begin(proved, address=address, agent=agent)


@dataclass(frozen=True)
class Proved:
    """Who has given the right password; `new_hash` replaces an outdated one."""

    user_id: UUID
    known_hash: str
    new_hash: str


def prove_person(*, email: str, password: str, address: str, device: str = "") -> Proved:
    """Who has this address and password; errors as `log_in`."""
    email = comparable_email(email)
    limits.count_login(email, address=address, device=device)
    user = queries.user_by_email(email) if email else None
    end_read()  # hashing takes a while: hold no connection
    if user is None:
        passwords.verify_nobody(password)
        raise WrongCredentials
    if not passwords.verify(user.password_hash, password):
        raise WrongCredentials
    if user.banned_at is not None:
        raise Banned
    if user.confirmed_at is None:
        raise NotConfirmed
    known_hash = user.password_hash
    new_hash = known_hash
    if passwords.is_outdated(known_hash):
        new_hash = passwords.hash_password(password)
    return Proved(user.id, known_hash, new_hash)


@transactional
def _begin(proved: Proved, *, address: str, agent: str) -> str:
    return open_session(locked_as_proved(proved), address=address, agent=agent)


def locked_as_proved(proved: Proved) -> User:
    """The person, locked in the caller's transaction; WrongCredentials if all is changed by now."""
    user = lock(User, proved.user_id)
    # Between the look at the password and the lock it may have been changed, or the account closed.
    if user is None or user.password_hash != proved.known_hash or user.banned_at is not None:
        raise WrongCredentials
    user.password_hash = proved.new_hash
    return user


def open_session(user: User, *, address: str, agent: str) -> str:
    """Add a session of the user's present epoch in the caller's transaction; returns its secret."""
    note_network(user, address)
    secret = new_token()
    session().add(
        LoginSession(
            id=new_id(),
            user_id=user.id,
            secret_hash=token_hash(secret),
            epoch=user.session_epoch,
            address=address or None,
            agent=agent[:AGENT_LENGTH].replace("\x00", ""),
        )
    )
    return secret


def note_network(user: User, address: str) -> None:
    """Write down, in the caller's transaction, that a person has proved to be at this address."""
    network = network_of(address)
    if network:
        known = insert(KnownNetwork).values(user_id=user.id, network=network)
        session().execute(
            known.on_conflict_do_update(
                index_elements=[KnownNetwork.user_id, KnownNetwork.network],
                set_={"seen_at": func.clock_timestamp()},
            )
        )


def announce_end(user_id: UUID) -> None:
    """Once the transaction now open is committed, have a person's credentials asked about anew.

    It closes the sockets whose login has ended, and reaches whoever watches revocations. No server
    answers from an older memory by then: else they would ask, and be told that all is well.
    """
    leases.forget_everywhere()
    announce(user_topic(user_id), "logins_ended")


def end_all_sessions(user: User) -> None:
    """End every session of a locked user in the caller's transaction: a new epoch begins."""
    user.session_epoch += 1
    announce_end(user.id)
    session().execute(
        delete(LoginSession)
        .where(LoginSession.user_id == user.id)
        .execution_options(synchronize_session=False)
    )


@transactional
def log_out(*, session_id: UUID) -> None:
    """End one session; nothing happens if it has ended before."""
    user_id = session().scalar(
        delete(LoginSession)
        .where(LoginSession.id == session_id)
        .returning(LoginSession.user_id)
        .execution_options(synchronize_session=False)
    )
    if user_id is not None:
        announce_end(user_id)


@transactional
def log_out_everywhere(*, user_id: UUID) -> None:
    """End every session of a person."""
    user = lock(User, user_id)
    if user is not None:
        end_all_sessions(user)


@transactional
def end_session(*, user_id: UUID, session_id: UUID) -> None:
    """End one of a person's own sessions; NoSuchSession if it is not theirs or has ended."""
    ended = session().execute(
        delete(LoginSession)
        .where(LoginSession.id == session_id, LoginSession.user_id == user_id)
        .returning(LoginSession.id)
        .execution_options(synchronize_session=False)
    )
    if ended.scalar_one_or_none() is None:
        raise NoSuchSession
    announce_end(user_id)


@transactional
def note_use(*, session_id: UUID) -> None:
    """Write down that a session is in use."""
    session().execute(
        update(LoginSession)
        .where(LoginSession.id == session_id)
        .values(seen_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


def login_is_over(now: datetime) -> ColumnElement[bool]:
    """Whether a login can't be used any more."""
    return or_(
        LoginSession.created_at < now - queries.LIFETIME,
        LoginSession.seen_at < now - queries.IDLE,
    )


def mail_link_is_over(before: datetime) -> ColumnElement[bool]:
    """Whether a mailed secret had expired by then."""
    return MailToken.expires_at < before


def network_is_over(before: datetime) -> ColumnElement[bool]:
    """Whether a person was last seen in a network before then."""
    return KnownNetwork.seen_at < before
