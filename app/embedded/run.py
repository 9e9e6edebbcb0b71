"""`make run`: the stores, then every role of the Procfile, until Ctrl-C."""

import contextlib
import errno
import hashlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import requests

from app.embedded import instance as place
from app.embedded import keys, stopping
from app.embedded.ahead import SANDBOX, SHOP, build, preload
from app.embedded.environment import (
    DEFAULT_PORT,
    LAST_PORT,
    STORE_ADDRESSES,
    Ports,
    missing_stores,
    settings,
    uses_sandbox,
)
from app.embedded.errors import StartFailed
from app.embedded.instance import INSTANCE
from app.embedded.processes import LOOPBACK, EmbeddedServer, port_answers, port_refused
from app.embedded.roles import CHUNK, Forked, Roles

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
POLL_SECONDS = 0.05
DEMO_PASSWORD = "byteshop-demo"  # noqa: S105  # shown to everyone who runs the demo
DEMO_ACCOUNTS = ("buyer@example.com", "seller@example.com", "admin@example.com")


def run(roles: Roles) -> int:
    """Start everything and serve until a signal; the exit code."""
    stopping.listen()
    try:
        with place.locked(INSTANCE), ExitStack() as stack:
            ports = Ports.from_environment(os.environ)
            place.end_leftovers(INSTANCE)
            environment = _prepare(ports)
            _check_ports(ports)
            environment |= stack.enter_context(_stores(ports, meanwhile=_preload))
            _build(environment)
            stopping.check()
            _check_addresses(environment)
            stack.callback(place.forget_environment, INSTANCE)
            stack.callback(place.end_roles, INSTANCE)
            place.write_environment(INSTANCE, environment)
            has_demo_data = _release(environment)
            code = _serve(roles, environment, ports, has_demo_data=has_demo_data)
            say("Stopping the stores …")
    except StartFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except stopping.Stopped:
        code = 0
    say("ByteShop has stopped." if code == 0 else "ByteShop has stopped: the lines above say why.")
    return code


def execute(command: Sequence[str]) -> int:
    """Run a command in the environment of the running shop, or with stores started for it alone."""
    try:
        if place.is_running(INSTANCE):
            return _call(command, place.read_environment(INSTANCE))
        stopping.listen()
        with place.locked(INSTANCE):
            ports = Ports.from_environment(os.environ)
            environment = _prepare(ports)
            with _stores(ports, quiet=True) as addresses:
                return _call(command, environment | addresses)
    except StartFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except stopping.Stopped:
        return 128 + signal.SIGINT


def reset() -> int:
    """Delete all data of the local shop; the exit code."""
    try:
        place.empty(INSTANCE)
    except StartFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    say(f"{INSTANCE} is empty; `make run` begins anew.")
    return 0


def say(line: str) -> None:
    """Tell the person at the terminal, who may have closed it."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def _prepare(ports: Ports) -> dict[str, str]:
    secrets = keys.load(INSTANCE / "secrets.env")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {
        **os.environ,
        **settings(os.environ, INSTANCE, ports, secrets),
        "PATH": path,
        "PYTHONUNBUFFERED": "1",
        place.MARK: place.mark(INSTANCE),
    }
    # Without compiled files each role would compile the shop anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _check_ports(ports: Ports) -> None:
    wanted = {ports.web: "the shop", ports.chat: "live updates"}
    if not os.environ.get("AUTH_GRPC_LISTEN"):
        wanted[ports.auth] = "the auth service"
    if uses_sandbox(os.environ):
        wanted[ports.paypal] = "the PayPal sandbox"
    if not os.environ.get("SMTP_URL"):
        wanted[ports.inbox] = "the inbox page"
    for port, purpose in wanted.items():
        if error := port_refused(port):
            why = (
                "is taken by another program. Stop that one, or"
                if error.errno == errno.EADDRINUSE
                else f"can't be had: {error.strerror}. Please"
            )
            other = max(ports.web, DEFAULT_PORT) + 1000
            other = other if other <= LAST_PORT - 5 else DEFAULT_PORT
            raise StartFailed(
                f"Port {port}, meant for {purpose}, {why} choose other ports: "
                f"`make run PORT={other}` takes that one and the four above it."
            )


@contextlib.contextmanager
def _stores(
    ports: Ports, *, quiet: bool = False, meanwhile: Callable[[], None] | None = None
) -> Iterator[dict[str, str]]:
    """Start the stores that the environment lacks, side by side; their addresses by variable."""
    starts = missing_stores(os.environ, INSTANCE, ports)
    running: list[EmbeddedServer] = []
    try:
        with ThreadPoolExecutor() as pool:
            began = time.monotonic()
            futures: dict[Future[EmbeddedServer], str] = {}
            for name, start in starts.items():
                future = pool.submit(start)
                future.add_done_callback(lambda done: _note(done, running, began, quiet=quiet))
                futures[future] = name
            if meanwhile:
                meanwhile()
            _wait(futures)
        yield {name: future.result().url for future, name in futures.items()}
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(EmbeddedServer.stop, running))


def _wait(futures: Collection[Future[EmbeddedServer]]) -> None:
    """Wait until all are there or one has failed."""
    pending = set(futures)
    while pending:
        stopping.check()
        done, pending = wait(futures, POLL_SECONDS, FIRST_EXCEPTION)
        if any(future.exception() for future in done):
            return


def _note(
    done: Future[EmbeddedServer], running: list[EmbeddedServer], began: float, *, quiet: bool
) -> None:
    if done.exception() is None:
        server = done.result()
        running.append(server)
        if not quiet:
            say(f"✓ {server.name} ({time.monotonic() - began:.1f} s)")


def _preload() -> None:
    """Import what the roles need, before they are forked off this process."""
    preload([*SHOP, *(SANDBOX if uses_sandbox(os.environ) else ())])


def _build(environment: Mapping[str, str]) -> None:
    """Make the application that most roles share; raises StartFailed if a setting is wrong."""
    try:
        build(environment)
    except SystemExit:
        raise StartFailed("Mend the settings that the lines above name.") from None


def _check_addresses(environment: Mapping[str, str]) -> None:
    """Raise StartFailed if a store whose address was given can't be reached."""
    given = [name for name in STORE_ADDRESSES if os.environ.get(name)]
    if given:
        _must_call(
            "flask --app wsgi check-stores",
            environment,
            f"Mend or unset {', '.join(given)}: where one is unset, the shop starts a server "
            "of its own.",
        )


def _release(environment: Mapping[str, str]) -> bool:
    """Bring the database up to date; whether it holds the demo data.

    Only a database of our own gets demo accounts, whose password everybody knows; another one gets
    them where APP_ENV=demo asks for it.
    """
    is_own = not os.environ.get("DATABASE_URL")
    has_demo_data = is_own or os.environ.get("APP_ENV") == "demo"
    stamp = INSTANCE / "postgres" / "released"
    digest = _release_digest()
    if is_own and stamp.exists() and stamp.read_text() == digest:
        return True
    say("→ Bringing the database up to date")
    _must_call("flask --app wsgi db upgrade", environment)
    if has_demo_data:
        say("→ Adding demo data")
        _must_call("flask --app wsgi demo-data", environment)
    if is_own:
        stamp.write_text(digest)
    return has_demo_data


def _release_digest() -> str:
    """What the database was brought up to date from."""
    digest = hashlib.sha256()
    for folder in (ROOT / "migrations", ROOT / "app" / "demo"):
        for file in sorted(folder.rglob("*.py")):
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _must_call(command: str, environment: Mapping[str, str], advice: str = "") -> None:
    called = Forked(command, env=environment, cwd=str(ROOT))
    output = b""
    chunk: bytes | None = None
    while chunk != b"":
        output += chunk or b""
        stopping.check()
        said, _, _ = select.select([called.stdout], [], [], POLL_SECONDS)
        chunk = os.read(called.stdout.fileno(), CHUNK) if said else None
    if called.wait():
        last = advice or f"`{command}` failed; the lines above say why."
        raise StartFailed(f"{output.decode(errors='replace').rstrip()}\n{last}")


def _call(command: Sequence[str], environment: Mapping[str, str]) -> int:
    try:
        process = subprocess.Popen(command, cwd=ROOT, env=environment)
    except FileNotFoundError:
        raise StartFailed(f"There is no command {command[0]!r}.") from None
    with process:
        try:
            while process.poll() is None:
                stopping.check()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_SECONDS)
        except stopping.Stopped:
            process.kill()
            raise
    return process.returncode


def _serve(
    roles: Roles, environment: Mapping[str, str], ports: Ports, *, has_demo_data: bool
) -> int:
    """Run the roles until a signal or until one of them ends; the exit code."""
    say("→ Starting the shop")

    def watch() -> None:
        announce = partial(_announce, ports, has_demo_data=has_demo_data)
        for work in (announce, _stop_with_terminal):
            threading.Thread(target=work, daemon=True).start()

    with contextlib.suppress(OSError):  # a closed terminal takes no more lines
        return roles.serve(environment, sandbox=uses_sandbox(os.environ), begun=watch)
    return 1


def _stop_with_terminal() -> None:
    """Stop once the terminal is closed: a `make` that leads its session keeps that to itself."""
    if sys.stdout.isatty():
        closing = select.poll()
        closing.register(sys.stdout, 0)  # what is left to wait for is its end
        closing.poll()
        os.kill(os.getpid(), signal.SIGTERM)


def _announce(ports: Ports, *, has_demo_data: bool) -> None:
    """Wait until the shop answers, then say where it is."""
    pages = {"Shop": f"http://{LOOPBACK}:{ports.web}"}
    health = [f"http://{LOOPBACK}:{port}/healthz" for port in (ports.web, ports.chat)]
    if not os.environ.get("SMTP_URL"):
        pages["Inbox of its mails"] = f"http://{LOOPBACK}:{ports.inbox}"
    if uses_sandbox(os.environ):
        pages["PayPal sandbox"] = f"http://{LOOPBACK}:{ports.paypal}/sandbox"
        health.append(f"http://{LOOPBACK}:{ports.paypal}/healthz")
    deadline = time.monotonic() + READY_SECONDS
    while not (all(map(_is_healthy, health)) and _has_auth(ports)):
        if time.monotonic() > deadline:
            say(f"The shop did not answer within {READY_SECONDS} seconds; the lines above say why.")
            return
        time.sleep(POLL_SECONDS)
    took = time.time() - psutil.Process().create_time()
    lines = [f"ByteShop is ready after {took:.1f} seconds.", ""]
    lines += [f"  {title + ':':<22}{address}" for title, address in pages.items()]
    if has_demo_data:
        lines += ["", f"  Demo accounts, password {DEMO_PASSWORD}:"]
        lines += [f"    {account}" for account in DEMO_ACCOUNTS]
    lines += ["", f"  Ctrl-C stops everything; the data stays in {INSTANCE}."]
    say("\n" + "\n".join(lines) + "\n")


def _has_auth(ports: Ports) -> bool:
    return bool(os.environ.get("AUTH_GRPC_LISTEN")) or port_answers(ports.auth)


def _is_healthy(address: str) -> bool:
    try:
        return requests.get(address, timeout=2).ok
    except requests.RequestException:
        return False
