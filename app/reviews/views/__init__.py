"""Pages of reviews and sellers, and the sections of them in pages of products and purchases."""

from flask import Blueprint

from app.reviews.views.addresses import SellerName

blueprint = Blueprint("reviews", __name__)
blueprint.record_once(lambda state: state.app.url_map.converters.update(seller_name=SellerName))

from app.reviews.views import (  # noqa: E402,F401  # they add their routes to it
    moderating,
    reacting,
    sections,
    sellers,
    writing,
)
