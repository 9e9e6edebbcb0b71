"""Accounts, and a seller's way to the first product on sale."""

import io
import re
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.factories.auth import make_user
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import buyer, fill_log_in, keys, log_in, mail_to, unique
from tests.support.inbox import Inbox, path_in

pytestmark = pytest.mark.usefixtures("data")
PASSWORD = "four-unlikely-green-lamps"


def test_from_registering_to_a_product_in_the_catalogue(
    visit: Visit, inbox: Inbox, tmp_path: Path
) -> None:
    page = visit()
    email = register(page, inbox)
    become_seller(page, email)
    title, stock = unique("Night sky"), keys(3)
    make_draft(page, title, tmp_path / "cover.png")
    fill_stock(page, stock)

    page.goto("/products/mine")
    item = page.get_by_role("row").filter(has_text=title)
    item.get_by_role("button", name="Publish").click()
    expect(page.locator("#notices")).to_contain_text("now in the catalogue")

    guest = visit()
    guest.goto("/")
    guest.locator("main").get_by_role("link", name=title).first.click()
    expect(guest.get_by_role("heading", level=1, name=title)).to_be_visible()
    expect(guest.locator(".prose strong")).to_have_text("Bright")
    expect(guest.locator("main")).to_contain_text("Ann the Seller")
    expect(guest.locator("main")).to_contain_text("12.50")
    photo = guest.locator(".product__cover img")
    guest.wait_for_function(
        "image => image.complete && image.naturalWidth > 0", arg=photo.element_handle()
    )


def register(page: Page, inbox: Inbox) -> str:
    """Make an account, confirm it by mail, log in; the new account's address."""
    email = f"new-{uuid4().hex[:12]}@example.com"
    page.goto("/auth/register")
    page.get_by_label("Name").fill("Ann Seller")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    page.goto(path_in(mail_to(page, inbox, email, "onfirm"), "/auth/confirm/"))
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.locator("#notices")).to_contain_text("is confirmed")
    fill_log_in(page, email, PASSWORD)
    return email


def become_seller(page: Page, email: str) -> None:
    """Change the profile, and say where the money is to go."""
    page.goto("/auth/profile")
    page.get_by_label("Name").fill("Ann the Seller")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("saved")
    page.get_by_role("link", name="Become a seller").click()
    page.get_by_label("PayPal email").fill(f"paypal-{email}")
    page.get_by_label("Your password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Become a seller").click()
    expect(page.locator("#notices")).to_contain_text("You are now a seller")


def make_draft(page: Page, title: str, cover: Path) -> None:
    """Describe a product, with a cover and a look at the description."""
    cover.write_bytes(picture())
    page.goto("/products/new")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Category").select_option(label="PC games")
    page.get_by_label("Price per item").fill("12.50")
    page.get_by_label("Description").fill("**Bright** stars\n\n- one\n- two")
    page.get_by_text("Preview of the description").click()
    expect(page.locator("#preview strong")).to_have_text("Bright")
    page.get_by_label("Cover photo").set_input_files(cover)
    expect(page.locator(".file-drop__preview")).to_be_visible()
    page.get_by_role("button", name="Save draft").click()
    expect(page).to_have_url(re.compile("/stock$"))


def fill_stock(page: Page, stock: list[str]) -> None:
    """Paste the keys with a few wrong lines, look at the check, take in the good ones."""
    page.get_by_label("Paste the items").fill("\n".join([*stock, stock[0], "x" * 5000]))
    page.get_by_role("button", name="Check items").click()
    expect(page.get_by_role("heading", name="Check before adding")).to_be_visible()
    expect(page.locator(".stat").filter(has_text="New")).to_contain_text("3")
    expect(page.locator("main")).to_contain_text("Duplicates in this list")
    expect(page.locator("main")).to_contain_text("Invalid")
    assert not any(secret in page.content() for secret in stock)
    page.get_by_label("Add only the 3 new lines").check()
    page.get_by_role("button", name="Add 3 items").click()
    expect(page.locator("#stock-counts .stat").first).to_contain_text("3")


def picture() -> bytes:
    """A cover as a camera gives it: large, with a few colours."""
    image = Image.new("RGB", (1600, 1200), (20, 30, 90))
    image.paste((250, 220, 90), (400, 300, 700, 600))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_password_is_reset_by_mail(visit: Visit, inbox: Inbox) -> None:
    person, page = make_user(), visit()
    page.goto("/auth/login")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill(person.email)
    page.get_by_role("button", name="Send link").click()
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    mail = mail_to(page, inbox, person.email, "password")
    page.goto(path_in(mail, "/auth/reset/"))
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    log_in(visit(), person, PASSWORD)


def test_wrong_password_keeps_the_address(page: Page, watch: Watch) -> None:
    watch.allow("status of 4")
    person = make_user()
    page.goto("/auth/login")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill("not the one")
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(person.email)
    expect(page.get_by_label("Password")).to_have_value("")


def test_log_out_everywhere_ends_the_other_browser_at_once(visit: Visit) -> None:
    person = buyer()
    here, there = log_in(visit(), person), log_in(visit(), person)
    there.goto("/order/purchases")
    here.goto("/auth/sessions")
    expect(here.locator(".list__item")).to_have_count(2)
    here.get_by_role("button", name="Log out everywhere").click()
    here.get_by_role("dialog").get_by_role("button", name="Log out everywhere").click()
    expect(here).to_have_url(re.compile("/auth/login"))
    there.reload()
    expect(there).to_have_url(re.compile("/auth/login"))


def test_login_asked_for_on_the_way_leads_on(page: Page) -> None:
    person = buyer()
    page.goto("/auth/profile")
    expect(page).to_have_url(re.compile("/auth/login"))
    fill_log_in(page, person.email)
    expect(page).to_have_url(re.compile("/auth/profile$"))


def test_refused_form_leads_to_what_is_wrong(page: Page, watch: Watch) -> None:
    watch.allow("status of 4")
    page.goto("/auth/register")
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Email").fill("ann@example")  # good enough for the browser itself
    page.get_by_label("Password").fill("password1234")
    page.get_by_role("button", name="Create an account").click()
    email = page.get_by_label("Email")
    expect(email).to_be_focused()
    expect(email).to_have_accessible_description(re.compile("such as name@example.com"))
    expect(page.get_by_label("Password")).to_have_accessible_description(re.compile("guess"))
