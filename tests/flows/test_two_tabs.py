"""A page that is still open when the login changes in another tab; and pages of other sites."""

import pytest
from playwright.sync_api import Page, Route, expect

from app.auth.models import User
from app.embedded.processes import free_port
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import buyer, keys, log_in, on_sale, unique
from tests.support.shop import Shop

pytestmark = pytest.mark.usefixtures("data")


def in_basket(page: Page) -> int:
    """How many pieces the basket of this browser has, as a page loaded now says."""
    page.goto("/")
    return int(page.locator("#basket-count").text_content() or 0)


def log_in_elsewhere(page: Page, user: User) -> None:
    """Leave in another tab, if somebody is in, and log in there."""
    other = page.context.new_page()
    other.goto("/auth/login")
    token = other.locator("[name=csrf_token]").first.input_value()
    other.request.post("/auth/logout", form={"csrf_token": token})
    log_in(other, user)


def test_what_is_done_after_a_login_in_another_tab_is_done(page: Page, watch: Watch) -> None:
    watch.allow("403")
    page.goto(f"/products/{on_sale().id}")
    log_in_elsewhere(page, buyer())
    page.get_by_role("button", name="Add to basket").click()
    expect(page.locator("#basket-count")).to_have_text("1")
    expect(page.locator("#notices")).not_to_contain_text("open for too long")
    page.get_by_role("button", name="Add to basket").click()  # with the token that counts
    expect(page.locator("#basket-count")).to_have_text("2")


def test_a_page_of_another_account_changes_nothing_in_this_one(page: Page, watch: Watch) -> None:
    watch.allow("403")
    log_in(page, buyer())
    page.goto(f"/products/{on_sale().id}")
    log_in_elsewhere(page, buyer())
    page.get_by_role("button", name="Add to basket").click()
    expect(page.locator("#notices")).to_contain_text("another account")
    assert in_basket(page) == 0


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_a_plain_form_is_sent_again_by_one_button(
    visit: Visit, watch: Watch, java_script_enabled: bool
) -> None:
    watch.allow("403")
    seller, title = make_user(roles=["seller"]), unique("Two tabs")
    make_product(seller, title=title, stock=keys(1), published=False)
    page = log_in(visit(java_script_enabled=java_script_enabled), seller)
    page.goto("/products/mine")
    log_in_elsewhere(page, seller)
    page.get_by_role("row").filter(has_text=title).get_by_role("button", name="Publish").click()
    expect(page.locator("main")).to_contain_text("Nothing has been changed yet")
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#notices")).to_contain_text("now in the catalogue")


def test_another_site_gets_nothing_done_and_no_token(
    visit: Visit, watch: Watch, shop: Shop
) -> None:
    """From the same machine, so that the browser sends the cookie along."""
    watch.allow(".")
    product, page = on_sale(), visit()
    log_in(page, buyer())
    elsewhere = f"http://127.0.0.1:{free_port()}"
    address = f"{shop.url}/order/basket/add"
    page.route(f"{elsewhere}/**", lambda route: _foreign(route, address, str(product.id)))
    page.goto(elsewhere)
    read = """async ([url, headers, mode]) => {
        try {
            const options = {method: "POST", credentials: "include", mode, headers};
            const answer = await fetch(url, options);
            return [answer.status, answer.headers.get("X-CSRFToken"), await answer.text()];
        } catch { return null; }
    }"""
    assert page.evaluate(read, [address, {"HX-Request": "true"}, "cors"]) is None
    assert page.evaluate(read, [address, {}, "cors"]) is None
    assert page.evaluate(read, [address, {}, "no-cors"]) in (None, [0, None, ""])
    page.get_by_role("button").click()
    page.wait_for_url(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("No access")
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    assert in_basket(page) == 0


def _foreign(route: Route, address: str, product_id: str) -> None:
    route.fulfill(
        content_type="text/html",
        body=f'<form method="post" action="{address}"><button>Win</button>'
        f'<input name="product_id" value="{product_id}"><input name="quantity" value="1"></form>',
    )


def test_a_page_of_before_the_login_is_made_anew_on_the_way_back(page: Page) -> None:
    someone = buyer()
    page.goto("/products")
    log_in(page, someone)
    page.goto("/order/purchases")
    page.go_back()
    expect(page.locator(".menu__who")).to_contain_text(someone.email)
    page.goto("/order/purchases")
    page.locator(".site-nav summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.locator(".site-nav").get_by_role("link", name="Log in")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.locator(".menu__who")).to_have_count(0)


def test_a_page_that_the_browser_keeps_in_memory_is_made_anew_after_a_login(page: Page) -> None:
    someone = buyer()
    page.goto("/products")
    log_in(page, someone)
    other = page.context.new_page()
    other.goto("/")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator(".menu__who")).to_contain_text(someone.email)


def test_scripts_run_in_a_page_that_had_not_changed(page: Page, watch: Watch) -> None:
    page.goto("/products")
    first = page.evaluate("document.querySelector('script').nonce")
    page.reload()
    # It is the one that the browser had.
    assert page.evaluate("document.querySelector('script').nonce") == first
    assert page.evaluate("document.documentElement.classList.contains('js')")
