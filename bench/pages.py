"""CPU time that whole pages take in process, from the request to the last byte."""

from functools import partial

from flask import Flask
from flask.testing import FlaskClient

from app.auth.identity import SECRET
from app.auth.models import User
from app.auth.service import sessions
from app.kit.db import session
from app.products.models import Product
from bench.catalogue import PRODUCTS, multiply, template_product
from bench.figures import Figure
from bench.machine import cpu_milliseconds
from tests.factories.auth import PASSWORD, make_user
from tests.factories.products import make_product
from tests.support.bought import delivered
from tests.support.shop import Shop

ORDERS = 25
ROUNDS = 60
MOST_MILLISECONDS = 8


def run(application: Flask, _shop: Shop) -> list[Figure]:
    """Each page in turn with the others."""
    with application.app_context():
        sample_id = template_product()
        multiply(sample_id, 1, PRODUCTS, units=3)
        seller = session().get_one(User, session().get_one(Product, sample_id).seller_id)
        buyer = make_user()
        product = make_product(seller, stock=[f"KEY-{n}" for n in range(ORDERS)])
        for _n in range(ORDERS):
            delivered(buyer, {product.id: 1})
        guest = application.test_client()
        of_buyer, of_seller = (_logged_in(application, user) for user in (buyer, seller))
    pages = {
        "front page": partial(_show, guest, "/"),
        "a product": partial(_show, guest, f"/products/{product.id}"),
        f"a cabinet of {ORDERS} orders": partial(_show, of_buyer, "/order/purchases"),
        f"a seller's list of {PRODUCTS:,} products": partial(_show, of_seller, "/products/mine"),
    }
    times = cpu_milliseconds(*pages.values(), rounds=ROUNDS)
    return [
        Figure(name, time, "CPU ms", at_most=MOST_MILLISECONDS)
        for name, time in zip(pages, times, strict=True)
    ]


def _logged_in(application: Flask, user: User) -> FlaskClient:
    browser = application.test_client()
    secret = sessions.log_in(email=user.email, password=PASSWORD, address="192.0.2.1")
    with browser.session_transaction() as cookie:
        cookie[SECRET] = secret
    return browser


def _show(browser: FlaskClient, path: str) -> None:
    answer = browser.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answers {answer.status}")
