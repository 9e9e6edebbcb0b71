"""Embedded servers start, keep their data through stops and crashes, and let no stranger in."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

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

Start = Callable[[Path], EmbeddedServer]


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


@pytest.fixture(scope="module")
def started_once(kind) -> Iterator[Path]:
    """The files of a server that has been started and stopped: making them takes longest."""
    with temporary_directory() as directory:
        kind.start(directory / "server").stop()
        yield directory / "server"


@pytest.fixture
def start(directory, started_once, kind) -> Iterator[Callable[[], EmbeddedServer]]:
    place = directory / 'a "shop" у моря'
    subprocess.run(["cp", "-a", started_once, place], check=True)  # with their owners
    started = []

    def again() -> EmbeddedServer:
        started.append(kind.start(place))
        return started[-1]

    yield again
    for server in started:
        server.stop()


def family(server: EmbeddedServer) -> list[psutil.Process]:
    process = psutil.Process(server.process.pid)
    return [process, *process.children(recursive=True)]


class TestAnyServer:
    def test_stop_leaves_no_process_and_keeps_the_data(self, start, kind):
        server = start()
        kind.write(server.url)
        members = family(server)
        server.stop()
        assert not any(member.is_running() for member in members)
        assert kind.count(start().url) == 1

    def test_data_written_before_a_kill_is_there_after_the_next_start(self, start, kind):
        server = start()
        kind.write(server.url)
        server.process.kill()
        server.process.wait()
        assert kind.count(start().url) == 1

    def test_a_server_left_by_a_killed_parent_gives_way_to_the_next_start(self, start, kind):
        left = start()
        kind.write(left.url)
        members = family(left)
        again = start()
        wait_until_gone(members, 5)
        assert not any(member.is_running() for member in members[1:])
        assert left.process.wait(5) is not None
        assert kind.count(again.url) == 1

    def test_a_wrong_password_is_refused(self, start, kind):
        server = start()
        secret = (server.data_dir / "password").read_text()
        assert kind.refuses(server.url.replace(secret, "guess"))

    def test_the_password_is_for_its_owner_alone(self, start):
        server = start()
        assert (server.data_dir / "password").stat().st_mode & 0o077 == 0
        commands = []
        for member in family(server):
            with suppress(psutil.NoSuchProcess):  # gone by now: PostgreSQL's own come and go
                commands.append(" ".join(member.cmdline()))
        assert commands
        secret = (server.data_dir / "password").read_text()
        assert not [command for command in commands if secret in command]


class TestPostgres:
    def test_a_lock_whose_process_number_went_to_a_stranger_is_no_obstacle(self, directory):
        server = start_postgres(directory / "server")
        lock = directory / "server" / "data" / "postmaster.pid"
        text = lock.read_text()
        server.process.kill()
        server.process.wait()
        lock.write_text(text.replace(str(server.process.pid), str(os.getpid()), 1))
        again = start_postgres(directory / "server")
        try:
            psycopg.connect(again.url.replace("+psycopg", "")).close()
        finally:
            again.stop()

    def test_an_interrupted_first_start_begins_anew(self, directory):
        half = directory / "server" / "data.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")
        server = start_postgres(directory / "server")
        server.stop()
        assert not half.exists()

    def test_files_of_another_version_are_refused_with_a_sentence(self, directory):
        start_postgres(directory / "server").stop()
        (directory / "server" / "data" / "PG_VERSION").write_text("16\n")
        with pytest.raises(StartFailed, match="written by PostgreSQL 16"):
            start_postgres(directory / "server")

    def test_cyrillic_is_lower_cased_whatever_the_machine(self, directory):
        server = start_postgres(directory / "server", durable=False)
        try:
            with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
                row = connection.execute("SELECT lower('КЛЮЧ Ñ')").fetchone()
        finally:
            server.stop()
        assert row == ("ключ ñ",)

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
    def test_an_interrupted_first_start_begins_anew(self, directory):
        half = directory / "server" / "data.new"
        half.mkdir(parents=True)
        (half / "WiredTiger").write_text("half")
        server = start_mongo(directory / "server", durable=False)
        server.stop()
        assert not half.exists()

    def test_a_user_whom_a_stranger_made_at_its_first_start_is_noticed(self, directory):
        server = start_mongo(directory / "server", durable=False)
        try:
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
