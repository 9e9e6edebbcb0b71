"""What happens to people."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class UserRegistered:
    """Somebody made an account; the address is not confirmed yet."""

    user_id: UUID


@dataclass(frozen=True)
class ConfirmationRequested:
    """Somebody asked for the confirmation mail again.

    None where no account waits for it: announced all the same, so that the clock does not tell.
    """

    user_id: UUID | None


@dataclass(frozen=True)
class KnownAddressRegistered:
    """Someone registered with the address of an account: its owner is notified by email."""

    user_id: UUID


@dataclass(frozen=True)
class PasswordResetRequested:
    """Somebody asked for a new password for this account.

    None where no account has the address: announced all the same, so that the clock does not tell.
    """

    user_id: UUID | None


@dataclass(frozen=True)
class PasswordChanged:
    """The password was changed or reset; every session has ended."""

    user_id: UUID


@dataclass(frozen=True)
class PayoutAddressChanged:
    """A seller's PayPal address is another one; the previous one is notified too."""

    user_id: UUID
    old_paypal_email: str


@dataclass(frozen=True)
class RefreshTokenReused:
    """A refresh token was used twice: its login has ended, since somebody else has it too."""

    user_id: UUID


@dataclass(frozen=True)
class AccountClosed:
    """An administrator, or another service, banned somebody. `epoch` is their new one."""

    user_id: UUID
    epoch: int


@dataclass(frozen=True)
class AccountReopened:
    """Somebody is banned no more. `epoch` is their new one."""

    user_id: UUID
    epoch: int


@dataclass(frozen=True)
class RoleTaken:
    """An administrator, or another service, took a role away."""

    user_id: UUID
    role: str
