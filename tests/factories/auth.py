"""People."""

from collections.abc import Collection
from functools import cache
from itertools import count
from uuid import uuid4

from app.auth import names, passwords
from app.auth.models import User
from app.kit.db import db_now, session
from app.kit.ids import new_id

PASSWORD = "correct-horse-battery"
_numbers = count(1)
_hash = cache(passwords.hash_password)


def make_user(
    email: str | None = None,
    password: str = PASSWORD,
    roles: Collection[str] = (),
    *,
    confirmed: bool = True,
    **columns: object,
) -> User:
    """A person who can log in with `password`; each password is hashed once a run."""
    number = next(_numbers)
    # The mail catcher is shared by all workers of a run.
    email = email or f"person{number}-{uuid4().hex[:8]}@example.com"
    columns.setdefault("display_name", f"Person {number}")
    if "seller" in roles:
        columns.setdefault("paypal_email", f"paypal-{email}")
        name = str(columns["display_name"])
        columns |= {"name_letters": names.letters(name), "name_looks": names.looks(name)}
    user = User(
        id=new_id(),
        email=email,
        password_hash=_hash(password),
        roles=sorted(roles),
        confirmed_at=db_now() if confirmed else None,
        **columns,
    )
    session().add(user)
    session().commit()
    return user
