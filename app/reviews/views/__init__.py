"""Pages of reviews and sellers, and the sections of them in pages of products and purchases."""

from flask import Blueprint

blueprint = Blueprint("reviews", __name__)

from app.reviews.views import (  # noqa: E402,F401  # they add their routes to it
    moderating,
    reacting,
    sections,
    sellers,
    writing,
)
