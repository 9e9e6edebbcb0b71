"""Pages of goods: the catalogue, and the sellers' side of it."""

from flask import Blueprint

blueprint = Blueprint("products", __name__)

from app.products.views import catalogue, seller, sitemap, stock, terms  # noqa: E402,F401  # they add their routes to it
