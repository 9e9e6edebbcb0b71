"""The whole shop as processes, for tests that pull the plug on one of them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

import requests

from app.embedded.processes import free_port
from app.settings import Settings
from tests.support.forking import Forked

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
READY_SECONDS = 90
FRESH = "chat"  # its workers are gevent's, which comes before every other import
COMMANDS = {
    "web": ["gunicorn", "wsgi:app", "--config", "gunicorn.conf.py"],
    "chat": ["gunicorn", "wsgi:app", "--config", "gunicorn.conf.py"],
    "auth": ["flask", "--app", "wsgi", "auth-server"],
    "worker": ["flask", "--app", "wsgi", "worker"],  # of every queue
    "delivery": ["flask", "--app", "wsgi", "worker", "--queues", "delivery"],
    "webhooks": ["flask", "--app", "wsgi", "worker", "--queues", "timed,webhooks,paypal"],
    "clock": ["flask", "--app", "wsgi", "clock"],
    "paypal": ["gunicorn", "app.sandbox:create_app()", "--config", "gunicorn.conf.py"],
}


@dataclass
class Shop:
    """Running roles and their addresses. Use as a context manager."""

    environment: dict[str, str]
    log_directory: Path
    processes: dict[str, Forked | subprocess.Popen[bytes]] = field(default_factory=dict)
    commands: Mapping[str, Sequence[str]] = field(default_factory=lambda: COMMANDS)

    @property
    def url(self) -> str:
        """Where the pages are."""
        return self.environment["PUBLIC_URL"]

    @property
    def paypal_url(self) -> str:
        """Where the PayPal sandbox is."""
        return self.environment["PAYPAL_BASE_URL"]

    def start(self, *roles: str) -> None:
        """Start these roles and wait until those that can be called answer."""
        for role in roles:
            self.processes[role] = self._begin(role)
        for role, url in {
            "web": self.url,
            "chat": self.environment["LIVE_URL"].replace("ws://", "http://"),
            "paypal": self.paypal_url,
        }.items():
            if role in roles:
                self._wait(role, partial(_is_alive, url))
        if "auth" in roles and "AUTH_GRPC_LISTEN" in self.environment:
            self._wait("auth", self._listens)

    def _begin(self, role: str) -> Forked | subprocess.Popen[bytes]:
        program, *rest = self.commands[role]
        command = [str(BIN / program), *rest]
        environment = {**self.environment, "ROLES": role}
        path = self.log_directory / f"{role}.log"
        if role != FRESH:
            return Forked(command, env=environment, cwd=ROOT, log=path)
        with path.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _listens(self) -> bool:
        host, _, port = self.environment["AUTH_GRPC_LISTEN"].rpartition(":")
        socket.create_connection((host, int(port)), timeout=2).close()
        return True

    def _wait(self, role: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # those of requests are such, too
                if answers():
                    return
            if self.processes[role].poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{role} did not start:\n{self.log(role)[-4000:]}")

    def process_ids(self) -> dict[str, int]:
        """The first process of each role."""
        return {role: process.pid for role, process in self.processes.items()}

    def kill(self, role: str, number: int = signal.SIGKILL) -> None:
        """End a role and everything it started."""
        process = self.processes.pop(role)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(timeout=20)

    def log(self, role: str) -> str:
        """What a role has printed."""
        path = self.log_directory / f"{role}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self) -> str:
        """What all roles have printed."""
        paths = self.log_directory.glob("*.log")
        return "".join(path.read_text(errors="replace") for path in paths)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for role in list(self.processes):
            self.kill(role)


def _is_alive(url: str) -> bool:
    return requests.get(f"{url}/healthz", timeout=2).ok


def environment_of(settings: Settings, data_dir: Path) -> dict[str, str]:
    """The environment of a shop on the stores of these settings."""
    return environment_for(
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        mongo_url=settings.mongo_url,
        smtp_url=settings.smtp_url,
        data_dir=data_dir,
    )


def environment_for(
    *, database_url: str, redis_url: str, mongo_url: str, smtp_url: str, data_dir: Path
) -> dict[str, str]:
    """The environment of a shop on these stores, on free ports, paying at a sandbox of its own."""
    ports = {name: free_port() for name in ("web", "chat", "paypal")}
    paypal = f"http://127.0.0.1:{ports['paypal']}"
    web = f"http://127.0.0.1:{ports['web']}"
    sandbox_dir = data_dir / "paypal"
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "APP_ENV": "demo",
        "PORT": str(ports["web"]),
        "CHAT_PORT": str(ports["chat"]),
        "PAYPAL_PORT": str(ports["paypal"]),
        "PUBLIC_URL": web,
        "LIVE_URL": f"ws://127.0.0.1:{ports['chat']}",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MONGO_URL": mongo_url,
        "SMTP_URL": smtp_url,
        "DATA_DIR": str(data_dir / "files"),
        "GRACEFUL_SECONDS": "1",
        "SECRET_KEY": "tests-only-tests-only-tests-only-tests",
        "STOCK_MASTER_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "FINGERPRINT_KEY": "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
        "LOGIN_TRIES_PER_ACCOUNT": "1000",
        "LOGIN_TRIES_PER_ADDRESS": "10000",
        "REGISTRATIONS_PER_ADDRESS": "1000",
        "MAX_OPEN_CHECKOUTS_PER_ADDRESS": "1000",
        "PAYPAL_CLIENT_ID": "test-client",
        "PAYPAL_CLIENT_SECRET": "test-secret",
        "PAYPAL_WEBHOOK_ID": "WH-TEST",
        "PAYPAL_BASE_URL": paypal,
        "PAYPAL_WEB_URL": paypal,
        "PAYPAL_CA_FILE": str(sandbox_dir / "ca.pem"),
        "SANDBOX_DATA_DIR": str(sandbox_dir),
        "SANDBOX_PUBLIC_URL": paypal,
        "SANDBOX_CLIENT_ID": "test-client",
        "SANDBOX_CLIENT_SECRET": "test-secret",
        "SANDBOX_WEBHOOK_ID": "WH-TEST",
        "SANDBOX_WEBHOOK_URL": f"{web}/payments/paypal/webhook",
    }
