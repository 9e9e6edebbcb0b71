"""The numbers that stand beside a person on every page."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from app.auth.models import UserCount
from app.kit.db import session, transactional


@transactional
def add(*, user_id: UUID, name: str, number: int = 1) -> None:
    """Count so many more, within the transaction that changes what is counted."""
    made = insert(UserCount).values(user_id=user_id, name=name, count=number)
    session().execute(
        made.on_conflict_do_update(
            index_elements=[UserCount.user_id, UserCount.name],
            set_={"count": UserCount.count + number},
        )
    )


@transactional
def take(*, user_id: UUID, name: str, number: int = 1) -> None:
    """Count so many fewer."""
    session().execute(
        update(UserCount)
        .where(UserCount.user_id == user_id, UserCount.name == name)
        .values(count=UserCount.count - number)
        .execution_options(synchronize_session=False)
    )
