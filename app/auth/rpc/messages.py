"""Between the messages of the wire and the gate's own types, both ways."""

from datetime import UTC, datetime
from uuid import UUID

from app.auth.gate import Person, Proof
from app.auth.models import Role
from app.auth.policy import Permission
from app.auth.rpc.generated import auth_pb2 as pb
from app.kit.errors import Invalid

ROLES = {
    Role.SELLER: pb.ROLE_SELLER,
    Role.MODERATOR: pb.ROLE_MODERATOR,
    Role.ADMIN: pb.ROLE_ADMIN,
}
PERMISSIONS = {
    Permission.BUY: pb.PERMISSION_BUY,
    Permission.SELL: pb.PERMISSION_SELL,
    Permission.MODERATE: pb.PERMISSION_MODERATE,
    Permission.ADMINISTER: pb.PERMISSION_ADMINISTER,
}
_ROLE_OF: dict[int, Role] = {number: role for role, number in ROLES.items()}
_PERMISSION_OF: dict[int, Permission] = {
    number: permission for permission, number in PERMISSIONS.items()
}


class Unreadable(Invalid):
    """A field does not hold what it is for."""

    def __init__(self, field: str) -> None:
        super().__init__("unreadable", f"{field} can't be read.")


def read_id(text: str, field: str) -> UUID:
    """The UUID of a field; Unreadable."""
    try:
        return UUID(text)
    except ValueError:
        raise Unreadable(field) from None


def read_role(number: int) -> Role:
    """The role of a number; Unreadable."""
    try:
        return _ROLE_OF[number]
    except KeyError:
        raise Unreadable("role") from None


def read_permission(number: int) -> Permission:
    """The permission of a number; Unreadable."""
    try:
        return _PERMISSION_OF[number]
    except KeyError:
        raise Unreadable("permission") from None


def write_user(person: Person) -> pb.User:
    """A person for the wire."""
    return pb.User(
        id=str(person.id),
        display_name=person.display_name,
        locale=person.locale,
        roles=[ROLES[role] for role in person.roles],
        banned=person.banned,
        session_epoch=person.session_epoch,
    )


def read_user(user: pb.User) -> Person:
    """A person from the wire; roles that this version does not know are left out."""
    return Person(
        id=UUID(user.id),
        display_name=user.display_name,
        locale=user.locale,
        roles=frozenset(_ROLE_OF[role] for role in user.roles if role in _ROLE_OF),
        banned=user.banned,
        session_epoch=user.session_epoch,
    )


def write_proof(proof: Proof | None) -> pb.ValidateTokenResponse:
    """The judgement of a credential for the wire; None is one that is no good."""
    if proof is None:
        return pb.ValidateTokenResponse(valid=False)
    answer = pb.ValidateTokenResponse(
        valid=True, user=write_user(proof.person), scopes=sorted(proof.scopes)
    )
    if proof.expires_at is not None:
        answer.expires_at.FromDatetime(proof.expires_at.astimezone(UTC))
    return answer


def read_proof(answer: pb.ValidateTokenResponse) -> Proof | None:
    """The judgement of a credential from the wire."""
    if not answer.valid:
        return None
    expires_at: datetime | None = None
    if answer.HasField("expires_at"):
        expires_at = answer.expires_at.ToDatetime(UTC)
    return Proof(read_user(answer.user), frozenset(answer.scopes), expires_at)
