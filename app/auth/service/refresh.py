"""Logins of programs: refresh tokens, each spent once, in families (RFC 9700, section 4.14)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, select

from app.auth.errors import BadToken
from app.auth.events import RefreshTokenReused
from app.auth.models import RefreshToken, TokenFamily, User
from app.auth.scopes import scopes_for
from app.auth.service import bearer, sessions
from app.kit.crypto import new_token, token_hash
from app.kit.db import db_now, lock, session, transactional
from app.kit.errors import Invalid
from app.kit.ids import ids_from, new_id
from app.kit.outbox import emit

LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class TokenPair:
    """An access token for `expires_in` seconds, and the refresh token for the next one."""

    access_token: str
    refresh_token: str
    expires_in: int
    scope: str


def log_in_for_tokens(
    *, email: str, password: str, address: str, agent: str = "", scope: str | None = None
) -> TokenPair:
    """Prove who somebody is by their password; `scope` is all they may do, where left out.

    Raises what `log_in` raises, under the same limits, and Invalid for a scope they can't have.
    """
    proved = sessions.prove_person(email=email, password=password, address=address)
    return _begin(proved, scope, address=address, agent=agent)


@transactional
def _begin(proved: sessions.Proved, scope: str | None, *, address: str, agent: str) -> TokenPair:
    user = sessions.locked_as_proved(proved)
    sessions.note_network(user, address)
    family = TokenFamily(
        id=new_id(),
        user_id=user.id,
        epoch=user.session_epoch,
        scope=" ".join(_wanted(user, scope)),
        address=address or None,
        agent=agent[: sessions.AGENT_LENGTH].replace("\x00", ""),
    )
    session().add(family)
    session().flush()  # the token points at it by a plain foreign key
    return _pair(user, family)


def _wanted(user: User, scope: str | None) -> list[str]:
    may = [one.value for one in scopes_for(user)]
    if scope is None:
        return may
    asked = sorted(set(scope.split()))
    beyond = [one for one in asked if one not in may]
    if beyond:
        message = _(
            "Your account doesn't have these permissions: %(scopes)s.", scopes=", ".join(beyond)
        )
        raise Invalid("bad_scope", message, errors={"scope": message})
    return asked


def _pair(user: User, family: TokenFamily) -> TokenPair:
    secret = new_token()
    session().add(
        RefreshToken(
            secret_hash=token_hash(secret),
            family_id=family.id,
            expires_at=db_now() + LIFETIME,
        )
    )
    return TokenPair(
        access_token=bearer.issue(user, family.scope.split()),
        refresh_token=secret,
        expires_in=int(bearer.LIFETIME.total_seconds()),
        scope=family.scope,
    )


def refresh(*, refresh_token: str) -> TokenPair:
    """Spend a refresh token for the next pair.

    BadToken for one that is unknown, too old, or of a login that has ended; one that was spent
    before ends its whole family, and the person is warned: somebody else has it too.
    """
    pair = _spend(refresh_token=refresh_token)
    if pair is None:
        raise BadToken
    return pair


@transactional
def _spend(*, refresh_token: str) -> TokenPair | None:
    found = _family_of(refresh_token)
    if found is None:
        return None
    family, token = found
    user = lock(User, family.user_id)
    if (
        user is None
        or family.ended_at is not None
        or user.banned_at is not None
        or user.session_epoch != family.epoch
    ):
        return None
    if token.spent_at is not None:
        family.ended_at = db_now()
        emit(RefreshTokenReused(user.id))
        return None
    now = db_now()
    if token.expires_at <= now:
        return None
    token.spent_at = now
    return _pair(user, family)


def _family_of(refresh_token: str) -> tuple[TokenFamily, RefreshToken] | None:
    """The family, locked, and the token of it, as they are now."""
    hashed = token_hash(refresh_token)
    family = (
        session()
        .scalars(
            select(TokenFamily)
            .join(RefreshToken, RefreshToken.family_id == TokenFamily.id)
            .where(RefreshToken.secret_hash == hashed)
            .with_for_update(of=TokenFamily)
            .execution_options(populate_existing=True)
        )
        .one_or_none()
    )
    token = session().get(RefreshToken, hashed, populate_existing=True)
    return (family, token) if family is not None and token is not None else None


@transactional
def revoke(*, refresh_token: str) -> None:
    """End the family of a token; nothing happens for one that is unknown (RFC 7009)."""
    found = _family_of(refresh_token)
    if found is not None and found[0].ended_at is None:
        found[0].ended_at = db_now()


def is_over(before: datetime) -> ColumnElement[bool]:
    """Whether no token of a family was good any more by then."""
    live = select(RefreshToken.family_id).where(
        RefreshToken.family_id == TokenFamily.id, RefreshToken.expires_at > before
    )
    # A younger family's first token is good: by the key, whose order is that of time.
    return and_(TokenFamily.id < ids_from(before - LIFETIME), ~live.exists())
