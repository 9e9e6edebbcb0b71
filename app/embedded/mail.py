"""The catcher of mail: takes every mail over SMTP, delivers none, and shows them on a page."""

import sys
from pathlib import Path

from app.embedded.processes import (
    LOOPBACK,
    EmbeddedServer,
    Launch,
    free_port,
    port_answers,
    prepare_directory,
    start_on_free_port,
)

ROOT = Path(__file__).resolve().parents[2]


def start_smtp(data_dir: Path, *, inbox_port: int | None = None) -> EmbeddedServer:
    """Start the catcher with its mails in this directory; raises StartFailed.

    `page_url` is the inbox page; `inbox_port` gives it a port of your choice.
    """
    prepare_directory(data_dir)
    page_port = inbox_port or free_port()

    def plan(port: int) -> Launch:
        return Launch(
            "The mail catcher",
            [
                *(sys.executable, "-m", "app.embedded.inbox"),
                *(str(port), str(page_port), str(data_dir.resolve() / "mails")),
            ],
            data_dir,
            lambda: port_answers(port) and port_answers(page_port),
            cwd=ROOT,
        )

    process, port = start_on_free_port(plan)
    return EmbeddedServer(
        "The mail catcher",
        f"smtp://{LOOPBACK}:{port}",
        process,
        data_dir,
        page_url=f"http://{LOOPBACK}:{page_port}/",
    )
