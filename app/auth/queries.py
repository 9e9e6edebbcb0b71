"""Reads about people and their sessions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from app.auth.models import LoginSession, MailPurpose, MailToken, User
from app.kit.crypto import token_hash
from app.kit.db import session

IDLE = timedelta(days=14)
LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class Visit:
    """A live session and whose it is. `stale`: it is time to note that it is still in use."""

    session_id: UUID
    user: User
    stale: bool


SEEN_EVERY = timedelta(minutes=10)


def get_user(user_id: UUID) -> User | None:
    """The person with this id."""
    return session().get(User, user_id)


def users_by_id(ids: Collection[UUID]) -> dict[UUID, User]:
    """The people with these ids; unknown ids are left out."""
    if not ids:
        return {}
    return {user.id: user for user in session().scalars(select(User).where(User.id.in_(ids)))}


def user_by_email(email: str) -> User | None:
    """The person with this address, in whatever case it is written, as the row is now."""
    return (
        session()
        .scalars(select(User).where(User.email == email).execution_options(populate_existing=True))
        .one_or_none()
    )


def _live() -> ColumnElement[bool]:
    """Neither too old nor idle for too long, of the user's present epoch, and nobody banned."""
    now = func.clock_timestamp()
    return and_(
        LoginSession.epoch == User.session_epoch,
        User.banned_at.is_(None),
        LoginSession.created_at > now - LIFETIME,
        LoginSession.seen_at > now - IDLE,
    )


def visit(secret: str) -> Visit | None:
    """Who shows this secret of a session, if the session still counts. One query."""
    row = (
        session()
        .execute(
            select(
                LoginSession.id, User, LoginSession.seen_at < func.clock_timestamp() - SEEN_EVERY
            )
            .join(User, User.id == LoginSession.user_id)
            .where(LoginSession.secret_hash == token_hash(secret), _live())
            # The row as it is now: a ban or another epoch counts at once.
            .execution_options(populate_existing=True)
        )
        .one_or_none()
    )
    return Visit(*row) if row else None


def session_is_live(session_id: UUID) -> bool:
    """Whether a session still counts; for connections that outlive a request."""
    found = session().scalar(
        select(LoginSession.id)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.id == session_id, _live())
    )
    return found is not None


@dataclass(frozen=True)
class LiveSession:
    """A browser that is logged in, for its owner's list."""

    id: UUID
    address: str | None
    agent: str
    created_at: datetime
    seen_at: datetime


def live_sessions(user_id: UUID) -> list[LiveSession]:
    """The browsers that a person is logged in with, the one used last first."""
    rows = session().execute(
        select(
            LoginSession.id,
            func.host(LoginSession.address),
            LoginSession.agent,
            LoginSession.created_at,
            LoginSession.seen_at,
        )
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.user_id == user_id, _live())
        .order_by(LoginSession.seen_at.desc(), LoginSession.id.desc())
        .limit(100)
    )
    return [LiveSession(*row) for row in rows]


def owner_of_link(secret: str, purpose: MailPurpose) -> User | None:
    """Whom a mailed secret was sent to, if it can still be used."""
    return (
        session()
        .scalars(
            select(User)
            .join(MailToken, MailToken.user_id == User.id)
            .where(
                MailToken.secret_hash == token_hash(secret),
                MailToken.purpose == purpose,
                MailToken.used_at.is_(None),
                MailToken.expires_at > func.clock_timestamp(),
            )
        )
        .one_or_none()
    )
