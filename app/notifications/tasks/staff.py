"""Who of the shop's staff is told of what waits for them."""

from uuid import UUID

from app.auth import queries as people
from app.auth.models import Role

MOST_TOLD = 100  # of each role; a shop with more has somebody who reads the list


def staff_ids() -> set[UUID]:
    """Moderators and administrators who are not banned."""
    return {
        user.id
        for role in (Role.MODERATOR, Role.ADMIN)
        for user in people.users(role=role, banned=False, size=MOST_TOLD).items
    }
