"""How a person wants each kind by mail, and the way out of a mail that needs no login."""

import hmac
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.kit.crypto import derived_token
from app.kit.db import session, transactional
from app.notifications.errors import BadUnsubscribeLink, NoChoice
from app.notifications.kinds import KINDS
from app.notifications.models import MailMode, NotificationKind, NotificationPreference
from app.notifications.queries import modes_of

DIGEST = "daily"  # in the place of a kind: all that come once a day


@transactional
def choose(*, user_id: UUID, modes: Mapping[NotificationKind, MailMode]) -> None:
    """Keep how a person wants these kinds by mail. Raises NoChoice for one that is not chosen."""
    if any(KINDS[kind].mail is None for kind in modes):
        raise NoChoice
    if not modes:
        return
    wanted = insert(NotificationPreference).values(
        [{"user_id": user_id, "kind": kind, "mode": mode} for kind, mode in sorted(modes.items())]
    )
    session().execute(
        wanted.on_conflict_do_update(
            index_elements=[NotificationPreference.user_id, NotificationPreference.kind],
            set_={"mode": wanted.excluded.mode},
        )
    )


def token_for(user_id: UUID, subject: NotificationKind | str) -> str:
    """The word by which a mail's link is known to be ours: whose, and from what it is the way out.

    The same in each mail, and good for as long as the shop's key: mails are read years later.
    """
    return f"{user_id.hex}.{subject}.{_signature(user_id, subject)}"


def _signature(user_id: UUID, subject: str) -> str:
    return derived_token(f"unsubscribe:{subject}", user_id)


def read_token(token: str) -> tuple[UUID, NotificationKind | None]:
    """Whose mails of which kind a link ends, None for the daily mail; BadUnsubscribeLink."""
    ident, _dot, rest = token.partition(".")
    subject, _dot, signature = rest.partition(".")
    try:
        user_id = UUID(ident)
        kind = None if subject == DIGEST else NotificationKind(subject)
    except ValueError as error:
        raise BadUnsubscribeLink from error
    if not hmac.compare_digest(signature.encode(), _signature(user_id, subject).encode()):
        raise BadUnsubscribeLink
    return user_id, kind


@transactional
def unsubscribe(*, token: str) -> None:
    """Send no more mails of what the link is about; again without effect. BadUnsubscribeLink."""
    user_id, kind = read_token(token)
    kinds = [kind]
    if kind is None:
        kinds = [one for one, mode in modes_of(user_id).items() if mode is MailMode.DAILY]
    choose(user_id=user_id, modes={one: MailMode.NEVER for one in kinds if one is not None})
