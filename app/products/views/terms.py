"""In which categories the shop takes another commission, for pages of domains below."""

from markupsafe import Markup

from app.kit import i18n, slots
from app.products.queries.commission import terms_of


def by_category() -> Markup:
    """What somebody who begins to sell would pay where it is not the default."""
    return slots.render("products/_by_category.html", terms=terms_of(None, i18n.locale()))
