"""`python -m app.embedded run | reset | exec COMMAND …`."""

import argparse
import os
import signal
import sys

from app.embedded.instance import INSTANCE, MARK, carry_mark, end_roles, mark


def main() -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.embedded", description="A local ByteShop.")
    actions = parser.add_subparsers(dest="action")
    actions.add_parser("run", help="start the stores and every role (the default)")
    actions.add_parser("reset", help="delete all data")
    join = actions.add_parser("exec", help="run a command in the shop's environment")
    join.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.action == "exec" and not arguments.command:
        join.error("name a command")
    if arguments.action in {"reset", "exec"}:
        from app.embedded.run import execute, reset  # noqa: PLC0415

        return reset() if arguments.action == "reset" else execute(arguments.command)
    carry_mark(INSTANCE)
    from app.embedded.roles import Roles  # noqa: PLC0415

    roles = Roles()
    try:
        roles.begin({**os.environ, MARK: mark(INSTANCE)})
        # After that, since it takes as long.
        from app.embedded.run import run  # noqa: PLC0415

        return run(roles)
    except KeyboardInterrupt:  # too early for the run's own way to stop
        return 128 + signal.SIGINT
    finally:
        end_roles(INSTANCE)


if __name__ == "__main__":
    sys.exit(main())
