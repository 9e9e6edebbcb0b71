"""`make bench`: start a throwaway shop, measure, print a table. Names of benchmarks pick some."""

import sys
import tempfile
from pathlib import Path

from flask_migrate import upgrade

from app.extensions import db
from app.factory import create_app
from app.settings import Settings
from bench import api, auth, catalogue, claims, delivery
from bench.figures import Figure, print_table
from tests.support import servers as throwaway
from tests.support.shop import Shop, environment_for

BENCHMARKS = {
    "claims": ("Units claimed a second on one hot product, 8 clients", claims.run),
    "catalogue": ("A page of 30 products out of 10,000", catalogue.run),
    "auth": ("Whose token is this, asked over gRPC, against a bare echo", auth.run),
    "api": ("Catalogue JSON of 30 products, out of ten thousand and a million", api.run),
    "delivery": ("From the capture's answer to the key in the buyer's open page", delivery.run),
}


def main(names: list[str]) -> None:
    """Run the benchmarks named, or all."""
    throwaway.open_run()
    try:
        for name in names or list(BENCHMARKS):
            title, _run = BENCHMARKS[name]
            print(f"measuring: {title} …", flush=True)
            print_table(title, _measure(name))
    finally:
        throwaway.close_run()


def _measure(name: str) -> list[Figure]:
    """One benchmark on an empty shop of its own."""
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
            if name == "claims":
                return claims.run(application)
            with Shop(environment, Path(directory)) as shop:
                run = BENCHMARKS[name][1]
                return run(application, shop)
        finally:
            with application.app_context():
                db.engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1:])
