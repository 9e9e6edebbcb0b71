"""What people read for the choices of a listing."""

from flask_babel import lazy_gettext as _l

from app.products.models import Sort

SORTS = {
    Sort.NEW: _l("Newest first"),
    Sort.POPULAR: _l("Best-selling"),
    Sort.PRICE_ASC: _l("Price: low to high"),
    Sort.PRICE_DESC: _l("Price: high to low"),
    Sort.RELEVANCE: _l("Best match"),
}
