"""What search engines are told of."""

import re
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient

from app.auth.service import moderation
from app.products.queries import sitemap
from app.products.service import products
from tests.factories.auth import make_user
from tests.factories.products import make_product

SPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def locations(client: FlaskClient, path: str) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.mimetype == "application/xml"
    return [str(found.text) for found in ET.fromstring(answer.data).iter(f"{SPACE}loc")]


def listed(client: FlaskClient) -> list[UUID]:
    """The products of all parts, in their order."""
    base = "http://localhost"
    parts = [part.removeprefix(base) for part in locations(client, "/sitemap.xml")]
    addresses = [address for part in parts for address in locations(client, part)]
    found = [re.fullmatch(rf"{base}/products/([0-9a-f-]{{36}})", address) for address in addresses]
    return [UUID(match[1]) for match in found if match]


@pytest.fixture(autouse=True)
def _public_url(app, monkeypatch):
    monkeypatch.setitem(app.config, "PUBLIC_URL", "http://localhost")


def test_each_product_for_sale_stands_in_one_part(app, client, monkeypatch):
    monkeypatch.setattr(sitemap, "PART_SIZE", 3)
    seller, banned = make_user(roles=("seller",)), make_user(roles=("seller",))
    shown = [make_product(seller).id for _ in range(8)]
    hidden = make_product(seller).id
    products.hide(seller_id=seller.id, product_id=hidden)
    make_product(banned)
    moderation.ban_user(user_id=banned.id)
    make_product(seller, published=False)
    assert listed(client) == sorted(shown)


def test_the_pages_of_the_catalogue_are_there_in_an_empty_shop(client):
    assert locations(client, "/sitemap/pages.xml")[:2] == [
        "http://localhost/",
        "http://localhost/products",
    ]
    assert listed(client) == []


def test_whoever_has_it_is_not_sent_it_again(client):
    first = client.get("/sitemap.xml")
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    again = client.get("/sitemap.xml", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_each_part_is_one_statement(app, client, query_counter):
    make_product(make_user(roles=("seller",)))
    query_counter.clear()
    client.get(f"/sitemap/products-{sitemap.FIRST}.xml")
    assert len(query_counter) == 1


def test_robots_are_led_to_it_and_kept_out_of_what_is_private(client):
    lines = client.get("/robots.txt", headers={"Host": "localhost"}).text.splitlines()
    assert "Sitemap: http://localhost/sitemap.xml" in lines
    for path in ("/order/", "/auth/", "/api/"):
        assert f"Disallow: {path}" in lines


def test_the_old_address_of_the_icon_has_one(client):
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.mimetype == "image/svg+xml"
    answer.close()
