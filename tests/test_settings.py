"""Settings from the environment: what is missing or weak is refused by its name."""

import base64
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings

THIRD = bytes(range(64, 96))
KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(32, 64))).decode()
GOOD = {
    "SECRET_KEY": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "DATABASE_URL": "postgresql+psycopg://shop@db/shop",
    "STOCK_MASTER_KEY": KEY,
    "FINGERPRINT_KEY": OTHER,
    "PAYPAL_CLIENT_ID": "id",
    "PAYPAL_CLIENT_SECRET": "paypal-secret-value",
    "PAYPAL_WEBHOOK_ID": "WH-1",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def read(environment: pytest.MonkeyPatch, changes: Mapping[str, str]) -> Settings:
    for name, value in changes.items():
        environment.setenv(name, value)
    return Settings.from_env()


def test_secrets_and_addresses_are_enough(environment: pytest.MonkeyPatch) -> None:
    settings = read(environment, {})
    assert settings.app_env == "production"
    assert settings.stock_keys == {1: bytes(range(32))}
    assert settings.role_names == {"web"}
    assert (settings.currency, settings.commission_basis_points) == ("EUR", 1000)


@pytest.mark.parametrize("name", GOOD)
def test_missing_one_is_refused_by_name(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(ValidationError) as caught:
        Settings.from_env()
    assert name.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "canary-short"),
        ("STOCK_MASTER_KEY", ""),
        ("STOCK_MASTER_KEY", "canary-no-base64!"),
        ("STOCK_MASTER_KEY", base64.b64encode(b"canary").decode()),
        ("STOCK_MASTER_KEY", base64.b64encode(bytes(33)).decode()),
        ("STOCK_MASTER_KEY", f"1:{KEY},two:{OTHER}"),
        ("STOCK_MASTER_KEY", f"0:{KEY}"),
        ("STOCK_MASTER_KEY", f"-1:{KEY}"),
        ("STOCK_MASTER_KEY", f"4294967296:{KEY}"),
        ("STOCK_MASTER_KEY", f"1:{KEY},1:{OTHER}"),
        ("FINGERPRINT_KEY", ""),
        ("FINGERPRINT_KEY", "canary-no-base64!"),
        ("FINGERPRINT_KEY", base64.b64encode(bytes(16)).decode()),
        ("FINGERPRINT_KEY", KEY),
        ("PAYPAL_CLIENT_ID", ""),
        ("PAYPAL_CLIENT_SECRET", ""),
        ("PAYPAL_WEBHOOK_ID", ""),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("MONGO_URL", "127.0.0.1:27017"),
        ("SMTP_URL", ""),
        ("SMTP_URL", "mail.example.com"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://mail.example.com:canary"),
        ("CURRENCY", "RUB"),
        ("CURRENCY", "eur"),
        ("COMMISSION_BASIS_POINTS", "10001"),
        ("COMMISSION_BASIS_POINTS", "12.5"),
        ("HOLD_DAYS", "-1"),
        ("RESERVATION_MINUTES", "0"),
        ("PROXY_HOPS", "99"),
        ("APP_ENV", "development"),
        ("ROLES", "wbe"),
        ("ROLES", ""),
        ("PUBLIC_URL", "shop.example"),
        ("LIVE_URL", "https://shop.example"),
        ("PAYPAL_BASE_URL", "api-m.paypal.com"),
        ("PAYPAL_WEB_URL", "www.paypal.com"),
    ],
)
def test_bad_one_is_refused_by_name_and_not_repeated(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        read(environment, {name: value})
    text = str(caught.value)
    assert name.lower() in text.lower()
    assert "canary" not in text
    for secret in (KEY, OTHER, GOOD["SECRET_KEY"], GOOD["PAYPAL_CLIENT_SECRET"]):
        assert secret not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "rediss://:secret@cache.example.com/1"),
        ("MONGO_URL", "mongodb+srv://shop@db.example.com/shop"),
        ("SMTP_URL", "smtps://user:pa%40ss@mail.example.com"),
        ("SMTP_URL", "smtp://[::1]:2525"),
    ],
)
def test_usual_addresses_are_taken(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert getattr(read(environment, {name: value}), name.lower()) == value


def test_shop_that_cannot_start_says_why_without_a_trace(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("PAYPAL_WEBHOOK_ID")
    environment.setenv("FINGERPRINT_KEY", KEY)
    environment.setenv("STOCK_MASTER_KEY", "canary")
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    first, *complaints = done.stderr.splitlines()
    assert first.startswith("The shop does not start")
    assert complaints == [
        "  STOCK_MASTER_KEY: must be base64 of 32 bytes: openssl rand -base64 32",
        "  PAYPAL_WEBHOOK_ID: Field required",
    ]


def test_secrets_are_not_printed(environment: pytest.MonkeyPatch) -> None:
    text = repr(read(environment, {}))
    for secret in (KEY, OTHER, GOOD["SECRET_KEY"], GOOD["PAYPAL_CLIENT_SECRET"]):
        assert secret not in text


def test_several_stock_keys_are_known_by_version(environment: pytest.MonkeyPatch) -> None:
    settings = read(
        environment, {"STOCK_MASTER_KEY": f"1:{KEY}, 2:{base64.b64encode(THIRD).decode()}"}
    )
    assert settings.stock_keys == {1: bytes(range(32)), 2: THIRD}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "s" * 40),
        ("SECRET_KEY", "changeme" * 5),
        ("STOCK_MASTER_KEY", base64.b64encode(bytes(32)).decode()),
        ("STOCK_MASTER_KEY", f"1:{KEY},2:{base64.b64encode(b'canary' * 5 + b'ca').decode()}"),
        ("FINGERPRINT_KEY", base64.b64encode(b"k" * 32).decode()),
        ("AUTH_GRPC_TOKEN", "token" * 8),
        ("PUBLIC_URL", "http://shop.example"),
        ("PUBLIC_URL", "http://10.0.0.1:8000"),
    ],
)
def test_production_refuses_what_others_could_guess_or_overhear(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        read(environment, {name: value})
    assert name in str(caught.value)
    assert value not in str(caught.value)
    assert read(environment, {name: value, "APP_ENV": "test"})


@pytest.mark.parametrize(("text", "names"), [("web,chat", {"web", "chat"}), (" chat ,", {"chat"})])
def test_roles_are_read_by_comma(
    environment: pytest.MonkeyPatch, text: str, names: set[str]
) -> None:
    assert read(environment, {"ROLES": text}).role_names == names


@pytest.mark.parametrize(
    ("address", "secure"), [("https://shop.example", True), ("http://127.0.0.1:8000", False)]
)
def test_cookies_are_secure_as_soon_as_the_address_is(
    environment: pytest.MonkeyPatch, address: str, secure: bool
) -> None:
    assert read(environment, {"PUBLIC_URL": address}).secure_cookies is secure
