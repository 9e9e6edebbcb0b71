"""A PayPal sandbox as a process of its own, as `make run` starts it."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 30
STOP_SECONDS = 10


@dataclass
class SandboxHandle:
    """A running sandbox."""

    url: str
    data_dir: Path
    client_id: str
    client_secret: str
    webhook_id: str
    process: subprocess.Popen[bytes]

    @property
    def ca_file(self) -> Path:
        """The root that a shop must trust to believe its webhooks."""
        return self.data_dir / "ca.pem"

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.data_dir / "sandbox.log").read_text(errors="replace")

    def stop(self) -> None:
        """End the process as `make run` does."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)


def start_sandbox(
    data_dir: Path,
    port: int,
    webhook_url: str | None = None,
    *,
    client_id: str = "test-client",
    client_secret: str = "test-secret",
    webhook_id: str = "WH-TEST",
) -> SandboxHandle:
    """Start a sandbox and wait until it answers."""
    url = f"http://127.0.0.1:{port}"
    data_dir.mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": "/usr/bin:/bin",
        "ROLES": "paypal",
        "PAYPAL_PORT": str(port),
        "GRACEFUL_SECONDS": "1",
        "SANDBOX_DATA_DIR": str(data_dir),
        "SANDBOX_PUBLIC_URL": url,
        "SANDBOX_CLIENT_ID": client_id,
        "SANDBOX_CLIENT_SECRET": client_secret,
        "SANDBOX_WEBHOOK_ID": webhook_id,
        "SANDBOX_WEBHOOK_URL": webhook_url or "",
    }
    with (data_dir / "sandbox.log").open("ab") as log:
        process = subprocess.Popen(
            [
                Path(sys.executable).parent / "gunicorn",
                "app.sandbox:create_app()",
                "--config",
                "gunicorn.conf.py",
            ],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    handle = SandboxHandle(url, data_dir, client_id, client_secret, webhook_id, process)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/healthz", timeout=2).ok:
                return handle
        except requests.RequestException:
            time.sleep(0.05)
    if process.poll() is None:
        handle.stop()
    raise AssertionError(f"the sandbox did not start:\n{handle.log[-4000:]}")
