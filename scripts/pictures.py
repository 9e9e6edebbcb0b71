"""Take the README's pictures of a running shop with the demo data: `make run`, and beside it

.venv/bin/python scripts/pictures.py [http://127.0.0.1:8000]

It buys as the demo buyer, so that there is something in the cabinet.
"""

import io
import os
import re
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

DIRECTORY = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = {"width": 1280, "height": 1080}
COLOURS = 256
PIECES = 2
WAIT = 30_000


def main(address: str) -> None:
    """Take all of them."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM")
            or shutil.which("chromium")
            or shutil.which("chromium-headless-shell"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        context = browser.new_context(
            base_url=address,
            viewport=SIZE,
            locale="en-GB",
            color_scheme="light",
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.goto("/")
        keep(page, "catalogue")
        open_a_key(page)
        keep(page, "product")
        buy(page)
        page.get_by_role("button", name="Reveal", exact=True).first.click()
        expect(page.get_by_role("button", name="Copy")).to_be_visible()
        keep(page, "cabinet")
        page.goto("/chats")
        page.locator(".talk__link").first.click()
        expect(page.locator(".msg").last).to_be_visible()
        keep(page, "chat")
        browser.close()


def open_a_key(page: Page) -> None:
    """The page of a product of which there are several pieces."""
    page.goto("/products?kind=key&in_stock=y&sort=popular")
    cards = page.locator(".product-card").filter(has_text="Pixel Forge")
    cards.filter(has_text="In stock:").first.locator(".product-card__link").click()
    expect(page.locator("h1.product__title")).to_be_visible()


def buy(page: Page) -> None:
    """Buy the product whose page is open."""
    page.get_by_role("spinbutton").fill(str(PIECES))
    page.get_by_role("button", name="Add to basket").click()
    expect(page.locator("#basket-count")).to_have_text(str(PIECES))
    page.goto("/auth/login?next=/order/checkout")
    page.get_by_label("Email").fill("buyer@example.com")
    page.get_by_label("Password").fill("byteshop-demo")
    page.locator("main").get_by_role("button", name="Log in").click()
    button = page.get_by_role("button", name="Pay with the PayPal sandbox")
    with page.expect_popup() as opened:
        button.click()
    opened.value.get_by_test_id("payer-balance").click()
    opened.value.get_by_test_id("approve").click(no_wait_after=True)
    expect(page).to_have_url(re.compile("/order/purchases/"))
    expect(page.locator("#order-status")).to_have_attribute("data-stage", "delivered")


def keep(page: Page, name: str) -> None:
    """The visible part of the page as a PNG of few colours, so that it stays small."""
    page.wait_for_load_state("networkidle")
    page.evaluate("window.scrollTo(0, 0)")
    shown = page.evaluate(
        "Promise.all([...document.images].filter(image => image.loading !== 'lazy')"
        ".map(image => image.decode())).then(() => true)"
    )
    if not shown:
        raise SystemExit("the page's pictures did not come")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS).save(DIRECTORY / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
