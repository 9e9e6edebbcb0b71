"""Bare Flask routes, on the same gunicorn: what a page costs before the shop does anything."""

import os

from flask import Flask, jsonify
from jinja2 import Environment
from sqlalchemy import create_engine, text
from werkzeug.wrappers import Response

STATEMENT, LENGTH = "BARE_STATEMENT", "BARE_LENGTH"  # what /page asks, and how many bytes it is
FLAT = """<!doctype html><title>Bare</title>{{ filling }}<ul>
{%- for row in rows %}<li>{% for value in row %}<b>{{ value }}</b>{% endfor %}</li>{% endfor -%}
</ul>"""


def create_app() -> Flask:
    """Routes of one word, of a query as JSON and, where the variables say which, of a page."""
    app = Flask(__name__)
    engine = create_engine(os.environ["DATABASE_URL"], pool_size=10)

    @app.get("/")
    def bare() -> str:
        return "bare"

    @app.get("/query")
    def query() -> Response:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT id, title FROM product LIMIT 30")).all()
        return jsonify([[str(row.id), row.title] for row in found])

    @app.get("/healthz")
    def alive() -> str:
        return "ok"

    if STATEMENT in os.environ:
        statement = os.environ[STATEMENT]

        def rows() -> list[tuple[object, ...]]:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.exec_driver_sql(statement)]

        flat = Environment(autoescape=True).from_string(FLAT)
        filling = "x" * (int(os.environ[LENGTH]) - len(flat.render(rows=rows()).encode()))
        engine.dispose()  # gunicorn forks off what has been made here

        @app.get("/page")
        def page() -> str:
            return flat.render(rows=rows(), filling=filling)

    return app
