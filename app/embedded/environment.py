"""What each role of a local shop finds in its environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import StartFailed
from app.embedded.mail import start_smtp
from app.embedded.mongo import start_mongo
from app.embedded.postgres import start_postgres
from app.embedded.processes import LOOPBACK, EmbeddedServer
from app.embedded.valkey import start_valkey

DEFAULT_PORT = 8000
LAST_PORT = 65535
_GENERATED = ("SECRET_KEY", "STOCK_MASTER_KEY", "FINGERPRINT_KEY", "AUTH_GRPC_TOKEN")
LOCAL_PAYPAL = "PAYPAL_CLIENT_ID"
STORE_ADDRESSES = ("DATABASE_URL", "REDIS_URL", "MONGO_URL", "SMTP_URL")


@dataclass(frozen=True)
class Ports:
    """The ports of a local shop: PORT and those above it."""

    web: int

    @property
    def chat(self) -> int:
        """Live updates."""
        return self.web + 1

    @property
    def paypal(self) -> int:
        """The PayPal sandbox."""
        return self.web + 2

    @property
    def inbox(self) -> int:
        """The mail catcher's page."""
        return self.web + 3

    @property
    def auth(self) -> int:
        """The auth service, over gRPC."""
        return self.web + 4

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Ports":
        """Read PORT; raises StartFailed if it is no port, or leaves no room above it."""
        text = environ.get("PORT", "") or str(DEFAULT_PORT)
        if not text.isdecimal() or not 0 < int(text) <= LAST_PORT - 5:
            raise StartFailed(f"PORT must be a number from 1 to {LAST_PORT - 5}, not {text!r}.")
        return cls(int(text))


def missing_stores(
    environ: Mapping[str, str], instance: Path, ports: Ports
) -> dict[str, Callable[[], EmbeddedServer]]:
    """By variable: how to start the server of each kind whose address the environment lacks."""
    starts: dict[str, Callable[[], EmbeddedServer]] = {
        "DATABASE_URL": lambda: start_postgres(instance / "postgres"),
        "REDIS_URL": lambda: start_valkey(instance / "valkey"),
        "MONGO_URL": lambda: start_mongo(instance / "mongo"),
        "SMTP_URL": lambda: start_smtp(instance / "mail", inbox_port=ports.inbox),
    }
    return {name: start for name, start in starts.items() if not environ.get(name)}


def settings(
    environ: Mapping[str, str], instance: Path, ports: Ports, secrets: Mapping[str, str]
) -> dict[str, str]:
    """Every setting but the stores' addresses; what the environment says wins.

    Raises StartFailed if PayPal's credentials are named in part.
    """
    web = f"http://{LOOPBACK}:{ports.web}"
    defaults = {
        "APP_ENV": "demo",
        "ROLES": "web",
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "DATA_DIR": str(instance / "files"),
        "PORT": str(ports.web),
        "CHAT_PORT": str(ports.chat),
        "PAYPAL_PORT": str(ports.paypal),
        "PUBLIC_URL": web,
        "LIVE_URL": f"ws://{LOOPBACK}:{ports.chat}",
        "AUTH_GRPC_URL": f"grpc://{LOOPBACK}:{ports.auth}",
        "AUTH_GRPC_LISTEN": f"{LOOPBACK}:{ports.auth}",
        "GRACEFUL_SECONDS": "3",
        "GUNICORN_LOG_LEVEL": "warning",
        **{name: secrets[name] for name in _GENERATED},
    }
    public_url = environ.get("PUBLIC_URL") or web
    if uses_sandbox(environ):
        defaults |= _sandbox(instance / "paypal", ports, public_url, secrets)
    elif lacking := [
        name for name in ("PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID") if not environ.get(name)
    ]:
        raise StartFailed(
            f"PAYPAL_CLIENT_ID is set, so {' and '.join(lacking)} must be set too; "
            "without the three the shop runs a PayPal sandbox of its own."
        )
    return defaults | {name: environ[name] for name in defaults if environ.get(name)}


def uses_sandbox(environ: Mapping[str, str]) -> bool:
    """Whether payments go to the sandbox that comes with the shop."""
    return not environ.get(LOCAL_PAYPAL)


def _sandbox(
    directory: Path, ports: Ports, public_url: str, secrets: Mapping[str, str]
) -> dict[str, str]:
    address = f"http://{LOOPBACK}:{ports.paypal}"
    return {
        "PAYPAL_CLIENT_ID": secrets["SANDBOX_CLIENT_ID"],
        "PAYPAL_CLIENT_SECRET": secrets["SANDBOX_CLIENT_SECRET"],
        "PAYPAL_WEBHOOK_ID": secrets["SANDBOX_WEBHOOK_ID"],
        "PAYPAL_BASE_URL": address,
        "PAYPAL_WEB_URL": address,
        "PAYPAL_CA_FILE": str(directory / "ca.pem"),
        "SANDBOX_DATA_DIR": str(directory),
        "SANDBOX_PUBLIC_URL": address,
        "SANDBOX_CLIENT_ID": secrets["SANDBOX_CLIENT_ID"],
        "SANDBOX_CLIENT_SECRET": secrets["SANDBOX_CLIENT_SECRET"],
        "SANDBOX_WEBHOOK_ID": secrets["SANDBOX_WEBHOOK_ID"],
        "SANDBOX_WEBHOOK_URL": f"{public_url}/payments/paypal/webhook",
    }
