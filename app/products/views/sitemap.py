"""The sitemap, for search engines: https://www.sitemaps.org/protocol.html."""

from uuid import UUID

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.kit import i18n, ratelimit
from app.kit.access import Access, allow
from app.kit.requests import network, public
from app.products.queries import sitemap as parts
from app.products.queries.categories import shelves
from app.products.views import blueprint

LIMIT = "60/minute"
KEPT_SECONDS = 3600


@blueprint.get("/sitemap.xml")
@allow(Access.PUBLIC)
def sitemap() -> ResponseReturnValue:
    """The parts."""
    ratelimit.spend(LIMIT, "sitemap", network())
    addresses = [
        url_for("products.sitemap_pages"),
        *(url_for("products.sitemap_part", start=start) for start in parts.part_starts()),
    ]
    return _xml("products/sitemap_index.xml", [public(address) for address in addresses])


@blueprint.get("/sitemap/pages.xml")
@allow(Access.PUBLIC)
def sitemap_pages() -> ResponseReturnValue:
    """The front page, the catalogue and its categories."""
    slugs = [shelf.slug for top in shelves(i18n.locale()) for shelf in (top, *top.children)]
    addresses = [
        url_for("products.catalogue"),
        url_for("products.listing"),
        *(url_for("products.category", slug=slug) for slug in slugs),
    ]
    return _xml("products/sitemap.xml", [(public(address), None) for address in addresses])


@blueprint.get("/sitemap/products-<uuid:start>.xml")
@allow(Access.PUBLIC)
def sitemap_part(start: UUID) -> ResponseReturnValue:
    """The pages of the products of one part."""
    ratelimit.spend(LIMIT, "sitemap", network())
    entries = [
        (public(url_for("products.detail", product_id=entry.product_id)), entry.published_at)
        for entry in parts.part(start)
    ]
    return _xml("products/sitemap.xml", entries)


def _xml(template: str, entries: object) -> Response:
    response = Response(render_template(template, entries=entries), mimetype="application/xml")
    response.cache_control.public = True
    response.cache_control.max_age = KEPT_SECONDS
    response.add_etag()
    response.make_conditional(request)  # the same one, emptied where the asker has it
    return response
