"""The MongoDB protocol on WiredTiger, from the SecantusDB wheel: conversations and messages."""

import sys
from pathlib import Path

from app.embedded.processes import (
    LOOPBACK,
    EmbeddedServer,
    Launch,
    password,
    port_answers,
    prepare_directory,
    start_on_free_port,
)

USER = "byteshop"
ROOT = Path(__file__).resolve().parents[2]


def start_mongo(data_dir: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start the server with its data in this directory; raises StartFailed.

    The address names the database `byteshop`; users are kept in `admin`. `durable=False` trades
    safety for speed, for tests.
    """
    prepare_directory(data_dir)
    secret = password(data_dir)
    storage = data_dir.resolve() / "data"

    def plan(port: int) -> Launch:
        return Launch(
            "MongoDB (SecantusDB)",
            [
                *(sys.executable, "-m", "app.embedded.mongo_server", str(port), str(storage)),
                *(["--durable"] if durable else []),
            ],
            data_dir,
            lambda: port_answers(port),
            stdin=secret,
            cwd=ROOT,
        )

    process, port = start_on_free_port(plan)
    url = (
        f"mongodb://{USER}:{secret}@{LOOPBACK}:{port}/byteshop"
        "?authSource=admin&directConnection=true"
    )
    return EmbeddedServer("MongoDB (SecantusDB)", url, process, data_dir)
