"""The command line: migrations, worker, clock, first categories, demo data, checks."""

import gc
import logging
import time

import click
from flask import Flask, current_app
from flask_migrate import Migrate
from rq import Queue
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.auth.models import Role
from app.auth.queries import user_by_email
from app.auth.service import moderation, signing
from app.demo import data as demo
from app.demo import sales as demo_sales
from app.extensions import db
from app.health import stores
from app.kit import jobs, promises
from app.kit.clock import Clock
from app.kit.worker import LeanWorker
from app.orders.service import recounting
from app.payments.gateway import PaypalRefused, PaypalUnknown
from app.payments.service import subscribing
from app.products.service import shelves

log = logging.getLogger(__name__)
CLOCK_LOCK = 7_249_301  # PostgreSQL's advisory lock: one clock works at a time
_TICK_SECONDS = 0.5
_AWAY_SECONDS = 1
_STANDSTILL = "15s"


def init_app(app: Flask) -> None:
    """Add the commands, among them Flask-Migrate's `db`."""
    Migrate(app, db, directory="migrations")
    for command in (
        worker,
        clock,
        auth_server,
        add_categories,
        demo_data,
        check_stores,
        check_invariants,
        recount_earnings,
        make_admin,
        paypal_subscribe,
        rotate_signing_key,
    ):
        app.cli.add_command(command)


@click.command("worker")
@click.option("--queues", default=",".join(jobs.QUEUES), help="In order of urgency.")
def worker(queues: str) -> None:
    """Run the jobs of the queues, the most urgent first."""
    wanted = [name.strip() for name in queues.split(",")]
    if unknown := [name for name in wanted if name not in jobs.QUEUES]:
        there_are = ", ".join(jobs.QUEUES)
        raise click.BadParameter(f"There is no queue {', '.join(unknown)}; there are {there_are}.")
    connection = jobs.patient_redis()
    names = [Queue(name, connection=connection) for name in wanted]
    gc.collect()
    gc.freeze()  # what was imported is no garbage, and is looked through each time otherwise
    LeanWorker(names, connection=connection, worker_ttl=30).work(logging_level="WARNING")


@click.command("clock")
def clock() -> None:
    """Run the timed work until stopped; a second clock waits until the first is gone."""
    ticking = Clock(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
    while True:
        try:
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.detach()  # closed afterwards, not kept with its lock and its setting
                # A clock that stands still loses its lock to another.
                connection.execute(text(f"SET idle_session_timeout = '{_STANDSTILL}'"))
                # Asked again and again: to wait in the database would be ended by its lock_timeout.
                while not connection.scalar(text(f"SELECT pg_try_advisory_lock({CLOCK_LOCK})")):
                    time.sleep(_TICK_SECONDS)
                while True:
                    connection.execute(text("SELECT 1"))  # raises once the lock's session is gone
                    ticking.tick()
                    time.sleep(_TICK_SECONDS)
        except OperationalError:
            log.warning("the database can't be reached")
            time.sleep(_AWAY_SECONDS)
        except Exception:
            log.exception("clock stumbled")
            time.sleep(_TICK_SECONDS)


@click.command("auth-server")
def auth_server() -> None:
    """Serve authentication to the other roles over gRPC until SIGTERM."""
    # grpcio takes 20 MB and threads of its own: only roles that use it load it.
    from app.auth.rpc import server  # noqa: PLC0415

    try:
        server.serve(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001
    except server.CannotServe as refusal:
        raise click.ClickException(str(refusal)) from refusal


@click.command("add-categories")
def add_categories() -> None:
    """Add the default categories; existing ones are left unchanged."""
    click.echo(f"{shelves.ensure_categories()} categories were added.")


@click.command("demo-data")
def demo_data() -> None:
    """Fill an empty shop with demo users and products; with the sandbox, also sales and reviews."""
    click.echo(demo.fill())
    if current_app.extensions["settings"].paypal_ca_file is not None:
        jobs.enqueue(demo_sales.run, queue="timed")  # once there is a sandbox to ask


@click.command("check-stores")
def check_stores() -> None:
    """Name the configured stores that can't be reached, and why; exit 1 if there is one."""
    failures = stores.reach(current_app.extensions["settings"])
    for name, failure in failures.items():
        # MongoDB's driver tells of its whole view of the servers behind that word.
        reason = str(failure).partition(", Timeout:")[0].partition("\n")[0]
        click.echo(f"UNREACHABLE  {name}: {reason}" if failure else f"reached      {name}")
    if any(failures.values()):
        raise SystemExit(1)


@click.command("check-invariants")
def check_invariants() -> None:
    """Check the shop's promises and report each; exit 1 if one is broken."""
    broken = False
    for result in promises.check():
        broken = broken or not result.holds
        click.echo(f"{'holds ' if result.holds else 'BROKEN'}  {result.name}: {result.detail}")
    if broken:
        raise SystemExit(1)


@click.command("recount-earnings")
def recount_earnings() -> None:
    """Count anew what sellers have earned: after an upgrade, or when a promise about it breaks."""
    click.echo(f"{recounting.recount_earnings()} sums of sellers were written down.")


@click.command("paypal-subscribe")
@click.option("--check", is_flag=True, help="Only say what is missing.")
def paypal_subscribe(*, check: bool) -> None:
    """Have PayPal send all events that the shop acts on; exit 1 if it does not by then."""
    url = f"{current_app.extensions['settings'].public_url.rstrip('/')}/payments/paypal/webhook"
    try:
        found = subscribing.subscribe(url=url, change=not check)
    except PaypalUnknown as error:
        raise click.ClickException(f"PayPal gives no answer ({error}).") from error
    except PaypalRefused as error:
        raise click.ClickException(f"PayPal refuses: {error.issue}.") from error
    for name in found.missing:
        click.echo(f"{'missing ' if check else 'added   '}  {name}")
    for name in found.there:
        click.echo(f"there     {name}")
    for problem in found.problems:
        click.echo(f"PROBLEM   {problem}")
    if found.problems or (check and found.missing):
        raise SystemExit(1)


@click.command("make-admin")
@click.argument("email")
def make_admin(email: str) -> None:
    """Make a registered user an administrator; they have to log in again."""
    person = user_by_email(email.strip())
    if person is None:
        raise click.ClickException(f"Nobody has registered with {email}. Register first.")
    if Role.ADMIN in person.roles:
        click.echo(f"{person.email} is an administrator already.")
        return
    moderation.grant_role(user_id=person.id, role=Role.ADMIN)
    click.echo(f"{person.email} is an administrator from now on, after the next log-in.")


@click.command("rotate-signing-key")
def rotate_signing_key() -> None:
    """Sign access tokens with a new key; tokens signed with the previous one stay valid."""
    click.echo(f"Tokens are signed with key {signing.rotate()} from now on.")
