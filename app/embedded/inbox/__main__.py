"""`python -m app.embedded.inbox SMTP_PORT PAGE_PORT DIRECTORY`: serve until SIGTERM."""

import argparse
import logging
import signal
import threading
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from werkzeug.serving import make_server

from app.embedded.inbox.views import create_app
from app.embedded.processes import LOOPBACK


def main() -> None:
    """Take mails on one port and show them on another."""
    parser = argparse.ArgumentParser()
    parser.add_argument("smtp_port", type=int)
    parser.add_argument("page_port", type=int)
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("werkzeug").setLevel("ERROR")

    catcher = Controller(
        Mailbox(arguments.directory),
        hostname=LOOPBACK,
        port=arguments.smtp_port,
        ident="ByteShop mail catcher",
        enable_SMTPUTF8=True,
    )
    page = make_server(
        LOOPBACK, arguments.page_port, create_app(arguments.directory), threaded=True
    )

    def stop(_signal: int, _frame: object) -> None:
        # From a thread of its own: shutdown() waits for the loop that this handler interrupts.
        threading.Thread(target=page.shutdown).start()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    catcher.start()
    page.serve_forever()
    catcher.stop()


if __name__ == "__main__":
    main()
