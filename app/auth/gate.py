"""The one door through which other roles ask who somebody is and what they may do.

`gate()` answers from this process's own database, or over gRPC where AUTH_GRPC_URL is set; both
behave alike. Either way nothing of a transaction may be open: the answer may come from elsewhere.
"""

import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast
from uuid import UUID

from flask import current_app

from app.auth import policy, queries
from app.auth.errors import NoSuchUser
from app.auth.models import Role, User
from app.auth.policy import Permission
from app.auth.revocations import close_hub, hub
from app.auth.scopes import scopes_for
from app.auth.service import bearer, moderation
from app.kit.db import end_read
from app.kit.errors import Invalid, Unauthenticated
from app.settings import Settings

MAX_USERS = 100  # asked about at once
HEARTBEAT_SECONDS = 2.0
_KEY = "gate"
_creation = threading.Lock()


@dataclass(frozen=True)
class Person:
    """What others than the auth service need to know of somebody."""

    id: UUID
    display_name: str
    locale: str
    roles: frozenset[Role]
    banned: bool
    session_epoch: int


@dataclass(frozen=True)
class Proof:
    """A credential that is good now: whose it is, what it is good for, when it ends by itself."""

    person: Person
    scopes: frozenset[str]
    expires_at: datetime | None


@dataclass(frozen=True)
class Revocation:
    """Some of a person's credentials have ended: ask anew."""

    user_id: UUID
    session_epoch: int


class TooManyUsers(Invalid):
    """More people were asked about at once than are answered."""

    def __init__(self) -> None:
        super().__init__(
            "too_many_users",
            f"At most {MAX_USERS} people can be asked about at once.",
        )


class Gate(Protocol):
    """Who somebody is, and what they may do. Every call raises Unavailable if nobody answers."""

    def validate_token(self, token: str, *, fresh: bool = False) -> Proof | None:
        """Whose access token or API key this is; None if it is no good. `fresh`: ask anew."""
        ...

    def validate_session(self, session_id: UUID, *, fresh: bool = False) -> Proof | None:
        """Whose login this is; None if it has ended. `fresh`: ask anew."""
        ...

    def get_user(self, user_id: UUID) -> Person:
        """One person; NoSuchUser."""
        ...

    def get_users(self, user_ids: Collection[UUID]) -> dict[UUID, Person]:
        """Those of up to 100 people that there are; TooManyUsers."""
        ...

    def check_permission(self, user_id: UUID, permission: Permission) -> bool:
        """Whether a person may do something; NoSuchUser."""
        ...

    def ban_user(self, user_id: UUID) -> Person:
        """Close an account; NoSuchUser."""
        ...

    def unban_user(self, user_id: UUID) -> Person:
        """Open a closed account; NoSuchUser."""
        ...

    def grant_role(self, user_id: UUID, role: Role) -> Person:
        """Give a role; NoSuchUser."""
        ...

    def revoke_role(self, user_id: UUID, role: Role) -> Person:
        """Take a role; NoSuchUser."""
        ...

    def watch_revocations(self) -> Iterator[Revocation | None]:
        """Whose credentials have ended, from the first None on; None too after each silence.

        Raises Unavailable once something may have been missed, TooMany for one who reads too
        slowly, or for too many who watch.
        """
        ...

    def close(self) -> None:
        """Let go of what is held open; watchers end."""
        ...


class LocalGate:
    """Answers from this process's own database."""

    def validate_token(self, token: str, *, fresh: bool = False) -> Proof | None:
        """See Gate; the answer is always fresh."""
        del fresh
        try:
            caller = bearer.verify(token)
        except Unauthenticated:
            return None
        finally:
            end_read()
        return Proof(_person(caller.user), caller.scopes, caller.expires_at)

    def validate_session(self, session_id: UUID, *, fresh: bool = False) -> Proof | None:
        """See Gate; the answer is always fresh."""
        del fresh
        found = queries.live_session(session_id)
        end_read()
        if found is None:
            return None
        user, expires_at = found
        return Proof(_person(user), all_scopes(user), expires_at)

    def get_user(self, user_id: UUID) -> Person:
        """See Gate."""
        return _person(_known(user_id))

    def get_users(self, user_ids: Collection[UUID]) -> dict[UUID, Person]:
        """See Gate."""
        if len(user_ids) > MAX_USERS:
            raise TooManyUsers
        found = queries.users_by_id(user_ids)
        end_read()
        return {user_id: _person(user) for user_id, user in found.items()}

    def check_permission(self, user_id: UUID, permission: Permission) -> bool:
        """See Gate."""
        return policy.may(_known(user_id), permission)

    def ban_user(self, user_id: UUID) -> Person:
        """See Gate."""
        moderation.ban_user(user_id=user_id)
        return self.get_user(user_id)

    def unban_user(self, user_id: UUID) -> Person:
        """See Gate."""
        moderation.unban_user(user_id=user_id)
        return self.get_user(user_id)

    def grant_role(self, user_id: UUID, role: Role) -> Person:
        """See Gate."""
        moderation.grant_role(user_id=user_id, role=role)
        return self.get_user(user_id)

    def revoke_role(self, user_id: UUID, role: Role) -> Person:
        """See Gate."""
        moderation.revoke_role(user_id=user_id, role=role)
        return self.get_user(user_id)

    def watch_revocations(self) -> Iterator[Revocation | None]:
        """See Gate."""
        with hub().watch() as watcher:
            yield None
            while True:
                user_id = watcher.next(HEARTBEAT_SECONDS)
                user = queries.get_user(user_id, fresh=True) if user_id else None
                end_read()
                yield Revocation(user.id, user.session_epoch) if user else None

    def close(self) -> None:
        """See Gate."""
        close_hub()


def all_scopes(user: User) -> frozenset[str]:
    """What a browser's login is good for: all that its owner may do."""
    return frozenset(scope.value for scope in scopes_for(user))


def _known(user_id: UUID) -> User:
    user = queries.get_user(user_id, fresh=True)
    end_read()
    if user is None:
        raise NoSuchUser
    return user


def _person(user: User) -> Person:
    return Person(
        id=user.id,
        display_name=user.display_name,
        locale=user.locale,
        roles=frozenset(Role(role) for role in user.roles),
        banned=not user.is_active,
        session_epoch=user.session_epoch,
    )


def gate() -> Gate:
    """This application's door, over gRPC where AUTH_GRPC_URL is set; opens when first asked."""
    extensions = current_app.extensions
    with _creation:
        if _KEY not in extensions:
            extensions[_KEY] = _choose(extensions["settings"])
        return cast(Gate, extensions[_KEY])


def close_gate() -> None:
    """Let go of what the door holds open; the next question opens another."""
    with _creation:
        door: Gate | None = current_app.extensions.pop(_KEY, None)
    if door is not None:
        door.close()


def _choose(settings: Settings) -> Gate:
    if settings.auth_grpc_url is None:
        return LocalGate()
    # grpcio takes 20 MB and threads of its own: only roles that use it load it.
    from app.auth.rpc.client import GrpcGate  # noqa: PLC0415

    return GrpcGate.from_settings(settings)
