"""The demo shop: filled once, by rules that hold for everybody."""

from flask import Flask

from app.demo import data
from tests.support.sale import assert_promises_hold, count


def test_filled_twice_it_is_the_same_and_its_accounts_can_log_in(app: Flask) -> None:
    data.fill()
    before = count("product"), count("stock_item"), count("users"), count("photo")
    assert before[0] > 25
    assert data.fill().startswith("0 products")
    assert before == (count("product"), count("stock_item"), count("users"), count("photo"))
    assert_promises_hold()
    lower = "parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM product p WHERE p.category_id = "
    assert count("category", f"{lower}category.id)") == 0
    for name in ("buyer", "seller", "admin"):
        browser = app.test_client()
        login = {"email": f"{name}@example.com", "password": "byteshop-demo"}
        assert browser.post("/auth/login", data=login).status_code == 303
