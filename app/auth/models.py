"""Tables of people."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    Text,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, CITEXT, INET
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Model, text_enum
from app.kit.ids import new_id


class Role(StrEnum):
    """Roles in addition to buyer, which everyone has."""

    SELLER = "seller"
    MODERATOR = "moderator"
    ADMIN = "admin"


class User(Model):
    """A person. flask-login's user object too."""

    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(CITEXT, unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    display_name: Mapped[str] = mapped_column(Text)
    # Of who sells or has sold, made by app.auth.names: no other seller's name may look like theirs.
    name_letters: Mapped[str | None] = mapped_column(Text, unique=True)
    name_looks: Mapped[str | None] = mapped_column(Text, unique=True)
    locale: Mapped[str] = mapped_column(Text, default="en")
    paypal_email: Mapped[str | None] = mapped_column(CITEXT)
    # When money was last told to go elsewhere; None while it has only ever gone to one address.
    paypal_email_changed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    banned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    session_epoch: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    __table_args__ = (
        CheckConstraint("locale IN ('en', 'ru')", name="known_locale"),
        CheckConstraint("roles <@ ARRAY['seller', 'moderator', 'admin']", name="known_roles"),
        CheckConstraint(
            "NOT ('seller' = ANY (roles)) OR paypal_email IS NOT NULL", name="seller_has_paypal"
        ),
        CheckConstraint(
            "NOT ('seller' = ANY (roles)) OR (name_letters IS NOT NULL AND name_looks IS NOT NULL)",
            name="seller_has_own_name",
        ),
        # For administrators, who look for parts of words, for roles and for who is banned.
        Index(
            "ix_users_email_trgm",
            literal_column("(email::text)").label("words"),
            postgresql_using="gin",
            postgresql_ops={"words": "gin_trgm_ops"},
        ),
        Index(
            "ix_users_name_trgm",
            "display_name",
            postgresql_using="gin",
            postgresql_ops={"display_name": "gin_trgm_ops"},
        ),
        *(
            Index(f"ix_users_{role}", "id", postgresql_where=f"roles @> '{{{role}}}'")
            for role in Role
        ),
        Index("ix_users_banned", "id", postgresql_where="banned_at IS NOT NULL"),
    )

    # What flask-login asks of a user object.
    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        """Whether the account may be used."""
        return self.banned_at is None

    def get_id(self) -> str:
        """The id that flask-login keeps in the session."""
        return str(self.id)

    @property
    def is_staff(self) -> bool:
        """Whether the person speaks for the shop."""
        return bool({Role.ADMIN, Role.MODERATOR} & set(self.roles))

    @property
    def has_password(self) -> bool:
        """Whether there is a password to log in with; else one is set by a mailed link."""
        return bool(self.password_hash)

    @property
    def role_names(self) -> frozenset[str]:
        """Every role, `buyer` included."""
        return frozenset(self.roles) | {"buyer"}


class UserCount(Model):
    """A number that stands beside a person on every page, read along with their login.

    Whoever counts something (unread notifications, for one) keeps it in the transaction that
    changes it. A row of its own, so that no login waits for what is counted, nor the other way.
    """

    __tablename__ = "user_count"
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    __table_args__ = (CheckConstraint("count >= 0", name="not_negative"),)


class FormerName(Model):
    """What a seller was called before: old links to them still lead there."""

    __tablename__ = "former_name"
    letters: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))


class LoginSession(Model):
    """A browser that is logged in. The cookie holds the secret whose hash stands here."""

    __tablename__ = "login_session"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    epoch: Mapped[int]
    address: Mapped[str | None] = mapped_column(INET)
    agent: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp(), index=True
    )
    seen_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp(), index=True
    )


class KnownNetwork(Model):
    """A network that a person has logged in from: what strangers try elsewhere does not lock it."""

    __tablename__ = "known_network"
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    network: Mapped[str] = mapped_column(CIDR, primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp(), index=True
    )


class MailPurpose(StrEnum):
    """What the secret in a mailed link is good for."""

    CONFIRM = "confirm"
    RESET = "reset"


class MailToken(Model):
    """The hash of a single-use secret that was mailed to a user."""

    __tablename__ = "mail_token"
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[MailPurpose] = mapped_column(text_enum(MailPurpose, "known_purpose"))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    __table_args__ = (Index("ix_mail_token_user_id_purpose", "user_id", "purpose"),)


class SigningKey(Model):
    """A key that signs access tokens. The newest signs, the one before it still counts."""

    __tablename__ = "signing_key"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)  # the `kid`
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )


class TokenFamily(Model):
    """A program's login: all the tokens that came of one proof of who somebody is."""

    __tablename__ = "token_family"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    epoch: Mapped[int]
    scope: Mapped[str] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(INET)
    agent: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RefreshToken(Model):
    """The hash of a refresh token. Each is spent once; one spent twice ends its family."""

    __tablename__ = "refresh_token"
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    family_id: Mapped[UUID] = mapped_column(
        ForeignKey("token_family.id", ondelete="CASCADE"), index=True
    )
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    spent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RememberingServer(Model):
    """A server that answers from memory, written down while it does: see `app.auth.leases`."""

    __tablename__ = "remembering_server"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class ApiKey(Model):
    """A program's key, kept as a hash; `prefix` is what its owner knows it by."""

    __tablename__ = "api_key"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.clock_timestamp()
    )
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
