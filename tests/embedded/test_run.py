"""`make run`: the whole shop comes up, stops without a trace, and comes up again."""

import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.demo import data
from app.demo.opinions import OPINIONS
from app.embedded import keys
from app.embedded.environment import Ports, settings
from app.embedded.errors import StartFailed
from app.embedded.instance import MARK, read_environment
from app.embedded.processes import lives, port_answers, wait_until_gone
from app.settings import Settings
from tests.support.apps import another_app
from tests.support.local_shop import SECONDS, LocalShop, free_ports
from tests.support.sale import assert_promises_hold, count

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def place() -> Iterator[LocalShop]:
    """A shop whose data is kept from test to test; it may be running, or have never been."""
    directory = Path(tempfile.mkdtemp(prefix="byteshop-run-"))
    directory.chmod(0o711)
    shop = LocalShop(directory / "instance")
    yield shop
    shop.close()
    shutil.rmtree(directory)


@pytest.fixture
def shop(place: LocalShop) -> LocalShop:
    if not place.is_running:
        place.start()
    return place


def test_an_interrupted_first_start_leaves_nothing_behind(place):
    place.start(until="✓")  # the first of its stores
    family = place.family()
    assert place.end(signal.SIGINT) == 0
    assert "Traceback" not in place.output
    assert not any(process.is_running() for process in family)


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

    def test_its_demo_data_is_whole_and_not_put_in_twice(self, shop):
        values = {name.lower(): value for name, value in read_environment(shop.instance).items()}
        known = {name: value for name, value in values.items() if name in Settings.model_fields}
        with another_app(Settings(**known)) as app, app.app_context():
            # A job of the first minute, once there is a sandbox to pay at.
            deadline = time.monotonic() + SECONDS
            while count("review") < len(OPINIONS) and time.monotonic() < deadline:
                time.sleep(0.2)
            before = {table: count(table) for table in ("product", "stock_item", "users", "photo")}
            assert before["product"] > 25
            assert data.fill().startswith("0 products")
            assert before == {table: count(table) for table in before}
            assert_promises_hold()
            lower = "parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM product p"
            assert count("category", f"{lower} WHERE p.category_id = category.id)") == 0
            for name in ("buyer", "seller", "admin"):
                login = {"email": f"{name}@example.com", "password": data.PASSWORD}
                answer = app.test_client().post("/auth/login", data=login)
                assert answer.status_code == 303

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


def test_stops_crashes_and_a_closed_terminal_leave_nothing_behind_and_keep_the_data(shop):
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
    terminal = shop.start_in_terminal()
    wait_until_gone(family, 5)
    assert not [process for process in family if lives(process)]
    assert shop.users() == users

    family = shop.family()
    os.close(terminal)
    shop.process.wait(SECONDS)
    assert not any(process.is_running() for process in family)
    assert not port_answers(shop.port)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "http"}, "PORT must be a number"),
        ({"PORT": "65535"}, "PORT must be a number"),
        ({"PAYPAL_CLIENT_ID": "x"}, "PAYPAL_CLIENT_SECRET and PAYPAL_WEBHOOK_ID must be set"),
    ],
)
def test_wrong_settings_get_a_sentence(tmp_path, environment, words):
    secrets = keys.load(tmp_path / "secrets.env")
    with pytest.raises(StartFailed, match=words):
        settings(environment, tmp_path, Ports.from_environment(environment), secrets)


def test_a_port_that_somebody_holds_without_listening_is_named(tmp_path):
    shop = LocalShop(tmp_path / "instance")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", shop.port + 1))
        done = shop.call("run")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {shop.port + 1}, meant for live updates, is taken")
    assert "Traceback" not in done.stderr


def test_addresses_where_nobody_answers_are_named(tmp_path):
    addresses = {
        "DATABASE_URL": "postgresql+psycopg://shop:secret@127.0.0.1:1/shop",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "MONGO_URL": "mongodb://127.0.0.1:1/shop",
        "SMTP_URL": "smtp://127.0.0.1:1",
    }
    done = LocalShop(tmp_path / "instance").call("run", **addresses)
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
    done = LocalShop(tmp_path / "instance").call(action, INSTANCE_DIR=str(taken / "instance"))
    assert done.returncode == 1
    assert done.stderr == f"{taken / 'instance'}: Not a directory.\n"


def test_a_role_that_ends_ends_the_shop_and_says_so(place):
    place.close()
    done = place.call("run", WEB_WORKERS="none")
    assert done.returncode not in {0, 130, 143}
    assert "web stopped" in done.stdout
    assert "ByteShop has stopped: the lines above say why." in done.stdout


def test_interrupted_among_its_roles_leaves_nothing_behind(place):
    place.close()
    place.start(until="→ Starting the shop")
    family = place.family()
    assert place.end(signal.SIGHUP) == 0
    assert "ByteShop has stopped." in place.output
    assert "Traceback" not in place.output
    assert not any(process.is_running() for process in family)
    assert not port_answers(place.port)


def test_reset_deletes_all_data(place):
    place.close()
    assert (place.instance / "postgres").exists()
    assert place.call("reset").returncode == 0
    assert [path.name for path in place.instance.iterdir()] == ["run.lock"]
