"""`python -m app.embedded run | reset | exec COMMAND …`."""

import argparse
import errno
import io
import os
import signal
import sys

from app.embedded.instance import INSTANCE, MARK, carry_mark, end_roles, mark

# What a sentence says as well as a trace: a full disk, a directory that can not be one.
_PLACE_IS_WRONG = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
)


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # their terminal may know no arrows
    try:
        return _do(arguments)
    except KeyboardInterrupt:  # too early for the run's own way to stop
        return 128 + signal.SIGINT
    except OSError as error:
        if error.errno not in _PLACE_IS_WRONG:
            raise
        sys.stderr.write(f"{error.filename or INSTANCE}: {error.strerror}.\n")
        return 1


def _do(arguments: argparse.Namespace) -> int:
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
    finally:
        end_roles(INSTANCE)


if __name__ == "__main__":
    sys.exit(main())
