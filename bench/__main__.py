"""`make bench`: start throwaway shops, measure, print one table. Names of benchmarks pick some."""

import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from app.extensions import db
from app.factory import create_app
from app.settings import Settings
from bench import api, auth, catalogue, chats, claims, delivery, machine, pages, phone, start
from bench.figures import Figure, print_table
from tests.support import servers as throwaway
from tests.support.shop import Shop, environment_for

BENCHMARKS: dict[str, tuple[str, Callable[[Flask, Shop], list[Figure]]]] = {
    "catalogue": ("A page of 30 products out of 10,000", catalogue.run),
    "pages": ("Whole pages, in process", pages.run),
    "phone": ("First view on a phone, processor ×4 slower, 1.6 Mbit/s and 150 ms away", phone.run),
    "api": ("Catalogue JSON of 30 products, out of ten thousand and a million", api.run),
    "claims": ("Units claimed of one hot product, 8 clients", claims.run),
    "auth": ("Whose token is this, asked over gRPC", auth.run),
    "delivery": ("From the capture's answer to the key in the buyer's open page", delivery.run),
    "chats": ("Conversations: sockets held, messages at a rate, reading among many", chats.run),
    "start": ("`make run`, once its data is there", start.run),
}


def main(names: list[str]) -> int:
    """Run the benchmarks named, or all; each on an empty shop of its own.

    One that fails costs no other its figures. Returns the status to exit with: 1 if any failed.
    """
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        raise SystemExit(
            f"No such benchmark: {', '.join(unknown)}. There are {', '.join(BENCHMARKS)}."
        )
    before = machine.speed()
    groups: dict[str, list[Figure]] = {}
    failed = []
    throwaway.open_run()
    try:
        for name in names or list(BENCHMARKS):
            title, run = BENCHMARKS[name]
            print(f"measuring: {title} …", flush=True)
            try:
                groups[title] = _measure(name, run)
            except Exception:  # noqa: BLE001  # told below, with what the others measured
                traceback.print_exc()
                failed.append(name)
    finally:
        throwaway.close_run()
    print_table(groups)
    print(
        f"\nThis machine: {before:.1f} million turns of a fixed loop a second before, "
        f"{machine.speed():.1f} after.\nCPU ms are those of a machine that does "
        f"{machine.REFERENCE_SPEED:g}; compare other figures by their ratios alone."
    )
    if failed:
        print(f"\nFailed, see above: {', '.join(failed)}.")
    return 1 if failed else 0


def _measure(name: str, run: Callable[[Flask, Shop], list[Figure]]) -> list[Figure]:
    stores = throwaway.servers()
    with tempfile.TemporaryDirectory() as directory:
        environment = environment_for(
            database_url=stores.create_database(f"bench_{name}"),
            redis_url=stores.redis_url_of(15),
            mongo_url=stores.mongo_url_of("bench"),
            smtp_url=stores.smtp_url,
            data_dir=Path(directory),
        )
        values = {key.lower(): value for key, value in environment.items()}
        known = {key: value for key, value in values.items() if key in Settings.model_fields}
        application = create_app(Settings(**known))
        with application.app_context():
            upgrade(directory="migrations")
        try:
            with Shop(environment, Path(directory)) as shop:
                return run(application, shop)
        finally:
            with application.app_context():
                db.engine.dispose()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
