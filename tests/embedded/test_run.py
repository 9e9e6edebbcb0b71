"""`make run`: the whole shop comes up, stops without a trace, and comes up again."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from app.embedded.instance import MARK
from app.embedded.processes import lives, port_answers, wait_until_gone

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 90
PORTS_OF_A_SHOP = 5
# What the person's own environment may say must not reach the shop of a test.
OWN = ("DATABASE_URL", "REDIS_URL", "MONGO_URL", "SMTP_URL", "PAYPAL_CLIENT_ID", "APP_ENV", MARK)

pytestmark = pytest.mark.timeout(300)


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


class Shop:
    """A shop of its own directory and ports, run by the command that `make run` runs."""

    def __init__(self, instance: Path) -> None:
        self.instance = instance
        self.port = free_ports()
        self.log = instance.parent / "output"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in OWN}
        return kept | {"INSTANCE_DIR": str(self.instance), "PORT": str(self.port)}

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def start(self, until: str = "ByteShop is ready") -> None:
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

    def end(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def call(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
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
        assert self.process
        return psutil.Process(self.process.pid).children(recursive=True)

    def users(self) -> str:
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
        return self.process is not None and self.process.poll() is None

    def close(self) -> None:
        if self.is_running:
            self.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def place() -> Iterator[Shop]:
    """A shop whose data is kept from test to test; it may be running."""
    directory = Path(tempfile.mkdtemp(prefix="byteshop-run-"))
    directory.chmod(0o711)
    shop = Shop(directory / "instance")
    yield shop
    shop.close()
    shutil.rmtree(directory)


@pytest.fixture
def shop(place: Shop) -> Shop:
    if not place.is_running:
        place.start()
    return place


class TestRunningShop:
    def test_every_printed_address_answers(self, shop):
        addresses = [word for word in shop.output.split() if word.startswith("http://")]
        assert f"http://127.0.0.1:{shop.port}" in addresses
        assert len(addresses) == 3
        for address in addresses:
            assert requests.get(address, timeout=10).status_code == 200, address

    def test_the_demo_accounts_are_told(self, shop):
        for account in ("buyer", "seller", "admin"):
            assert f"{account}@example.com" in shop.output
        assert "byteshop-demo" in shop.output

    def test_secrets_are_for_their_owner_alone(self, shop):
        assert (shop.instance / "secrets.env").stat().st_mode & 0o077 == 0

    def test_every_store_is_reached(self, shop):
        answer = requests.get(f"http://127.0.0.1:{shop.port}/readyz", timeout=10)
        assert answer.status_code == 200, answer.text

    def test_a_second_run_in_the_same_place_is_refused(self, shop):
        done = shop.call("run", PORT=str(free_ports()))
        assert done.returncode == 1
        assert "already runs" in done.stderr
        assert "Traceback" not in done.stderr

    def test_reset_is_refused_while_the_shop_runs(self, shop):
        done = shop.call("reset")
        assert done.returncode == 1
        assert "already runs" in done.stderr

    def test_a_taken_port_gets_a_sentence(self, shop, tmp_path):
        done = shop.call("run", INSTANCE_DIR=str(tmp_path / "other"))
        assert done.returncode == 1
        assert done.stderr.startswith(f"Port {shop.port}, meant for the shop, is taken")

    def test_a_command_joins_the_running_shop(self, shop):
        done = shop.call("exec", "flask", "--app", "wsgi", "check-invariants")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "BROKEN" not in done.stdout


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "http"}, "PORT must be a number"),
        ({"PORT": "65535"}, "PORT must be a number"),
        ({"PAYPAL_CLIENT_ID": "x"}, "PAYPAL_CLIENT_SECRET and PAYPAL_WEBHOOK_ID must be set"),
    ],
)
def test_wrong_settings_get_a_sentence(tmp_path, environment, words):
    done = Shop(tmp_path / "instance").call("run", **environment)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_somebody_holds_without_listening_is_named(tmp_path):
    shop = Shop(tmp_path / "instance")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", shop.port + 1))
        done = shop.call("run")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {shop.port + 1}, meant for live updates, is taken")


def test_addresses_where_nobody_answers_are_named(tmp_path):
    addresses = {
        "DATABASE_URL": "postgresql+psycopg://shop:secret@127.0.0.1:1/shop",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "MONGO_URL": "mongodb://127.0.0.1:1/shop",
        "SMTP_URL": "smtp://127.0.0.1:1",
    }
    done = Shop(tmp_path / "instance").call("run", **addresses)
    assert done.returncode == 1
    for store in ("postgresql", "redis", "mongodb", "smtp"):
        assert f"UNREACHABLE  {store}: " in done.stderr
    assert "unset DATABASE_URL, REDIS_URL, MONGO_URL, SMTP_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_wrong_setting_of_the_shop_is_named(place):
    place.close()
    done = place.call("run", CURRENCY="EURO")
    assert done.returncode == 1
    assert "CURRENCY: " in done.stderr
    assert done.stderr.endswith("Mend the settings that the lines above name.\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("action", ["run", "reset"])
def test_a_place_that_cannot_be_gets_a_sentence(tmp_path, action):
    taken = tmp_path / "taken"
    taken.touch()
    done = Shop(tmp_path / "instance").call(action, INSTANCE_DIR=str(taken / "instance"))
    assert done.returncode == 1
    assert done.stderr == f"{taken / 'instance'}: Not a directory.\n"


def test_a_role_that_ends_ends_the_shop_and_says_so(place):
    place.close()
    done = place.call("run", WEB_WORKERS="none")
    assert done.returncode not in {0, 130, 143}
    assert "web stopped" in done.stdout
    assert "ByteShop has stopped: the lines above say why." in done.stdout


def test_interrupted_start_leaves_nothing_behind(directory):
    shop = Shop(directory / "instance")
    try:
        shop.start(until="✓")  # the first of its stores
        family = shop.family()
        assert shop.end(signal.SIGINT) == 0
        assert "Traceback" not in shop.output
        assert not any(process.is_running() for process in family)
    finally:
        shop.close()


def test_interrupted_among_its_roles_leaves_nothing_behind(place):
    place.close()
    place.start(until="→ Starting the shop")
    family = place.family()
    assert place.end(signal.SIGINT) == 0
    assert "ByteShop has stopped." in place.output
    assert "Traceback" not in place.output
    assert not any(process.is_running() for process in family)


def test_a_closed_terminal_ends_the_shop(place):
    place.close()
    terminal = place.start_in_terminal()
    family = place.family()
    os.close(terminal)
    place.process.wait(SECONDS)
    assert not any(process.is_running() for process in family)


def test_stops_and_crashes_leave_nothing_behind_and_keep_the_data(shop):
    users = shop.users()
    assert "UUID" in users

    family = shop.family()
    assert shop.end(signal.SIGINT) == 0
    assert "ByteShop has stopped." in shop.output
    assert not any(process.is_running() for process in family)
    assert shop.users() == users  # with stores started for this question alone

    shop.start()
    family = shop.family()
    roles = [process for process in family if MARK in process.environ()]
    assert len(roles) > 7
    shop.end(signal.SIGKILL)
    if sys.platform == "linux":
        wait_until_gone(roles, 15)  # they end by themselves; the stores, by the next start
        assert not [process for process in roles if lives(process)]
    shop.start()
    wait_until_gone(family, 5)
    assert not [process for process in family if lives(process)]
    assert shop.users() == users

    assert shop.end(signal.SIGHUP) == 0
    assert not port_answers(shop.port)
    assert shop.call("reset").returncode == 0
    assert [path.name for path in shop.instance.iterdir()] == ["run.lock"]
