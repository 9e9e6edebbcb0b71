"""Let no two sellers have names that look alike: the later ones get a number behind theirs."""

import logging
from collections.abc import Iterator
from itertools import count

import sqlalchemy as sa
from alembic import op

# What is kept must be what the shop compares with, so no copy of it as it is today.
from app.auth import names

revision = "20261126_0707_own_names"
down_revision = "20261126_0705_mismatched"
branch_labels = None
depends_on = None
log = logging.getLogger("alembic.runtime.migration")
_LENGTH = 60


def upgrade() -> None:
    """Add what is compared, name those apart that can't be told apart, and see to it for ever."""
    op.add_column("users", sa.Column("name_letters", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("name_looks", sa.Text(), nullable=True))
    _tell_apart(op.get_bind())
    op.create_unique_constraint(op.f("uq_users_name_letters"), "users", ["name_letters"])
    op.create_unique_constraint(op.f("uq_users_name_looks"), "users", ["name_looks"])
    op.create_check_constraint(
        op.f("ck_users_seller_has_own_name"),
        "users",
        "NOT ('seller' = ANY (roles)) OR (name_letters IS NOT NULL AND name_looks IS NOT NULL)",
    )


def _tell_apart(connection: sa.Connection) -> None:
    sellers = connection.execute(
        sa.text("SELECT id, display_name FROM users WHERE 'seller' = ANY (roles) ORDER BY id")
    ).all()
    letters: set[str] = set()
    looks: set[str] = set()
    for user_id, name in sellers:
        free = next(
            each
            for each in _numbered(name)
            if names.letters(each) not in letters and names.looks(each) not in looks
        )
        letters.add(names.letters(free))
        looks.add(names.looks(free))
        connection.execute(
            sa.text(
                "UPDATE users SET display_name = :name, name_letters = :letters,"
                " name_looks = :looks WHERE id = :id"
            ),
            {
                "id": user_id,
                "name": free,
                "letters": names.letters(free),
                "looks": names.looks(free),
            },
        )
        if free != name:
            log.warning("seller %s had the name of another one, and is now %r", user_id, free)
        if names.is_reserved(free):
            log.warning("seller %s has a name that is reserved for the shop: %r", user_id, free)


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        end = f" {number}"
        yield name[: _LENGTH - len(end)] + end


def downgrade() -> None:
    """Compare no more; the numbers stay."""
    op.drop_constraint(op.f("ck_users_seller_has_own_name"), "users", type_="check")
    op.drop_constraint(op.f("uq_users_name_looks"), "users", type_="unique")
    op.drop_constraint(op.f("uq_users_name_letters"), "users", type_="unique")
    op.drop_column("users", "name_looks")
    op.drop_column("users", "name_letters")
