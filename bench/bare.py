"""A bare Flask route, on the same gunicorn: what a page costs before the shop does anything."""

from flask import Flask


def create_app() -> Flask:
    """One route, a few words."""
    app = Flask(__name__)

    @app.get("/")
    def bare() -> str:
        return "bare"

    @app.get("/healthz")
    def alive() -> str:
        return "ok"

    return app
