"""Log in, log out, and the list of browsers that are logged in."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, update

from app.auth import passwords, queries
from app.auth.errors import Banned, NoSuchSession, NotConfirmed, WrongCredentials
from app.auth.models import LoginSession, MailToken, User
from app.auth.service import limits
from app.auth.service.cleaning import comparable_email
from app.kit import live
from app.kit.crypto import new_token, token_hash
from app.kit.db import after_commit, end_read, lock, session, transactional
from app.kit.ids import new_id

AGENT_LENGTH = 300
TOKENS_KEPT = timedelta(days=7)


def log_in(*, email: str, password: str, address: str, agent: str = "") -> str:
    """Prove who somebody is by their password; returns the secret of a new session.

    Raises WrongCredentials alike for an unknown address and a wrong password, and after as long;
    with the right password NotConfirmed or Banned; TooMany.
    """
    email = comparable_email(email)
    limits.count_login(email, address)
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
    return _begin(
        user_id=user.id, known_hash=known_hash, new_hash=new_hash, address=address, agent=agent
    )


@transactional
def _begin(*, user_id: UUID, known_hash: str, new_hash: str, address: str, agent: str) -> str:
    user = lock(User, user_id)
    # Between the look at the password and the lock it may have been changed, or the account closed.
    if user is None or user.password_hash != known_hash or user.banned_at is not None:
        raise WrongCredentials
    user.password_hash = new_hash
    return open_session(user, address=address, agent=agent)


def open_session(user: User, *, address: str, agent: str) -> str:
    """Add a session of the user's present epoch in the caller's transaction; returns its secret."""
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


def end_all_sessions(user: User) -> None:
    """End every session of a locked user in the caller's transaction: a new epoch begins."""
    user.session_epoch += 1
    after_commit(lambda: live.publish(f"user:{user.id}", "logins_ended"))  # closes their sockets
    session().execute(
        delete(LoginSession)
        .where(LoginSession.user_id == user.id)
        .execution_options(synchronize_session=False)
    )


@transactional
def log_out(*, session_id: UUID) -> None:
    """End one session; nothing happens if it has ended before."""
    session().execute(
        delete(LoginSession)
        .where(LoginSession.id == session_id)
        .execution_options(synchronize_session=False)
    )


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


@transactional
def note_use(*, session_id: UUID) -> None:
    """Write down that a session is in use."""
    session().execute(
        update(LoginSession)
        .where(LoginSession.id == session_id)
        .values(seen_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


@transactional
def drop_expired() -> int:
    """Delete sessions and mailed secrets that can't be used any more; returns how many."""
    now = func.clock_timestamp()
    old_sessions = delete(LoginSession).where(
        or_(
            LoginSession.created_at < now - queries.LIFETIME,
            LoginSession.seen_at < now - queries.IDLE,
        )
    )
    old_tokens = delete(MailToken).where(MailToken.expires_at < now - TOKENS_KEPT)
    return sum(
        len(
            session()
            .execute(statement.returning(column).execution_options(synchronize_session=False))
            .all()
        )
        for statement, column in (
            (old_sessions, LoginSession.id),
            (old_tokens, MailToken.secret_hash),
        )
    )
