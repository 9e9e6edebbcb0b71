"""API keys: a program's own, made and ended by the person it acts for."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, or_, select, update

from app.auth import queries
from app.auth.errors import NoSuchApiKey, NoSuchUser, TooManyApiKeys
from app.auth.models import ApiKey, User
from app.auth.scopes import scopes_for
from app.auth.service.details import clean_name
from app.auth.service.sessions import announce_end
from app.kit.crypto import new_token, token_hash
from app.kit.db import db_now, end_read, lock, session, transactional
from app.kit.errors import Invalid
from app.kit.ids import new_id

MARK = "bsk_"
PREFIX_LENGTH = 8
MAX_KEYS = 20
_NOTED_EVERY = timedelta(minutes=1)


@transactional
def create_api_key(
    *, user_id: UUID, name: str, scopes: Sequence[str], expires_in_days: int | None = None
) -> tuple[UUID, str]:
    """Make a key; its id, and the key itself, which is never shown again.

    Raises Invalid for a name or a scope that can't be, TooManyApiKeys.
    """
    name = clean_name(name, "name")
    user = lock(User, user_id)
    if user is None:
        raise NoSuchUser
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= {scope.value for scope in scopes_for(user)}:
        message = _("Choose at least one permission that your account has.")
        raise Invalid("bad_scope", message, errors={"scopes": message})
    if (
        len(session().scalars(select(ApiKey.id).where(*queries.live_keys(user_id))).all())
        >= MAX_KEYS
    ):
        raise TooManyApiKeys(MAX_KEYS)
    secret = new_token()
    key = f"{MARK}{secret}"
    row = ApiKey(
        id=new_id(),
        user_id=user_id,
        name=name,
        prefix=key[: len(MARK) + PREFIX_LENGTH],
        secret_hash=token_hash(key),
        scopes=wanted,
        expires_at=db_now() + timedelta(days=expires_in_days) if expires_in_days else None,
    )
    session().add(row)
    return row.id, key


@transactional
def revoke_api_key(*, user_id: UUID, key_id: UUID) -> None:
    """End one of a person's own keys; NoSuchApiKey if it is not theirs or has ended."""
    ended = session().execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, *queries.live_keys(user_id))
        .values(revoked_at=func.clock_timestamp())
        .returning(ApiKey.id)
        .execution_options(synchronize_session=False)
    )
    if ended.scalar_one_or_none() is None:
        raise NoSuchApiKey
    announce_end(user_id)


def use(key: str) -> tuple[ApiKey, User] | None:
    """The live key and its owner, noted as used; None for one that counts for nothing."""
    row = (
        session()
        .execute(
            select(ApiKey, User, _is_stale())
            .join(User, User.id == ApiKey.user_id)
            .where(ApiKey.secret_hash == token_hash(key), *queries.live_keys(None))
            .execution_options(populate_existing=True)
        )
        .one_or_none()
    )
    if row is None:
        return None
    found: ApiKey = row[0]
    owner: User = row[1]
    if row[2]:
        end_read()
        _note_use(key_id=found.id)
    return found, owner


def _is_stale() -> ColumnElement[bool]:
    """Whether the last use was so long ago that this one is written down."""
    then = func.clock_timestamp() - _NOTED_EVERY
    return or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < then)


@transactional
def _note_use(*, key_id: UUID) -> None:
    session().execute(
        update(ApiKey)
        .where(ApiKey.id == key_id)
        .values(last_used_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
