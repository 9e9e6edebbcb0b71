"""The MongoDB protocol on WiredTiger, from the SecantusDB wheel: conversations and messages.

SecantusDB is under the GPL-2.0: it is started by its own command, as a program of its own, and
nothing here imports it.
"""

import shutil
import sys
from pathlib import Path

from app.embedded.errors import StartFailed
from app.embedded.processes import (
    LOOPBACK,
    EmbeddedServer,
    Launch,
    password,
    port_answers,
    prepare_directory,
    start_on_free_port,
)

NAME = "MongoDB (SecantusDB)"
USER = "byteshop"
# The cache is a limit, not what is taken at once. With 128 MB and an oplog of 100,000 entries, from
# which change streams go on, the server froze for all its clients after some 180,000 messages.
SETTINGS = """\
[server]
host = "127.0.0.1"

[storage]
cache_size = "1G"

[oplog]
max_entries = 5000
"""


def start_mongo(data_dir: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start the server with its data in this directory; raises StartFailed.

    The address names the database `byteshop`; users are kept in `admin`. `durable=False` trades
    safety for speed, for tests.
    """
    prepare_directory(data_dir)
    secret = password(data_dir)
    (data_dir / "secantusd.toml").write_text(SETTINGS)
    storage = data_dir / "data"
    is_new = not storage.exists()
    if is_new:
        _create(data_dir, storage, secret)
    # Without --sync-on-commit the last seconds of a killed server are lost, answered writes
    # included.
    options = ["--auth", *(["--sync-on-commit"] if durable else [])]
    server = _start(data_dir, storage, f"{USER}:{secret}@", *options)
    if is_new:
        try:
            refuse_strangers(server)
        except StartFailed:
            server.stop()
            shutil.rmtree(storage)
            raise
    return server


def _start(data_dir: Path, storage: Path, who: str, *options: str) -> EmbeddedServer:
    def plan(port: int) -> Launch:
        return Launch(
            NAME,
            [
                *(sys.executable, "-m", "secantus", "--config", "secantusd.toml"),
                *("--port", str(port), "--storage-path", str(storage.resolve()), *options),
            ],
            data_dir,
            lambda: port_answers(port),
            knock_port=port,  # it waits for its listener up to two seconds
        )

    process, port = start_on_free_port(plan)
    url = f"mongodb://{who}{LOOPBACK}:{port}/byteshop?authSource=admin&directConnection=true"
    return EmbeddedServer(NAME, url, process, data_dir)


def _create(data_dir: Path, storage: Path, secret: str) -> None:
    """Make the files with the one user in them, or none.

    The server that asks for passwords lets nobody in who could make the first user, not even from
    this machine: so it runs for a moment without, while there is nothing to see.
    """
    from pymongo import MongoClient  # noqa: PLC0415  # takes 0.3 s that only a first start has

    new = storage.with_name("data.new")
    shutil.rmtree(new, ignore_errors=True)  # of an interrupted first start
    server = _start(data_dir, new, "")
    try:
        with MongoClient[dict[str, object]](server.url) as client:
            client.admin.command("createUser", USER, pwd=secret, roles=["root"])
    finally:
        server.stop()
    new.rename(storage)


def refuse_strangers(server: EmbeddedServer) -> None:
    """Raise StartFailed if somebody else made a user while no password was asked for."""
    from pymongo import MongoClient  # noqa: PLC0415  # as above

    with MongoClient[dict[str, object]](server.url) as client:
        if client.admin["system.users"].distinct("_id") != [f"admin.{USER}"]:
            raise StartFailed(f"Somebody else came into the new {NAME}. Start once more.")
