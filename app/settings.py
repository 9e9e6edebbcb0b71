"""Every setting of the shop, read once from the environment."""

import base64
from collections.abc import Iterator
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.kit.money import PAYPAL_DECIMALS

AES_KEY_BYTES = 32
MAX_KEY_VERSION = 2**31 - 1  # what the column of the version holds
# Random text has more different characters in 32, even in hexadecimal; typed text has fewer.
MIN_VARIETY = 8
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ROLES = frozenset({"web", "chat", "auth", "worker", "delivery", "webhooks", "clock"})


class Settings(BaseSettings):
    """The shop's settings. Each field's environment variable is its name in capitals."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=False, hide_input_in_errors=True
    )

    app_env: Literal["production", "demo", "test"] = Field(
        "production",
        description="production, demo or test; only demo and test may use PAYPAL_CA_FILE",
    )
    secret_key: SecretStr = Field(
        min_length=32, description="signs cookies and CSRF tokens; at least 32 random characters"
    )
    public_url: str = Field(
        "http://127.0.0.1:8000", pattern="^https?://", description="public address of the shop"
    )
    live_url: str = Field(
        "ws://127.0.0.1:8001",
        pattern="^wss?://",
        description="public address of the `chat` role's WebSockets",
    )
    trusted_hosts: str = Field("", description="host names served, comma-separated; empty: any")
    proxy_hops: int = Field(
        0, ge=0, le=5, description="number of reverse proxies whose headers are trusted"
    )
    compress_answers: bool = Field(
        default=True, description="compress what is sent; false leaves that to a reverse proxy"
    )
    roles: str = Field(
        "web", description="roles this process serves, comma-separated: web, chat, auth"
    )

    database_url: str = Field(
        pattern=r"^postgresql\+psycopg://",
        description="PostgreSQL 15 or later: postgresql+psycopg://…",
    )
    prepare_statements: bool = Field(
        True,
        description="`false` behind a pooler that can't keep prepared statements, such as PgBouncer"
        " in transaction mode before 1.22",
    )
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0", pattern="^(rediss?|unix)://", description="Redis or Valkey"
    )
    mongo_url: str = Field(
        "mongodb://127.0.0.1:27017/byteshop",
        pattern=r"^mongodb(\+srv)?://",
        description="MongoDB",
    )
    smtp_url: str = Field("smtp://127.0.0.1:25", description="smtp:// or smtps://[user:pass@]host")
    mail_from: str = Field("ByteShop <shop@localhost>", description="sender of all emails")
    data_dir: Path = Field(Path("instance"), description="directory for uploaded photos")

    stock_master_key: SecretStr = Field(
        description="base64 of 32 bytes that encrypt the stock; several: 1:…,2:… (highest encrypts)"
    )
    fingerprint_key: SecretStr = Field(
        description="base64 of 32 bytes used to find duplicate stock"
    )

    paypal_client_id: str = Field(min_length=1, description="from your PayPal REST app")
    paypal_client_secret: SecretStr = Field(min_length=1, description="from your PayPal REST app")
    paypal_webhook_id: str = Field(
        min_length=1, description="id of the webhook registered at PayPal"
    )
    paypal_base_url: str = Field(
        "https://api-m.sandbox.paypal.com",
        pattern="^https?://",
        description="address of PayPal's REST API",
    )
    paypal_web_url: str = Field(
        "https://www.sandbox.paypal.com",
        pattern="^https?://",
        description="address of PayPal's pages and browser SDK",
    )
    paypal_ca_file: Path | None = Field(
        None, description="trust root of webhook certificates, for the bundled sandbox only"
    )

    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="the shop's currency")
    commission_basis_points: int = Field(
        1000, ge=0, le=10000, description="the platform's share of the gross price: 1000 is 10 %"
    )
    min_price_minor: int = Field(
        100,
        ge=1,
        description="lowest price and order, in minor units: less would go to PayPal's fixed fee",
    )
    hold_days: int = Field(
        3, ge=0, le=180, description="days before a seller's earnings become available"
    )
    new_seller_hold_days: int = Field(
        7, ge=0, le=180, description="the same for new sellers, unless HOLD_DAYS is longer"
    )
    new_seller_sales: int = Field(
        10, ge=0, le=10_000, description="a seller is new until they have made so many sales…"
    )
    new_seller_days: int = Field(
        30, ge=0, le=3650, description="…and until so many days after their first sale"
    )
    dispute_hold_days: int = Field(
        21, ge=0, le=180, description="the same for sellers with a dispute lately, if it is longer"
    )
    dispute_hold_within_days: int = Field(
        90,
        ge=0,
        le=3650,
        description="for how many days a dispute that is open or lost counts; 0: none counts",
    )
    payout_weekdays: str = Field(
        "monday",
        description="days on which sellers are paid, in UTC, comma-separated: monday, tuesday…;"
        " empty: only when they ask for it",
    )
    payout_min_minor: int = Field(
        1000, ge=1, description="least that is paid out to a seller, in minor units"
    )
    payout_pause_hours: int = Field(
        48, ge=0, le=720, description="hours without payouts after a seller changed their address"
    )
    evidence_hours: int = Field(
        24,
        ge=1,
        le=240,
        description="hours before PayPal's deadline at which evidence is sent, if nobody has",
    )
    reservation_minutes: int = Field(
        15, ge=1, le=180, description="how long items are reserved for an unpaid order"
    )
    max_open_checkouts_per_address: int = Field(
        10, ge=1, description="orders from one IP address that may wait for their buyers to pay"
    )

    auth_grpc_url: str | None = Field(
        None,
        pattern=r"^grpcs?://[^/]+:\d+$",
        description="address of the `auth` role: grpc(s)://host:port; empty: in-process",
    )
    auth_grpc_listen: str = Field(
        "127.0.0.1:50051", description="address and port at which the `auth` role listens"
    )
    auth_grpc_token: SecretStr | None = Field(
        None, min_length=32, description="shared secret of callers of the `auth` role"
    )
    auth_grpc_cert: Path | None = Field(
        None, description="PEM certificate of this side; with its key and CA: TLS on both sides"
    )
    auth_grpc_key: Path | None = Field(None, description="PEM key of this side's certificate")
    auth_grpc_ca: Path | None = Field(
        None, description="PEM certificate of the authority that the other side's must be from"
    )

    metrics_token: SecretStr | None = Field(
        None,
        min_length=32,
        description="bearer token of a monitoring that reads `/metrics`; empty: nobody does",
    )
    webhook_allow_private: bool = Field(
        False, description="allow sellers' webhooks in private networks and over http"
    )
    api_requests_per_minute: int = Field(
        600, ge=1, description="requests per minute for each API key, token or anonymous address"
    )
    api_cors_origins: str = Field(
        "",
        description="origins whose pages may call the JSON API, comma-separated; empty: only ours",
    )

    login_tries_per_account: int = Field(
        5,
        ge=1,
        description="password attempts per minute for one account: from all new places together,"
        " and from each browser and network that has logged in to it before",
    )
    login_tries_per_address: int = Field(
        20,
        ge=1,
        description="attempts per minute to log in, or to request an email, from one IP address",
    )
    registrations_per_address: int = Field(
        5, ge=1, description="new accounts per hour from one IP address"
    )

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, value: str) -> str:
        names = _names(value)
        if unknown := sorted(names - ROLES):
            raise ValueError(
                f"there is no role {', '.join(unknown)}; there are {', '.join(sorted(ROLES))}"
            )
        if not names:
            raise ValueError("names no role; leave it out for web")
        return value

    @field_validator("payout_weekdays")
    @classmethod
    def _days_of_a_week(cls, value: str) -> str:
        if unknown := sorted(_names(value.lower()) - set(WEEKDAYS)):
            raise ValueError(f"there is no {', '.join(unknown)} in a week")
        return value

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in PAYPAL_DECIMALS:
            raise ValueError(f"PayPal takes no payments in {value}")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _address_of_mails(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            is_address = parts.scheme in {"smtp", "smtps"} and parts.hostname and parts.port != 0
        except ValueError:  # a port that is no number
            is_address = False
        if not is_address:
            raise ValueError("must be smtp:// or smtps://[user:pass@]host[:port]")
        return value

    @field_validator("stock_master_key")
    @classmethod
    def _keys_that_seal(cls, value: SecretStr) -> SecretStr:
        _read_keys(value)
        return value

    @field_validator("fingerprint_key")
    @classmethod
    def _key_of_fingerprints(cls, value: SecretStr) -> SecretStr:
        _read_key(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.fingerprint_bytes in self.stock_keys.values():
            raise ValueError("FINGERPRINT_KEY must not be a key of STOCK_MASTER_KEY")
        if self.app_env == "production":
            self._check_production()
        self._check_grpc()
        return self

    def _check_production(self) -> None:
        if self.paypal_ca_file is not None:
            raise ValueError("PAYPAL_CA_FILE is for the bundled sandbox, not for production")
        for name, secret in self._own_secrets():
            if len(set(secret)) < MIN_VARIETY:
                raise ValueError(f"{name} is no secret made by chance: openssl rand -base64 48")
        address = urlsplit(self.public_url)
        if address.scheme != "https" and not _is_loopback(address.hostname or ""):
            raise ValueError("PUBLIC_URL must begin with https://, so that no cookie is overheard")

    def _own_secrets(self) -> Iterator[tuple[str, bytes]]:
        yield "SECRET_KEY", self.secret_key.get_secret_value().encode()
        for key in self.stock_keys.values():
            yield "STOCK_MASTER_KEY", key
        yield "FINGERPRINT_KEY", self.fingerprint_bytes
        if self.auth_grpc_token is not None:
            yield "AUTH_GRPC_TOKEN", self.auth_grpc_token.get_secret_value().encode()
        if self.metrics_token is not None:
            yield "METRICS_TOKEN", self.metrics_token.get_secret_value().encode()

    def _check_grpc(self) -> None:
        files = (self.auth_grpc_cert, self.auth_grpc_key, self.auth_grpc_ca)
        if any(files) and not all(files):
            raise ValueError("AUTH_GRPC_CERT, AUTH_GRPC_KEY and AUTH_GRPC_CA are set together")
        if self.auth_grpc_url is not None:
            if self.auth_grpc_token is None:
                raise ValueError("AUTH_GRPC_URL needs AUTH_GRPC_TOKEN")
            if self.auth_grpc_url.startswith("grpcs:") != all(files):
                raise ValueError("AUTH_GRPC_URL is grpcs://… with AUTH_GRPC_CERT, else grpc://…")

    @field_validator("auth_grpc_url", "auth_grpc_token", "metrics_token", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return value or None

    @cached_property
    def stock_keys(self) -> dict[int, bytes]:
        """The keys that seal the stock, by version."""
        return _read_keys(self.stock_master_key)

    @cached_property
    def fingerprint_bytes(self) -> bytes:
        """The key of the fingerprints, kept apart from the keys that seal."""
        return _read_key(self.fingerprint_key.get_secret_value())

    @cached_property
    def role_names(self) -> frozenset[str]:
        """The roles this process serves."""
        return _names(self.roles)

    @property
    def payout_days(self) -> frozenset[int]:
        """The days of a week on which sellers are paid; Monday is 0."""
        return frozenset(WEEKDAYS.index(name) for name in _names(self.payout_weekdays.lower()))

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies are sent over TLS only: as soon as the shop's own address is https."""
        return self.public_url.startswith("https://")

    @classmethod
    def from_env(cls) -> Self:
        """Read the settings; raises pydantic's ValidationError that names each wrong variable."""
        return cls()


def _names(value: str) -> frozenset[str]:
    return frozenset(part.strip() for part in value.split(",") if part.strip())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def complaints(error: ValidationError) -> str:
    """What is wrong with the environment, a line for each variable."""
    lines = ["The shop does not start, since the environment is not as README.md has it:"]
    for wrong in error.errors(include_url=False, include_context=False, include_input=False):
        name = "".join(f"{part}: " for part in wrong["loc"]).upper()
        lines.append(f"  {name}{wrong['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines) + "\n"


def _read_keys(setting: SecretStr) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for part in setting.get_secret_value().split(","):
        version, _, text = part.rpartition(":")
        number = int(version or 1) if (version or "1").strip().isdecimal() else 0
        if not 1 <= number <= MAX_KEY_VERSION or number in keys:
            raise ValueError("versions are different numbers from 1: 1:…,2:…")
        keys[number] = _read_key(text)
    return keys


def _read_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != AES_KEY_BYTES:
        raise ValueError("must be base64 of 32 bytes: openssl rand -base64 32")
    return key
