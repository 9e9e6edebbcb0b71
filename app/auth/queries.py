"""Reads about people and their sessions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR
from sqlalchemy.orm import InstrumentedAttribute

from app.auth import names
from app.auth.models import (
    ApiKey,
    FormerName,
    KnownNetwork,
    LoginSession,
    MailPurpose,
    MailToken,
    Role,
    User,
    UserCount,
)
from app.kit.crypto import token_hash
from app.kit.db import session
from app.kit.paging import PAGE_SIZE, Page, cut, decode_cursor, with_total

IDLE = timedelta(days=14)
LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class Visit:
    """A live session and whose it is. `stale`: it is time to note that it is still in use.

    `counts` are the numbers beside the person, by their names; one that is 0 may be left out.
    """

    session_id: UUID
    user: User
    stale: bool
    counts: Mapping[str, int]


SEEN_EVERY = timedelta(minutes=10)
_TRIGRAM = 3


def get_user(user_id: UUID, *, fresh: bool = False) -> User | None:
    """The person with this id; `fresh`: as the row is now, whatever this session has read."""
    return session().get(User, user_id, populate_existing=fresh)


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


def seller_called(name: str) -> User | None:
    """Who sells, or has sold, under this name, however it is written; else who once did."""
    letters = names.letters(name)
    former = select(FormerName.user_id).where(FormerName.letters == letters).scalar_subquery()
    found = session().scalars(
        select(User)
        .where(or_(User.name_letters == letters, User.id == former))
        .order_by((User.name_letters == letters).desc())
    )
    return found.first()


def has_logged_in_from(email: str, network: str) -> bool:
    """Whether the owner of this address has logged in from this network lately."""
    known = (
        select(KnownNetwork.user_id)
        .join(User, User.id == KnownNetwork.user_id)
        .where(User.email == email, KnownNetwork.network == cast(network, CIDR))
    )
    return bool(session().scalar(select(known.exists())))


def users(
    *,
    words: str = "",
    role: Role | None = None,
    banned: bool | None = None,
    after: str | None = None,
    size: int = PAGE_SIZE,
    counted: bool = False,
) -> Page[User]:
    """A page of people, the newest first, for administrators; Invalid for a broken cursor.

    `words` stand anywhere in the address or the name; one or two letters are where they begin.
    """
    every = select(User)
    if words:
        every = every.where(
            or_(_has(cast(User.email, Text), words), _has(User.display_name, words))
        )
    if role is not None:
        # Written out: there is an index for each role.
        every = every.where(User.roles.contains(literal_column(f"'{{{role}}}'::text[]")))
    if banned is not None:
        every = every.where(User.banned_at.is_not(None) if banned else User.banned_at.is_(None))
    query = every
    if after:
        [last] = decode_cursor(after, tuple[UUID])
        query = query.where(User.id < last)
    rows = session().scalars(query.order_by(User.id.desc()).limit(size + 1)).all()
    page = cut(rows, size, lambda user: (user.id,))
    return with_total(page, every, after) if counted else page


def _has(text: ColumnElement[str] | InstrumentedAttribute[str], words: str) -> ColumnElement[bool]:
    """What an index of trigrams can find: a part of three letters, or a beginning."""
    if len(words) < _TRIGRAM:
        return text.istartswith(words, autoescape=True)
    return text.icontains(words, autoescape=True)


@dataclass(frozen=True)
class ApiKeyView:
    """A live key as its owner sees it."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


def live_keys(user_id: UUID | None) -> list[ColumnElement[bool]]:
    """The conditions of keys that count: of this person, or of anybody who is not banned."""
    conditions: list[ColumnElement[bool]] = [
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.clock_timestamp()),
    ]
    whose = User.banned_at.is_(None) if user_id is None else ApiKey.user_id == user_id
    return [*conditions, whose]


def api_keys_of(user_id: UUID) -> list[ApiKeyView]:
    """A person's live keys, the newest first."""
    rows = session().execute(
        select(
            ApiKey.id,
            ApiKey.name,
            ApiKey.prefix,
            ApiKey.scopes,
            ApiKey.created_at,
            ApiKey.last_used_at,
            ApiKey.expires_at,
        )
        .where(*live_keys(user_id))
        .order_by(ApiKey.id.desc())
    )
    return [ApiKeyView(**row._asdict()) for row in rows]


def _live() -> ColumnElement[bool]:
    """Neither too old nor idle for too long, of the user's present epoch, and nobody banned."""
    now = func.clock_timestamp()
    return and_(
        LoginSession.epoch == User.session_epoch,
        User.banned_at.is_(None),
        LoginSession.created_at > now - LIFETIME,
        LoginSession.seen_at > now - IDLE,
    )


_COUNTS = (
    select(func.json_object_agg(UserCount.name, UserCount.count))
    .where(UserCount.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)
_VISIT = (
    select(
        LoginSession.id,
        User,
        LoginSession.seen_at < func.statement_timestamp() - SEEN_EVERY,
        _COUNTS,
    )
    .join(User, User.id == LoginSession.user_id)
    .where(LoginSession.secret_hash == bindparam("secret_hash"), _live())
    # The row as it is now: a ban or another epoch counts at once.
    .execution_options(populate_existing=True)
)


def visit(secret: str) -> Visit | None:
    """Who shows this secret of a session, if the session still counts. One query."""
    row = session().execute(_VISIT, {"secret_hash": token_hash(secret)}).one_or_none()
    if row is None:
        return None
    session_id, user, stale, counts = row
    return Visit(session_id, user, stale, counts or {})


def count_of(user_id: UUID, name: str) -> int:
    """One of the numbers beside a person, as it is now."""
    return (
        session()
        .execute(
            select(UserCount.count).where(UserCount.user_id == user_id, UserCount.name == name)
        )
        .scalar()
        or 0
    )


def live_session(session_id: UUID) -> tuple[User, datetime] | None:
    """Whose session this is and when it ends unless it is used, if it still counts; one query.

    For connections that outlive a request.
    """
    row = (
        session()
        .execute(
            select(
                User,
                func.least(LoginSession.created_at + LIFETIME, LoginSession.seen_at + IDLE),
            )
            .join(LoginSession, User.id == LoginSession.user_id)
            .where(LoginSession.id == session_id, _live())
            .execution_options(populate_existing=True)
        )
        .one_or_none()
    )
    return (row[0], row[1]) if row else None


class LiveLogin(NamedTuple):
    """A session that still counts, with what others need to know of its owner."""

    session_id: UUID
    user_id: UUID
    display_name: str
    locale: str
    roles: list[str]
    session_epoch: int
    expires_at: datetime


_LIVE_SESSIONS = (
    select(
        LoginSession.id,
        User.id,
        User.display_name,
        User.locale,
        User.roles,
        User.session_epoch,
        func.least(LoginSession.created_at + LIFETIME, LoginSession.seen_at + IDLE),
    )
    .join(User, User.id == LoginSession.user_id)
    .where(LoginSession.id == any_(bindparam("ids", type_=ARRAY(Uuid))), _live())
)


def live_sessions_by_id(connection: Connection, ids: Collection[UUID]) -> list[LiveLogin]:
    """Those of many sessions that still count; one query on a connection that commits by itself."""
    return [LiveLogin(*row) for row in connection.execute(_LIVE_SESSIONS, {"ids": list(ids)})]


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
