"""The sandbox's settings, all from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Quick at first, so that a shop that restarts sees the event soon; PayPal itself tries 25 times.
# https://developer.paypal.com/api/rest/webhooks/rest/#link-respondtowebhooknotifications
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, *([60.0] * 17))


@dataclass(frozen=True)
class SandboxConfig:
    """Who the merchant is, where the sandbox lives, and where its webhooks go."""

    data_dir: Path
    public_url: str
    client_id: str
    client_secret: str
    webhook_url: str | None = None
    webhook_id: str = "WH-SANDBOX"
    merchant_id: str = "BYTESHPMRCHNT"
    merchant_email: str = "merchant@example.com"
    merchant_name: str = "ByteShop"
    backoff_seconds: tuple[float, ...] = BACKOFF_SECONDS

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "SandboxConfig":
        """Read the SANDBOX_ variables; KeyError names the one that is missing."""
        return cls(
            data_dir=Path(environ["SANDBOX_DATA_DIR"]),
            public_url=environ["SANDBOX_PUBLIC_URL"].rstrip("/"),
            client_id=environ["SANDBOX_CLIENT_ID"],
            client_secret=environ["SANDBOX_CLIENT_SECRET"],
            webhook_url=environ.get("SANDBOX_WEBHOOK_URL") or None,
            webhook_id=environ.get("SANDBOX_WEBHOOK_ID") or cls.webhook_id,
            merchant_name=environ.get("SANDBOX_MERCHANT_NAME") or cls.merchant_name,
        )
