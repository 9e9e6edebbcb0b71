"""A bare Flask route, on the same gunicorn: what a page costs before the shop does anything."""

import os

from flask import Flask, jsonify
from sqlalchemy import create_engine, text
from werkzeug.wrappers import Response


def create_app() -> Flask:
    """One route of a few words, and one that asks the shop's database a query."""
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

    return app
