"""Accounts: register, confirm the address, profile, and those that operators make."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app.auth import names, passwords, queries
from app.auth.errors import DeadLink, NameTaken, NoSuchUser
from app.auth.events import ConfirmationRequested, KnownAddressRegistered, UserRegistered
from app.auth.models import MailPurpose, Role, User
from app.auth.service import limits, mail_links
from app.auth.service.details import (
    Faults,
    check_new_password,
    clean_email,
    clean_locale,
    clean_name,
)
from app.auth.service.naming import clean_free_name, rename
from app.kit.db import db_now, lock, session, transactional
from app.kit.ids import new_id
from app.kit.outbox import emit


def register(*, email: str, password: str, display_name: str, locale: str, address: str) -> None:
    """Make an account whose address is yet to be confirmed, and have the mail sent.

    Neither the answer nor its timing shows whether the address has an account: its owner is
    notified by email. Raises Invalid with `errors` for email, display_name, password; TooMany.
    """
    limits.count_from("register", address)  # to measure a password takes a while
    faults = Faults()
    with faults:
        email = clean_email(email)
    with faults:
        display_name = clean_free_name(display_name)
    with faults:
        locale = clean_locale(locale)
    with faults:
        check_new_password(password, email, display_name)
    faults.tell()
    limits.count_registration(address)
    limits.count_to("register", email)
    _add_or_tell(_NewUser(email, passwords.hash_password(password), display_name, locale))


@dataclass(frozen=True)
class _NewUser:
    """A row of `users` to be; every value clean."""

    email: str
    password_hash: str
    display_name: str
    locale: str
    roles: tuple[str, ...] = ()
    paypal_email: str | None = None
    name_letters: str | None = None
    name_looks: str | None = None


@transactional
def _add_or_tell(new: _NewUser) -> None:
    user_id = _insert(new, confirmed=False)
    if user_id is not None:
        emit(UserRegistered(user_id))
        return
    known = queries.user_by_email(new.email)
    if known is None:
        raise NoSuchUser
    if known.confirmed_at is None:
        _contest(known.id)
    emit(KnownAddressRegistered(known.id))


def _contest(user_id: UUID) -> None:
    """Let nobody in by a password that was chosen before the address was confirmed.

    Perhaps a stranger registered with somebody else's address and waits for its owner to confirm.
    From now on only a mailed link counts that asks for a password.
    """
    user = lock(User, user_id)
    if user is not None and user.confirmed_at is None:
        user.password_hash = passwords.NO_PASSWORD
        mail_links.void(user.id, MailPurpose.CONFIRM)


def _insert(new: _NewUser, *, confirmed: bool) -> UUID | None:
    """Add the row; None if the address has an account."""
    added = session().execute(
        insert(User)
        .values(
            id=new_id(),
            **{**asdict(new), "roles": sorted(set(new.roles))},
            confirmed_at=func.clock_timestamp() if confirmed else None,
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )
    return added.scalar_one_or_none()


def add_user(  # what an account consists of
    *,
    email: str,
    password: str,
    display_name: str,
    locale: str = "en",
    roles: Collection[str] = (),
    paypal_email: str | None = None,
) -> UUID:
    """Make a confirmed account without any mail, for demo data and operators; its id.

    An address that has an account keeps it as it is. A seller without `paypal_email` is paid at
    `email`. Raises Invalid for what is no address, name or language; NameTaken.
    """
    email, display_name = clean_email(email), clean_name(display_name)
    sells = Role.SELLER in roles
    if sells:
        paypal_email = clean_email(paypal_email or email, "paypal_email")
    new = _NewUser(
        email=email,
        password_hash=passwords.hash_password(password),
        display_name=display_name,
        locale=clean_locale(locale),
        roles=tuple(roles),
        paypal_email=paypal_email,
        name_letters=names.letters(display_name) if sells else None,
        name_looks=names.looks(display_name) if sells else None,
    )
    try:
        return _add(new)
    except IntegrityError as error:
        raise NameTaken from error


@transactional
def _add(new: _NewUser) -> UUID:
    user_id = _insert(new, confirmed=True)
    if user_id is not None:
        return user_id
    known = queries.user_by_email(new.email)
    if known is None:
        raise NoSuchUser
    return known.id


@transactional
def confirm_email(*, token: str) -> None:
    """Confirm the address that this secret was mailed to; DeadLink if it can't be used."""
    user = lock(User, mail_links.spend(token, MailPurpose.CONFIRM))
    if user is None or not user.has_password:
        raise DeadLink
    if user.confirmed_at is None:
        user.confirmed_at = db_now()


def resend_confirmation(*, email: str, address: str) -> None:
    """Have the confirmation mailed again, if an account waits for it; says nothing about that.

    Raises Invalid for what is no address; TooMany.
    """
    email = clean_email(email)
    limits.count_mail("confirm", email, address)
    _ask_for_confirmation(email=email)


@transactional
def _ask_for_confirmation(*, email: str) -> None:
    user = queries.user_by_email(email)
    waits = user is not None and user.confirmed_at is None
    emit(ConfirmationRequested(user.id if user is not None and waits else None))


@transactional
def update_profile(*, user_id: UUID, display_name: str, locale: str) -> None:
    """Change the shown name and the language.

    Raises Invalid with `errors` for either, NameReserved, NameTaken.
    """
    locale = clean_locale(locale)
    user = lock(User, user_id)
    if user is None:
        raise NoSuchUser
    user.locale = locale
    rename(user, display_name)


@transactional
def set_locale(*, user_id: UUID, locale: str) -> None:
    """Change the language of pages and mails; Invalid for one the shop does not speak."""
    locale = clean_locale(locale)
    user = lock(User, user_id)
    if user is None:
        raise NoSuchUser
    user.locale = locale
