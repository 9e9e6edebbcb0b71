"""A local shop: what `make run` runs, in a directory and on ports of its own."""

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from app.embedded.instance import MARK
from app.embedded.processes import port_answers

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 90
PORTS_OF_A_SHOP = 5
# What the person's own environment may say must not reach it.
OWN = ("DATABASE_URL", "REDIS_URL", "MONGO_URL", "SMTP_URL", "PAYPAL_CLIENT_ID", "APP_ENV", MARK)


def free_ports() -> int:
    """The first of five ports in a row that nobody listens on."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        # Below the ports that the machine hands out to clients, so that none takes one meanwhile.
        first = 10_000 + first % 20_000
        if not any(port_answers(port) for port in range(first, first + PORTS_OF_A_SHOP)):
            return first


class LocalShop:
    """A shop of its own directory and ports, run by the command that `make run` runs."""

    def __init__(self, instance: Path) -> None:
        self.instance = instance
        self.port = free_ports()
        self.log = instance.parent / "output"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What its command finds."""
        kept = {name: value for name, value in os.environ.items() if name not in OWN}
        return kept | {"INSTANCE_DIR": str(self.instance), "PORT": str(self.port)}

    @property
    def output(self) -> str:
        """What it has printed since it was last started."""
        return self.log.read_text(errors="replace")

    def start(self, until: str = "ByteShop is ready") -> None:
        """Start it, and wait until it says so."""
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.embedded", "run"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + SECONDS
        while until not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.01)

    def start_in_terminal(self) -> int:
        """The terminal's other side, at which nobody listens once it is closed."""
        ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.embedded", "run"],
            cwd=ROOT,
            env=self.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        output = b""
        while b"ByteShop is ready" not in output:
            output += os.read(ours, 4096)
        return ours

    @property
    def pid(self) -> int:
        """The process number of its command."""
        assert self.process
        return self.process.pid

    def end(self, number: signal.Signals) -> int:
        """Send its command a signal; the exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def call(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Do what `python -m app.embedded` does with these arguments."""
        return subprocess.run(
            [sys.executable, "-m", "app.embedded", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def family(self) -> list[psutil.Process]:
        """The processes that its command has started, and those."""
        return psutil.Process(self.pid).children(recursive=True)

    def users(self) -> str:
        """The ids of all users, read by a command that joins the shop or starts the stores."""
        command = (
            "import os, psycopg;"
            "url = os.environ['DATABASE_URL'].replace('+psycopg', '');"
            "print(psycopg.connect(url).execute('SELECT array_agg(id ORDER BY id) FROM users')"
            ".fetchone())"
        )
        done = self.call("exec", sys.executable, "-W", "ignore", "-c", command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def is_running(self) -> bool:
        """Whether its command runs."""
        return self.process is not None and self.process.poll() is None

    def close(self) -> None:
        """Stop it if it runs."""
        if self.is_running:
            self.end(signal.SIGTERM)
