"""Alembic's environment: migrations run with the application's own engine."""

from alembic import context
from flask import current_app
from sqlalchemy import text

from app.extensions import db

# A migration that waits for a lock makes every later query of that table wait with it.
LOCK_TIMEOUT = "5s"


def run() -> None:
    """Run the migrations, in one transaction."""
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, target_metadata=db.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()


run()
