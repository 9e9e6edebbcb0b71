"""Embedded servers start, keep their data through stops and crashes, and let no stranger in."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pymongo
import pymongo.errors
import pytest
import redis

from app.embedded.errors import StartFailed
from app.embedded.mail import start_smtp
from app.embedded.mongo import refuse_strangers, start_mongo
from app.embedded.postgres import start_postgres
from app.embedded.processes import EmbeddedServer, port_answers, wait_until_gone
from app.embedded.valkey import start_valkey
from tests.embedded.conftest import temporary_directory


class Postgres:
    @staticmethod
    def start(directory: Path) -> EmbeddedServer:
        return start_postgres(directory)

    @staticmethod
    def write(url: str) -> None:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
            connection.execute("INSERT INTO kept VALUES ('here')")

    @staticmethod
    def count(url: str) -> int:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            row = connection.execute("SELECT count(*) FROM kept").fetchone()
            assert row
            return row[0]

    @staticmethod
    def refuses(url: str) -> bool:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url.replace("+psycopg", ""))
        return True


class Valkey:
    @staticmethod
    def start(directory: Path) -> EmbeddedServer:
        return start_valkey(directory)

    @staticmethod
    def write(url: str) -> None:
        with redis.Redis.from_url(url) as client:
            client.rpush("kept", "here")
            # The file is written once a second; a crash may take what came since.
            assert client.waitaof(1, 0, 5000)[0] == 1

    @staticmethod
    def count(url: str) -> int:
        with redis.Redis.from_url(url) as client:
            return client.llen("kept")

    @staticmethod
    def refuses(url: str) -> bool:
        with redis.Redis.from_url(url) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        return True


class Mongo:
    @staticmethod
    def start(directory: Path) -> EmbeddedServer:
        return start_mongo(directory)

    @staticmethod
    def write(url: str) -> None:
        with pymongo.MongoClient(url) as client:
            client.get_default_database().kept.insert_one({"value": "here"})

    @staticmethod
    def count(url: str) -> int:
        with pymongo.MongoClient(url) as client:
            return client.get_default_database().kept.count_documents({})

    @staticmethod
    def refuses(url: str) -> bool:
        with (
            pymongo.MongoClient(url) as client,
            pytest.raises(pymongo.errors.OperationFailure, match=r"[Aa]uth"),
        ):
            client.get_default_database().kept.find_one()
        return True


@pytest.fixture(scope="module", params=[Postgres, Valkey, Mongo])
def kind(request):
    return request.param


class Place:
    """A directory, and the server that was started in it last."""

    def __init__(self, kind: Any, directory: Path) -> None:
        self.kind = kind
        self.directory = directory
        self.started: list[EmbeddedServer] = []

    def start(self) -> EmbeddedServer:
        """Start a server there, whether one runs or not."""
        self.started.append(self.kind.start(self.directory))
        return self.started[-1]


@pytest.fixture(scope="module")
def place(kind) -> Iterator[Place]:
    """A place with a server, whose data is kept from test to test: to make it takes longest."""
    with temporary_directory() as directory:
        place = Place(kind, directory / 'a "shop" у моря')
        place.start()
        yield place
        for server in place.started:
            server.stop()


@pytest.fixture
def server(place: Place) -> EmbeddedServer:
    """The running server; a test that ends it leaves another one."""
    return place.started[-1]


def family(server: EmbeddedServer) -> list[psutil.Process]:
    process = psutil.Process(server.process.pid)
    return [process, *process.children(recursive=True)]


class TestAnyServer:
    def test_stop_leaves_no_process_and_keeps_the_data(self, place, server, kind):
        kind.write(server.url)
        kept = kind.count(server.url)
        members = family(server)
        server.stop()
        assert not any(member.is_running() for member in members)
        assert kind.count(place.start().url) == kept

    def test_data_written_before_a_kill_is_there_after_the_next_start(self, place, server, kind):
        kind.write(server.url)
        kept = kind.count(server.url)
        server.process.kill()
        server.process.wait()
        assert kind.count(place.start().url) == kept

    def test_a_server_left_by_a_killed_parent_gives_way_to_the_next_start(
        self, place, server, kind
    ):
        kind.write(server.url)
        kept = kind.count(server.url)
        members = family(server)
        again = place.start()
        wait_until_gone(members, 5)
        assert not any(member.is_running() for member in members[1:])
        assert server.process.wait(5) is not None
        assert kind.count(again.url) == kept

    def test_a_wrong_password_is_refused(self, server, kind):
        secret = (server.data_dir / "password").read_text()
        assert kind.refuses(server.url.replace(secret, "guess"))

    def test_the_password_is_for_its_owner_alone(self, server):
        assert (server.data_dir / "password").stat().st_mode & 0o077 == 0
        commands = []
        for member in family(server):
            with suppress(psutil.NoSuchProcess):  # gone by now: PostgreSQL's own come and go
                commands.append(" ".join(member.cmdline()))
        assert commands
        secret = (server.data_dir / "password").read_text()
        assert not [command for command in commands if secret in command]


class TestPostgres:
    def test_an_interrupted_first_start_begins_anew_and_later_ones_heed_what_they_find(
        self, directory
    ):
        place = directory / "server"
        half = place / "data.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")
        server = start_postgres(place)
        assert not half.exists()

        # A lock whose process number went to a stranger is no obstacle.
        lock = place / "data" / "postmaster.pid"
        text = lock.read_text()
        server.process.kill()
        server.process.wait()
        lock.write_text(text.replace(str(server.process.pid), str(os.getpid()), 1))
        again = start_postgres(place)
        try:
            with psycopg.connect(again.url.replace("+psycopg", "")) as connection:
                # As everywhere, whatever the machine's own rules.
                row = connection.execute("SELECT lower('КЛЮЧ Ñ')").fetchone()
        finally:
            again.stop()
        assert row == ("ключ ñ",)

        # Files of another version are refused with a sentence.
        (place / "data" / "PG_VERSION").write_text("16\n")
        with pytest.raises(StartFailed, match="written by PostgreSQL 16"):
            start_postgres(place)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server another account")
    @pytest.mark.parametrize("mode", [0o711, 0o700])
    def test_root_starts_it_whether_others_may_enter_or_not(self, directory, mode):
        closed = directory / "closed"
        closed.mkdir()
        for permissions in (mode, 0o700):  # the second start finds the door closed
            closed.chmod(permissions)
            server = start_postgres(closed / "server", durable=False)
            try:
                Postgres.write(server.url)
            finally:
                server.stop()
            stays = closed.stat().st_mode & 0o777
            assert stays == permissions


class TestMongo:
    def test_an_interrupted_first_start_begins_anew_and_a_stranger_in_it_is_noticed(
        self, directory
    ):
        half = directory / "server" / "data.new"
        half.mkdir(parents=True)
        (half / "WiredTiger").write_text("half")
        server = start_mongo(directory / "server", durable=False)
        try:
            assert not half.exists()
            refuse_strangers(server)
            with pymongo.MongoClient(server.url) as client:
                client.other.command("createUser", "stranger", pwd="guess", roles=["root"])
            with pytest.raises(StartFailed, match="Somebody else"):
                refuse_strangers(server)
        finally:
            server.stop()


class TestProcesses:
    def test_a_failing_server_tells_with_the_end_of_its_log(self, directory):
        server = start_valkey(directory / "server")
        server.stop()
        manifest = next((directory / "server" / "appendonlydir").glob("*.manifest"))
        manifest.write_text("nonsense\n")
        with pytest.raises(StartFailed, match=r"(?s)Valkey ended while it started.*manifest"):
            start_valkey(directory / "server")

    def test_a_stranger_with_the_recorded_number_is_left_alone(self, directory):
        place = directory / "server"
        place.mkdir()
        stranger = psutil.Popen(["sleep", "60"])
        record = {"pid": stranger.pid, "created": 1.0, "stop_signal": int(signal.SIGTERM)}
        (place / "process.json").write_text(json.dumps(record))
        try:
            start_valkey(place).stop()
            assert stranger.is_running()
        finally:
            stranger.kill()
            stranger.wait()

    def test_mail_survives_a_restart_of_the_catcher(self, directory):
        first = start_smtp(directory / "mail")
        first.stop()
        assert first.page_url
        assert not port_answers(int(first.page_url.rstrip("/").rpartition(":")[2]))
        start_smtp(directory / "mail").stop()
