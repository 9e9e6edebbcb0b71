"""What happens to people."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class UserRegistered:
    """Somebody made an account; the address is not confirmed yet."""

    user_id: UUID


@dataclass(frozen=True)
class ConfirmationRequested:
    """A user asked for the confirmation mail again."""

    user_id: UUID


@dataclass(frozen=True)
class KnownAddressRegistered:
    """Somebody tried to register with an address that has an account: its owner is told by mail."""

    user_id: UUID


@dataclass(frozen=True)
class PasswordResetRequested:
    """Somebody asked for a new password for this account."""

    user_id: UUID


@dataclass(frozen=True)
class PasswordChanged:
    """The password was changed or reset; every session has ended."""

    user_id: UUID
