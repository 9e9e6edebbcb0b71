"""JSON routes of goods and stock, below /api/v1/products."""

from app.kit.api.operations import api_blueprint

blueprint = api_blueprint("products_api", __name__, "products")

from app.products.api import catalogue, selling, stock  # noqa: E402, F401  # they fill it
