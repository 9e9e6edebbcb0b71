"""What people are called: nobody like the shop, no two sellers alike."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app.auth import names
from app.auth.errors import NameReserved, NameTaken
from app.auth.models import FormerName, Role, User
from app.auth.service.details import clean_name
from app.kit.db import session, violated

_OWN = {"uq_users_name_letters", "uq_users_name_looks"}


def clean_free_name(name: str) -> str:
    """A name as it is kept; Invalid for what is none, NameReserved for one that is the shop's."""
    name = clean_name(name)
    if names.is_reserved(name):
        raise NameReserved
    return name


def rename(user: User, name: str) -> None:
    """Give a locked user another name, in the caller's transaction.

    Raises Invalid, NameReserved, and NameTaken where a seller would be called like another one.
    Who speaks for the shop may be called so.
    """
    kept = name == user.display_name or user.is_staff
    user.display_name = clean_name(name) if kept else clean_free_name(name)
    if user.name_looks is not None or Role.SELLER in user.roles:
        own_name(user)


def own_name(user: User) -> None:
    """Have no seller but this locked user called like this from now on; NameTaken.

    The name stays theirs when they sell no more: nobody takes a removed seller's place.
    """
    before, user.name_letters = user.name_letters, names.letters(user.display_name)
    user.name_looks = names.looks(user.display_name)
    try:
        session().flush()  # so that it shows here who was first
    except IntegrityError as error:
        if violated(error) in _OWN:
            raise NameTaken from error
        raise
    if before is not None and before != user.name_letters:
        former = insert(FormerName).values(letters=before, user_id=user.id)
        session().execute(
            former.on_conflict_do_update(index_elements=["letters"], set_={"user_id": user.id})
        )
