"""Commission as administrators set it: on the page and by JSON."""

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from app.products.queries import commission as rates
from app.products.service import commission
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product
from tests.support.bought import words
from tests.support.programs import program_of

Login = Callable[..., FlaskClient]


class TestPage:
    def test_a_category_gets_a_rate_and_loses_it(self, app: Flask, login: Login) -> None:
        shelf = make_category(name="Maps")
        browser = login(make_user(roles=("admin",)))
        sent = {"category_id": str(shelf.id), "category_percent": "12,5 %"}
        assert browser.post("/admin/commission/category", data=sent).status_code == 303
        shown = words(browser.get("/admin/commission"))
        assert "Maps" in shown
        assert "12.5%" in shown
        assert "What is ordered already keeps its commission" in shown
        browser.post("/admin/commission/lift", data={"category": str(shelf.id)})
        assert not rates.set_rates("en").items
        shown = words(browser.get("/admin/commission"))
        assert "No rates set" in shown
        assert "History" in shown

    def test_a_seller_is_found_by_email_and_by_name(self, app: Flask, login: Login) -> None:
        seller = make_user(roles=("seller",))
        browser = login(make_user(roles=("admin",)))
        for who, percent in ((seller.email.upper(), "7"), (seller.display_name, "8.25")):
            sent = {"seller": who, "seller_percent": percent}
            assert browser.post("/admin/commission/seller", data=sent).status_code == 303
        [rate] = rates.set_rates("en").items
        assert (rate.seller_id, rate.basis_points) == (seller.id, 825)

    def test_what_is_wrong_is_said_with_what_was_typed(self, app: Flask, login: Login) -> None:
        browser = login(make_user(roles=("admin",)))
        sent = {"seller": "nobody@example.com", "seller_percent": "7"}
        answer = browser.post("/admin/commission/seller", data=sent)
        assert answer.status_code == 404
        assert 'value="nobody@example.com"' in answer.text
        assert "There is no such user" in words(answer)
        sent = {"category_id": "what", "category_percent": "101"}
        answer = browser.post("/admin/commission/category", data=sent)
        assert answer.status_code == 422
        assert 'value="101"' in answer.text
        assert "Enter a percentage from 0 to 100" in words(answer)
        sent["category_percent"] = "10"
        assert browser.post("/admin/commission/category", data=sent).status_code == 404

    def test_a_list_goes_on(self, app: Flask, login: Login) -> None:
        admin = make_user(roles=("admin",))
        for number in range(31):
            commission.set_of_category(
                admin_id=admin.id,
                category_id=make_category(name=f"Shelf {number}.").id,
                basis_points=number,
            )
        browser = login(admin)
        first = browser.get("/admin/commission")
        assert "Remove: Shelf 1." in first.text
        assert "Remove: Shelf 0." not in first.text
        partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
        pages = {"rates": rates.set_rates("en"), "history": rates.changes("en")}
        for part, page in pages.items():
            address = f"/admin/commission?part={part}&after={page.next_cursor}"
            shown = words(browser.get(address, headers=partial))
            assert "Shelf 0." in shown
            assert "Shelf 1." not in shown


def test_programs_set_rates(app: Flask) -> None:
    admin, seller = make_user(roles=("admin",)), make_user(roles=("seller",))
    shelf = make_category(name="Maps")
    product = make_product(seller, kind="text", category=shelf)
    program = program_of(app, admin)
    assert program.get("/admin/commission").json == {
        "default_basis_points": 1000,
        "order": ["seller", "category", "parent_category", "default"],
    }
    of_category = f"/admin/commission/categories/{shelf.id}"
    assert program.put(of_category, json={"basis_points": 400}).json == {"basis_points": 400}
    mine = program_of(app, seller).get(f"/products/mine/{product.id}").json
    assert mine["commission_basis_points"] == 400
    of_seller = f"/admin/commission/sellers/{seller.id}"
    assert program.put(of_seller, json={"basis_points": 10_001}).status_code == 422
    assert program.put(of_seller, json={"basis_points": 700}).status_code == 200
    [listed] = program_of(app, seller).get("/products/mine").json["items"]
    assert listed["commission_basis_points"] == 700
    found = program.get("/admin/commission/rates?total=true").json
    assert [rate["basis_points"] for rate in found["items"]] == [700, 400]
    assert found["total"] == {"count": 2, "exact": True}
    assert program.put(of_seller, json={"basis_points": None}).status_code == 200
    changes = program.get("/admin/commission/changes?limit=1").json
    [change] = changes["items"]
    assert (change["before"], change["after"]) == (700, None)
    assert change["changed_by"] == str(admin.id)
    more = program.get(f"/admin/commission/changes?after={changes['next']}").json
    assert [one["after"] for one in more["items"]] == [700, 400]
    nobody = program.put(f"/admin/commission/sellers/{admin.id}", json={"basis_points": 1})
    assert nobody.json["code"] == "products.not_a_seller"
    assert program_of(app, seller).put(of_seller, json={"basis_points": 0}).status_code == 403
