"""Importing the shop ahead of need: the longest part of a start, done while the stores start.

`python -m app.embedded.ahead COMMAND` does so for the command of the sockets, whose workers are
gevent's, which has to come before every other import; then it reads the environment by stdin and
becomes the command.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence

# By name: this package leans on nothing of the shop.
# The last ones are what SQLAlchemy, limits and gunicorn look for only once they know the settings.
_PAGES = ("app.factory", "gunicorn.app.wsgiapp", "psycopg", "valkey", "gunicorn.http")
SOCKETS = (*_PAGES, "gunicorn.workers.ggevent", "grpc")
SHOP = (*_PAGES, "gunicorn.workers.gthread")
SANDBOX = ("app.sandbox",)
_PR_SET_PDEATHSIG = 1


def preload(modules: Sequence[str]) -> None:
    """Import these modules for good."""
    gc.disable()  # there is no garbage to look for yet
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # so that no fork copies their memory by looking for garbage in it
    gc.enable()


def build(environment: Mapping[str, str]) -> None:
    """Make the application that is configured by this environment, for the forks to come."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        preload(["wsgi"])
    finally:
        os.environ.clear()
        os.environ.update(before)


def become(command: str, environment: Mapping[str, str]) -> None:
    """Do in this process what a command of the Procfile does that calls a Python program."""
    words = shlex.split(command)
    own = {}
    while "=" in words[0]:
        name, value = words.pop(0).split("=", 1)
        own[name] = value
    if own.items() - environment.items():
        sys.modules.pop("wsgi", None)  # the application that was made has other settings
    os.environ.clear()
    os.environ.update({**environment, **own})
    program = shutil.which(words[0])
    if program is None:
        sys.exit(f"There is no command {words[0]!r}.")
    sys.argv = [program, *words[1:]]
    runpy.run_path(program, run_name="__main__")


def end_with(parent: int) -> None:
    """Have this process told to end once its parent has, even if that was killed; on Linux."""
    if sys.platform != "linux":
        return  # what is left behind there is ended by the next start
    # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)  # it was gone before


def main() -> None:
    """Wait for the environment; end without a word if none comes."""
    from gevent import monkey  # noqa: PLC0415  # patches this process alone

    monkey.patch_all()
    end_with(os.getppid())
    preload(SOCKETS)
    if text := sys.stdin.read():
        become(sys.argv[1], json.loads(text))


if __name__ == "__main__":
    main()
