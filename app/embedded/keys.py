"""Secrets of a local shop: made once, kept in a file that its owner alone may read."""

import base64
import secrets
from pathlib import Path

from dotenv import dotenv_values

from app.embedded.processes import write_private

KEY_BYTES = 32


def load(file: Path) -> dict[str, str]:
    """The secrets in this file by variable name; those it lacks are made and added."""
    known = {name: value for name, value in dotenv_values(file).items() if value}
    fresh = _fresh()
    if missing := fresh.keys() - known.keys():
        known |= {name: fresh[name] for name in missing}
        write_private(file, "".join(f"{name}={value}\n" for name, value in sorted(known.items())))
    return known


def _fresh() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(KEY_BYTES),
        "STOCK_MASTER_KEY": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        "FINGERPRINT_KEY": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        "AUTH_GRPC_TOKEN": secrets.token_urlsafe(KEY_BYTES),
        "SANDBOX_CLIENT_ID": f"sandbox-{secrets.token_hex(16)}",
        "SANDBOX_CLIENT_SECRET": secrets.token_urlsafe(KEY_BYTES),
        "SANDBOX_WEBHOOK_ID": secrets.token_hex(9).upper(),
    }
