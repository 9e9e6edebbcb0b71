"""Which other origins' pages may call the API: none, unless a setting names them."""

from flask import Flask
from flask_cors import CORS

from app.kit.api import limits


def init_app(app: Flask) -> None:
    """Answer the browsers of those pages; no cookie ever counts."""
    named = app.extensions["settings"].api_cors_origins.split(",")
    origins = [origin.strip() for origin in named if origin.strip()]
    if origins:
        CORS(
            app,
            resources={r"/api/*": {"origins": origins}},
            expose_headers=["ETag", "Link", "Location", "Retry-After", *limits.HEADERS],
            max_age=600,
        )
