"""Single-use secrets that are mailed to people. The database keeps their hashes."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert

from app.auth.errors import DeadLink
from app.auth.models import MailPurpose, MailToken
from app.kit.crypto import derived_token, token_hash
from app.kit.db import db_now, session, transactional

LIFETIME = {MailPurpose.CONFIRM: timedelta(hours=24), MailPurpose.RESET: timedelta(minutes=30)}


@transactional
def issue_mail_token(*, user_id: UUID, purpose: MailPurpose, mail_id: UUID) -> str:
    """The secret for the link of a mail to this person; the same for one mail, however often asked.

    Its lifetime begins anew each time, unless it was used: a mail may wait for days. Those of other
    mails stay good until one is used.
    """
    secret = derived_token(f"mail-link:{purpose}:{user_id}", mail_id)
    expires_at = db_now() + LIFETIME[purpose]
    session().execute(
        insert(MailToken)
        .values(
            secret_hash=token_hash(secret),
            user_id=user_id,
            purpose=purpose,
            expires_at=expires_at,
        )
        .on_conflict_do_update(
            index_elements=[MailToken.secret_hash],
            set_={"expires_at": expires_at},
            where=MailToken.used_at.is_(None),
        )
    )
    return secret


def spend(secret: str, purpose: MailPurpose) -> UUID:
    """Use a secret up in the caller's transaction, and all others of its purpose with it.

    Returns whose it was. Of any number of simultaneous callers one succeeds, the others get
    DeadLink, as for an unknown or too old secret.
    """
    spent = session().execute(
        update(MailToken)
        .where(
            MailToken.secret_hash == token_hash(secret),
            MailToken.purpose == purpose,
            MailToken.used_at.is_(None),
            MailToken.expires_at > func.clock_timestamp(),
        )
        .values(used_at=func.clock_timestamp())
        .returning(MailToken.user_id)
        .execution_options(synchronize_session=False)
    )
    user_id = spent.scalar_one_or_none()
    if user_id is None:
        raise DeadLink
    void(user_id, purpose)
    return user_id


def void(user_id: UUID, *purposes: MailPurpose) -> None:
    """Make a person's open links of these purposes useless, in the caller's transaction."""
    session().execute(
        delete(MailToken)
        .where(
            MailToken.user_id == user_id,
            MailToken.purpose.in_(purposes),
            MailToken.used_at.is_(None),
        )
        .execution_options(synchronize_session=False)
    )
