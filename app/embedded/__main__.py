"""`python -m app.embedded run | reset | exec COMMAND …`."""

import argparse
import sys

from app.embedded.run import execute, reset, run


def main() -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.embedded", description="A local ByteShop.")
    actions = parser.add_subparsers(dest="action")
    actions.add_parser("run", help="start the stores and every role (the default)")
    actions.add_parser("reset", help="delete all data")
    join = actions.add_parser("exec", help="run a command in the shop's environment")
    join.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.action == "reset":
        return reset()
    if arguments.action == "exec":
        if not arguments.command:
            join.error("name a command")
        return execute(arguments.command)
    return run()


if __name__ == "__main__":
    sys.exit(main())
