"""Idempotency-Key: a POST that is sent again gets the answer of the first, and does nothing.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/. Answers are kept for a
day, sealed, since they may hold what was bought. A refused request is not kept: once mended it may
come again under its key. A request whose process died can be sent again after a minute: what it
had done by then stays done, so what must not happen twice keeps the key in its own transaction.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask import Response, request
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import (
    ColumnElement,
    DateTime,
    LargeBinary,
    Text,
    UniqueConstraint,
    and_,
    delete,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.crypto import Sealed, vault
from app.kit.db import Model, session, transactional
from app.kit.errors import Conflict, Invalid
from app.kit.ids import new_id

HEADER = "Idempotency-Key"
KEPT = timedelta(days=1)
ABANDONED = timedelta(minutes=1)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_PURPOSE = "answer"
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Cache-Control")


class StoredAnswer(Model):
    """A request under a key, and its answer once there is one."""

    __tablename__ = "stored_answer"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    owner_id: Mapped[UUID]
    key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    begun_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp(), index=True
    )
    status: Mapped[int | None]
    headers: Mapped[dict[str, str] | None] = mapped_column(JSONB)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_version: Mapped[int | None]
    __table_args__ = (UniqueConstraint("owner_id", "key"),)


@dataclass(frozen=True)
class _Claim:
    """The right to answer a request, or the answer that it had."""

    id: UUID
    stored: Response | None = None


def once(answer: Callable[[], Response]) -> Response:
    """The answer to this request, found again if it came before.

    Raises Invalid for a key that can't be one, or came before with another request, and Conflict
    while the first is still being answered.
    """
    key = request.headers.get(HEADER)
    if request.method != "POST" or key is None or not current_user.is_authenticated:
        return answer()
    if not _KEY.fullmatch(key):
        raise Invalid(
            "bad_idempotency_key", _("An Idempotency-Key has 1 to 255 visible characters.")
        )
    claim = _claim(owner_id=current_user.id, key=key, fingerprint=_fingerprint())
    if claim.stored is not None:
        return claim.stored
    try:
        response = answer()
    except BaseException:
        _forget(claim_id=claim.id)
        raise
    _store(
        claim_id=claim.id,
        status=response.status_code,
        headers={
            name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers
        },
        body=response.get_data(as_text=True),
    )
    return response


def _fingerprint() -> bytes:
    request_line = json.dumps([request.path, request.query_string.decode("latin-1")])
    return hashlib.sha256(request_line.encode() + request.get_data()).digest()


@transactional
def _claim(*, owner_id: UUID, key: str, fingerprint: bytes) -> _Claim:
    now = func.clock_timestamp()
    # A key is free again once its time is over, or where its process died before it answered.
    session().execute(
        delete(StoredAnswer)
        .where(
            StoredAnswer.owner_id == owner_id,
            StoredAnswer.key == key,
            or_(
                StoredAnswer.begun_at < now - KEPT,
                and_(StoredAnswer.status.is_(None), StoredAnswer.begun_at < now - ABANDONED),
            ),
        )
        .execution_options(synchronize_session=False)
    )
    claim_id = new_id()
    claimed = session().scalar(
        insert(StoredAnswer)
        .values(id=claim_id, owner_id=owner_id, key=key, fingerprint=fingerprint)
        .on_conflict_do_nothing()
        .returning(StoredAnswer.id)
    )
    if claimed is not None:
        return _Claim(claim_id)
    found = (
        session()
        .scalars(
            select(StoredAnswer).where(StoredAnswer.owner_id == owner_id, StoredAnswer.key == key)
        )
        .one_or_none()
    )
    if found is not None and found.fingerprint != fingerprint:
        raise Invalid(
            "idempotency_key_reused",
            _("This Idempotency-Key was already used with a different request."),
        )
    if found is None or found.status is None:
        raise Conflict(
            "in_progress",
            _("The first request with this key is still being processed."),
            retry_after=1,
        )
    return _Claim(found.id, _open(found))


def _open(found: StoredAnswer) -> Response:
    body = ""
    if found.sealed is not None and found.key_version is not None:
        sealed = Sealed(found.sealed, found.key_version)
        body = vault().open_secret(sealed, purpose=_PURPOSE, ident=found.id)
    response = Response(body, status=found.status, headers=found.headers or {})
    response.headers["Idempotent-Replayed"] = "true"
    return response


@transactional
def _store(*, claim_id: UUID, status: int, headers: dict[str, str], body: str) -> None:
    found = session().get(StoredAnswer, claim_id)
    if found is None:
        return  # it took so long that another request took the key over
    sealed = vault().seal_secret(body, purpose=_PURPOSE, ident=claim_id)
    found.status, found.headers = status, headers
    found.sealed, found.key_version = sealed.data, sealed.key_version


@transactional
def _forget(*, claim_id: UUID) -> None:
    session().execute(
        delete(StoredAnswer)
        .where(StoredAnswer.id == claim_id)
        .execution_options(synchronize_session=False)
    )


def is_over(now: datetime) -> ColumnElement[bool]:
    """Whether the day of an answer is over."""
    return StoredAnswer.begun_at < now - KEPT
