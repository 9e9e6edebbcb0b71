"""Every page in both languages, lights and widths; and by keyboard alone."""

import os
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from app.auth.models import MailPurpose, User
from app.auth.service.mail_links import issue_mail_token
from app.chats.service import opening, reporting, sending
from app.kit.db import session
from app.kit.ids import new_id
from app.kit.money import Money
from app.kit.months import Month
from app.notifications.models import NotificationKind
from app.notifications.service import preferences
from app.orders.models.claims import ClaimKind
from app.orders.queries.purchases import purchase_of
from app.orders.service import capturing, claims
from app.orders.service.reveal import Viewer, reveal
from app.products.models import Category
from app.products.service import uploads
from app.reviews.service import answering, moderation, writing
from app.webhooks.service import endpoints
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.factories.reviews import bought as bought_line
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import buyer, keys, log_in, on_sale, put_into_basket, unique, wait_until
from tests.support.bought import approved, delivered, fill, told
from tests.support.money import differing, disputed, payout_of, told_of
from tests.support.sale import SandboxControl, start

WIDTHS = (390, 768, 1280)
# Once, in the language whose words are longer; the other flows are in English, and light. Every
# combination where people want pictures.
LOOKS = [("dark", "ru")]
if "SHOTS_DIR" in os.environ:
    LOOKS += [("light", "en"), ("light", "ru"), ("dark", "en")]
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
MISSING = "01890000-0000-7000-8000-000000000000"


# https://web.dev/articles/cls, without its windows: the whole sum is at least as much.
SUM_UP_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => {
    for (const one of list.getEntries()) window.shifted += one.value;
}).observe({type: "layout-shift", buffered: true});
"""
FONTS_FETCHED = (
    "performance.getEntriesByType('resource')"
    ".filter(one => one.name.includes('.woff2') && one.transferSize > 0).map(one => one.name)"
)


# Of the first words on the page, which fonts that are still on their way may not hold up.
PAINTED = "performance.getEntriesByName('first-contentful-paint').length > 0"


@dataclass(frozen=True)
class Addresses:
    """Pages by who sees them, each with a name."""

    guest: dict[str, str]
    buyer: dict[str, str]
    seller: dict[str, str]
    admin: dict[str, str]


@dataclass(frozen=True)
class World:
    """Somebody with everything that a page can show."""

    addresses: Addresses
    buyer: User
    seller: User
    admin: User


@pytest.fixture(scope="module")
def world(shop_app: Flask, paypal: SandboxControl) -> World:
    with shop_app.app_context():
        return make_world(paypal)


def claimed(buyer: User, order_id: UUID, product_id: UUID) -> UUID:
    """A claim that a moderator is to decide, with another piece to claim; the line's id."""
    [line] = [
        line for line in purchase_of(buyer.id, order_id).lines if line.product_id == product_id
    ]
    for piece in line.pieces[:2]:
        reveal(viewer=Viewer(buyer.id, None, ""), order_id=order_id, delivery_id=piece.id)
    claim = claims.open_claim(
        buyer_id=buyer.id,
        order_id=order_id,
        line_id=line.id,
        pieces=frozenset({1}),
        kind=ClaimKind.INVALID,
        reason="W" * 300,
    )
    claims.decline(seller_id=line.seller_id, claim_id=claim, reason="W" * 300)
    claims.call_moderator(buyer_id=buyer.id, claim_id=claim)
    return line.id


def make_world(paypal: SandboxControl) -> World:
    """A seller with goods, stock and a sale; a buyer with purchases and a full basket."""
    seller = make_user(roles=["seller"], display_name="Constance Featherstonehaugh-Cholmondeley")
    person = make_user()
    long = unique("An uncommonly long title of a product that has to be broken over several lines")
    product = make_product(seller, title=long, stock=keys(12), price_minor=123_450)
    word = make_product(seller, title=unique("W" * 60), stock=keys(2), price_minor=999_999)
    link = make_product(
        seller,
        title=unique("A link"),
        kind="link",
        stock=[f"https://example.com/{'long/' * 30}{keys(1)[0]}"],
    )
    note = make_product(seller, kind="text", title=unique("A text"), content="Some words.\n" * 9)
    reviewed, line_to_review = bought_line(note, person)
    review = writing.write(author_id=reviewed.id, line_id=line_to_review, stars=4, text="W" * 200)
    answering.reply(seller_id=seller.id, review_id=review, text="W" * 100)
    moderation.report(user_id=seller.id, review_id=review, reason="W" * 200)
    bought = bring_about(person, {product.id: 3, link.id: 1, note.id: 1}, paypal)
    contested = bring_about(person, {product.id: 1, note.id: 1}, paypal)
    dispute = disputed(contested, paypal)
    waiting = order_only(person, {product.id: 1})
    fill(person, {word.id: 1, note.id: 2})
    upload = uploads.keep(
        product_id=product.id, seller_id=seller.id, content="\n".join([*keys(2), "x" * 5000])
    )
    slug = session().scalar(select(Category.slug).where(Category.id == product.category_id))
    line = claimed(person, bought, product.id)
    endpoint, _secret = endpoints.create(
        owner_id=seller.id, url="https://hooks.example.com/shop", events=["order.paid"]
    )
    secret = issue_mail_token(user_id=person.id, purpose=MailPurpose.RESET, mail_id=new_id())
    confirmation = issue_mail_token(
        user_id=make_user().id, purpose=MailPurpose.CONFIRM, mail_id=new_id()
    )
    way_out = preferences.token_for(seller.id, NotificationKind.SALE)
    talk = opening.about_product(user_id=person.id, product_id=product.id)
    for words in ("Hello!\nIs it https://example.com/" + "long/" * 30, "W" * 300):
        sending.send(user_id=person.id, conversation_id=talk, text=words, client_id=new_id())
    order_talk = opening.about_order(user_id=person.id, order_id=bought, seller_id=seller.id)
    reporting.report(user_id=seller.id, conversation_id=talk, reason="W" * 200)
    at = f"/products/{product.id}"
    event = told_of(bought)
    difference = differing(bought)
    paid_out = payout_of(seller)
    stuck = approved(make_user(), {product.id: 1})
    told(stuck, "COMPLETED", amount=Money(99, "EUR"))
    return World(
        Addresses(
            guest={
                "front": "/",
                "listing": "/products",
                "category": f"/products/category/{slug}",
                "nothing-found": "/products?q=qxzvjwkqxz",
                "product": at,
                "product-reviewed": f"/products/{note.id}",
                "reviews": f"/products/{note.id}/reviews",
                "review": f"/reviews/{review}",
                "seller": f"/sellers/{seller.display_name}",
                "basket-empty": "/order/basket",
                "login": "/auth/login",
                "register": "/auth/register",
                "forgot": "/auth/forgot",
                "check-mail": "/auth/check-mail",
                "resend": "/auth/resend-confirmation",
                "confirm": f"/auth/confirm/{confirmation}",
                "developers-guest": "/developers",
                "reference": "/developers/api",
                "reset": f"/auth/reset/{secret}",
                "status": "/status",
                "not-found": f"/products/{MISSING}",
            },
            buyer={
                "basket": "/order/basket",
                "checkout": "/order/checkout",
                "cabinet": "/order/purchases",
                "purchase": f"/order/purchases/{bought}",
                "purchase-open": f"/order/purchases/{waiting}",
                "purchase-disputed": f"/order/purchases/{contested}",
                "bought-listing": f"/order/purchases/{bought}/lines/{line}",
                "claim": f"/order/purchases/{bought}/lines/{line}/claim",
                "to-review": "/reviews/waiting",
                "review-form": f"/reviews/lines/{line_to_review}",
                "return": f"/order/{waiting}/return",
                "developers": "/developers",
                "profile": "/auth/profile",
                "unsubscribe": f"/notifications/unsubscribe/{way_out}",
                "sessions": "/auth/sessions",
                "password": "/auth/password",
                "selling": "/auth/selling",
                "messages": "/chats",
                "messages-found": "/chats?q=hello",
                "conversation": f"/chats/{talk}",
                "conversation-order": f"/chats/{order_talk}",
                "message-edit": f"/chats/{talk}/messages/1/edit",
                "report": f"/chats/{talk}/report",
                "messages-settings": "/chats/settings",
            },
            seller={
                "mine": "/products/mine",
                "new": "/products/new",
                "edit": f"{at}/edit",
                "stock": f"{at}/stock",
                "dry-run": f"{at}/stock/uploads/{upload}",
                "sales": "/order/sales",
                "sale": f"/order/sales/{bought}",
                "claims": "/order/claims",
                "payouts": "/payments/payouts",
                "sales-disputed": "/order/sales/disputes",
                "sale-disputed": f"/order/sales/disputes/{dispute}",
                "balance": "/order/balance?days=90",
                "statement": f"/order/statement?month={Month.of(datetime.now(UTC))}",
                "notifications": "/notifications",
                "preferences": "/notifications/preferences",
                "webhooks": "/developers/webhooks",
                "webhook": f"/developers/webhooks/{endpoint}",
            },
            admin={
                "commission": "/admin/commission",
                "promises": "/admin/promises",
                "disputes": "/admin/disputes",
                "dispute": f"/admin/disputes/{dispute}",
                "books": "/payments/books",
                "payouts": "/payments/payouts/all",
                "payout": f"/payments/payouts/all/{paid_out}",
                "differences": "/payments/differences",
                "difference": f"/payments/differences/{difference}",
                "events": "/payments/events",
                "event": f"/payments/events/{event}",
                "stuck": "/admin/payments/stuck",
                "stuck-one": f"/admin/payments/stuck/{stuck}",
                "claims": "/order/moderation/claims",
                "moderated": f"/order/moderation/{bought}",
                "reported-reviews": "/reviews/reported",
                "reported-chats": "/chats/reported",
                "close-reports": f"/chats/{talk}/close",
            },
        ),
        person,
        seller,
        make_user(roles=["admin"]),
    )


# What answers GET in a browser and is no page to look at.
NO_PAGES = {
    "admin.preview_evidence": "a document",
    "admin.sent_evidence": "a document",
    "chats.news": "a part of the conversation's page, by itself",
    "chats.unread": "a part of every page's frame",
    "static": "files",
    "files.photo": "pictures",
    "health.alive": "a word for machines",
    "health.ready": "a word for machines",
    "health.favicon": "a picture",
    "health.robots": "plain text",
    "health.security": "plain text",
    "health.metrics_for_monitoring": "numbers for machines",
    "orders.statement_csv": "a table to download",
    "keys.jwks": "JSON",
    "products.sitemap": "XML",
    "products.sitemap_pages": "XML",
    "products.sitemap_part": "XML",
    "reviews.seller_with_id": "leads to the seller's page",
    "products.left": "a part of the product's page, by itself",
    "notifications.bell": "a part of every page, by itself",
    "notifications.open_one": "leads elsewhere",
}


def test_every_page_is_looked_at(world: World, shop_app: Flask) -> None:
    routes = shop_app.url_map.bind("localhost")
    looked_at = {
        routes.match(urlsplit(address).path)[0]
        for addresses in vars(world.addresses).values()
        for address in addresses.values()
    }
    pages = {
        rule.endpoint
        for rule in shop_app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and not rule.rule.startswith("/api/")
        and not rule.websocket
    }
    assert pages - NO_PAGES.keys() - looked_at == set()
    assert NO_PAGES.keys() <= pages


def bring_about(person: User, pieces: dict[UUID, int], paypal: SandboxControl) -> UUID:
    """A purchase, paid at PayPal."""
    fill(person, pieces)
    started = start(person)
    paypal.approve(started.paypal_order_id)
    capturing.capture(buyer_id=person.id, order_id=started.order_id)
    return started.order_id


def order_only(person: User, pieces: dict[UUID, int]) -> UUID:
    """An order that nobody has paid."""
    fill(person, pieces)
    return start(person).order_id


@pytest.mark.parametrize("who", [field.name for field in fields(Addresses)])
@pytest.mark.parametrize(("light", "language"), LOOKS)
def test_every_page_fits_and_breaks_no_policy(
    world: World, visit: Visit, watch: Watch, light: str, language: str, who: str
) -> None:
    watch.allow("status of 404")
    if "SHOTS_DIR" in os.environ:
        watch.allow("status of 429")  # more tickets for sockets a minute than a person needs
    page = visit(locale={"en": "en-GB", "ru": "ru-RU"}[language], color_scheme=light)
    person: User | None = getattr(world, who, None)  # a guest is nobody
    if person is not None:
        log_in(page, person)
        choose_language(page, language)
    else:
        have_mailed(page)
    wrong: list[str] = []
    for name, address in getattr(world.addresses, who).items():
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if width == WIDTHS[0] or "SHOTS_DIR" in os.environ:
                page.goto(address)
            wrong.extend(f"{name} at {width}: {fault}" for fault in faults_of(page, language))
            keep_picture(page, f"{who}-{name}-{width}-{light}-{language}")
    assert not wrong, "\n".join(wrong)


def have_mailed(page: Page) -> None:
    """Have a mail sent, which a page then tells of."""
    page.goto("/auth/forgot")
    page.locator("#email").fill("nobody@example.com")
    page.locator("#email").press("Enter")
    page.wait_for_url("**/auth/check-mail")


FAULTS = """language => {
  const root = document.documentElement;
  const found = [];
  const wide = root.scrollWidth - root.clientWidth;
  if (wide > 0) found.push(`is ${wide}px too wide`);
  const cutOff = table => table.scrollWidth > table.clientWidth;
  if ([...document.querySelectorAll(".table-wrap")].some(cutOff)) found.push("cuts a table off");
  if (root.lang !== language) found.push("is in another language");
  if (document.querySelectorAll("main h1").length !== 1) found.push("has not one heading");
  const nameless = one =>
    !one.textContent.trim() && !one.getAttribute("aria-label") && !one.title;
  const bare = [...document.querySelectorAll("a, button")]
    .filter(one => nameless(one) && one.checkVisibility());
  if (bare.length) {
    found.push(`has buttons without a name: ${bare.map(one => one.outerHTML)}`);
  }
  return found;
}"""


def faults_of(page: Page, language: str) -> list[str]:
    """What is wrong with the page as it stands, asked for at once: each question is a way to go."""
    found: list[str] = page.evaluate(FAULTS, language)
    return found


def keep_picture(page: Page, name: str) -> None:
    """For people to look at: SHOTS_DIR says where."""
    if directory := os.environ.get("SHOTS_DIR"):
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)


def choose_language(page: Page, language: str) -> None:
    """Press the switch in the footer."""
    page.goto("/auth/profile")
    page.get_by_role("button", name=language.upper(), exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", language)


@pytest.mark.usefixtures("data")
class TestChoices:
    def test_language_of_the_browser_and_the_switch(self, visit: Visit) -> None:
        page = visit(locale="ru-RU")
        page.goto("/order/basket")
        expect(page.locator("html")).to_have_attribute("lang", "ru")
        expect(page.get_by_role("heading", level=1)).to_have_text(CYRILLIC)
        page.get_by_role("button", name="EN", exact=True).click()
        expect(page).to_have_url(re.compile("/order/basket$"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Basket")
        page.goto("/products")
        expect(page.locator("html")).to_have_attribute("lang", "en")

    def test_language_follows_the_account(self, visit: Visit) -> None:
        person = buyer()
        choose_language(log_in(visit(), person), "ru")
        elsewhere = log_in(visit(), person)
        elsewhere.goto("/order/purchases")
        expect(elsewhere.locator("html")).to_have_attribute("lang", "ru")

    def test_theme_stays(self, visit: Visit) -> None:
        page = visit(color_scheme="light")
        page.goto("/")
        light = page.locator("html").evaluate("html => getComputedStyle(html).backgroundColor")
        page.get_by_role("button", name="Theme").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        expect(page.locator("html")).not_to_have_css("background-color", light)
        page.goto("/products")
        expect(page.locator("html")).not_to_have_css("background-color", light)
        page.get_by_role("button", name="Theme").click()
        page.reload()
        expect(page.locator("html")).to_have_css("background-color", light)


@pytest.mark.usefixtures("data")
class TestFirstLook:
    def test_filters_do_not_push_the_goods_away_before_they_are_folded(
        self, visit: Visit, watch: Watch
    ) -> None:
        watch.allow("ERR_FAILED")
        on_sale()
        page = visit(viewport={"width": 390, "height": 800})
        page.route("**/js/app.js*", lambda route: route.abort())
        page.goto("/products")
        fields = page.locator(".filters form")
        assert fields.evaluate("form => form.getBoundingClientRect().height") == 0
        page.evaluate("document.getAnimations().forEach(one => one.updatePlaybackRate(20))")
        wait_until(page, lambda: fields.evaluate("form => form.offsetHeight") > 0)

    @pytest.mark.parametrize("language", ["en-GB", "ru-RU"])
    def test_phone_shows_the_way_to_the_catalogue_and_the_button_to_buy(
        self, visit: Visit, language: str
    ) -> None:
        product = on_sale()
        height = 844
        page = visit(viewport={"width": 390, "height": height}, locale=language)
        page.goto(f"/products/{product.id}")
        catalogue = page.locator('.site-header a[href="/products"]').bounding_box()
        buy = page.locator("#put-into-basket").bounding_box()
        for box in (catalogue, buy):
            assert box is not None
            assert box["y"] + box["height"] <= height

    @pytest.mark.parametrize("language", ["en-GB", "ru-RU"])
    def test_fonts_that_come_late_move_nothing_and_come_once(
        self, visit: Visit, language: str
    ) -> None:
        on_sale()
        page = visit(viewport={"width": 390, "height": 844}, locale=language)
        page.add_init_script(SUM_UP_SHIFTS)
        held: list[Route] = []
        has_painted = False

        def late(route: Route) -> None:
            if has_painted:
                route.continue_()
            else:
                held.append(route)

        page.route("**/*.woff2*", late)
        page.goto("/products", wait_until="commit")
        wait_until(page, lambda: bool(held) and page.evaluate(PAINTED))
        has_painted = True
        for route in held:
            route.continue_()
        page.wait_for_load_state("networkidle")
        assert page.evaluate(FONTS_FETCHED) != []
        assert page.evaluate("window.shifted") < 0.02
        page.unroute("**/*.woff2*")
        page.goto("/auth/login")
        page.evaluate("document.fonts.ready")
        assert page.evaluate(FONTS_FETCHED) == []

    @pytest.mark.parametrize("language", ["en-GB", "ru-RU"])
    def test_phone_shows_the_button_to_pay_and_the_one_to_reveal(
        self, visit: Visit, paypal: SandboxControl, language: str
    ) -> None:
        person = buyer()
        goods = [on_sale() for _ in range(4)]
        bought = delivered(person, {goods[0].id: 2})
        fill(person, {product.id: 1 for product in goods})
        height = 844
        viewport = {"width": 390, "height": height}
        page = log_in(visit(viewport=viewport, locale=language), person)
        for address, button in (
            ("/order/checkout", "#paypal-buttons"),
            (f"/order/purchases/{bought}", ".reveal form button"),
        ):
            page.goto(address)
            box = page.locator(button).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= height, address
        plain = log_in(visit(viewport=viewport, java_script_enabled=False), person)
        plain.goto("/order/checkout")
        box = plain.locator("#paypal-plain button").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= height

    def test_last_step_without_scripts_stands_in_the_middle_of_the_page(
        self, visit: Visit, paypal: SandboxControl
    ) -> None:
        person = buyer()
        product = on_sale()
        fill(person, {product.id: 1})
        started = start(person)
        paypal.approve(started.paypal_order_id)
        page = log_in(visit(java_script_enabled=False), person)
        page.goto(f"/order/{started.order_id}/return")
        hero = page.locator(".order-hero").bounding_box()
        size = page.viewport_size
        assert hero is not None
        assert size is not None
        assert abs(2 * hero["x"] + hero["width"] - size["width"]) <= 1

    def test_notices_stand_above_the_page_without_scripts(self, visit: Visit) -> None:
        product = on_sale()
        page = visit(java_script_enabled=False)
        page.goto(f"/products/{product.id}")
        page.get_by_role("button", name="Add to basket").click()
        notice = page.get_by_text("Added to your basket.").bounding_box()
        heading = page.get_by_role("heading", level=1).bounding_box()
        assert notice is not None
        assert heading is not None
        assert notice["y"] < heading["y"]


@pytest.mark.usefixtures("data")
class TestKeyboard:
    def test_skip_link_leads_past_the_header(self, page: Page) -> None:
        page.goto("/products")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()

    def test_menu_opens_and_gives_the_focus_back(self, page: Page) -> None:
        log_in(page, buyer())
        page.goto("/order/purchases")
        summary = page.locator("details[data-menu] > summary")
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Profile")).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="My purchases")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Profile")).to_be_hidden()
        expect(summary).to_be_focused()
        page.keyboard.press("Enter")
        for _ in range(20):
            page.keyboard.press("Tab")
            if not page.locator("details[data-menu]").evaluate("menu => menu.open"):
                break
        expect(page.get_by_role("link", name="Profile")).to_be_hidden()

    def test_dialog_keeps_the_focus_and_gives_it_back(self, page: Page) -> None:
        log_in(page, buyer())
        page.goto("/auth/sessions")
        button = page.get_by_role("button", name="Log out everywhere")
        button.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        for _ in range(4):
            inside = "document.activeElement.closest('dialog') || document.activeElement === body"
            assert page.evaluate(inside.replace("body", "document.body"))
            page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(button).to_be_focused()
        expect(page).to_have_url(re.compile("/auth/sessions$"))

    def test_focus_is_seen_wherever_it_goes(self, page: Page) -> None:
        product = on_sale()
        log_in(page, buyer())
        put_into_basket(page, product.id)
        for address in ("/", f"/products/{product.id}", "/order/basket", "/auth/profile"):
            page.goto(address)
            unseen = walk(page)
            assert not unseen, f"{address}: {unseen}"

    def test_focus_stays_where_something_was_replaced(self, page: Page) -> None:
        first, second = on_sale(), on_sale()
        log_in(page, buyer())
        put_into_basket(page, first.id)
        put_into_basket(page, second.id)
        page.goto("/order/basket")
        more = page.get_by_role("button", name="Increase by one").first
        more.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#basket-count")).to_have_text("3")
        expect(more).to_be_focused()
        page.get_by_role("button", name=f"Remove {first.title}").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Undo")).to_be_focused()

    def test_focus_is_on_what_was_revealed_and_on_what_was_withdrawn(
        self, visit: Visit, paypal: SandboxControl
    ) -> None:
        seller, person = make_user(roles=["seller"]), buyer()
        product = make_product(seller, title=unique("Lamp"), stock=keys(3))
        bought = bring_about(person, {product.id: 1}, paypal)
        page = log_in(visit(), person)
        page.goto(f"/order/purchases/{bought}")
        page.get_by_role("button", name="Reveal", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.locator(".reveal code")).to_have_text(re.compile("^KEY-"))
        expect(page.locator(".reveal code")).to_be_focused()
        page = log_in(visit(), seller)
        page.goto(f"/products/{product.id}/stock")
        page.get_by_role("button", name="Withdraw for good", exact=True).first.focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("button", name="Withdraw for good").click()
        row = page.get_by_role("row").filter(has=page.locator(".pill", has_text="Withdrawn"))
        expect(row).to_be_focused()

    def test_buys_by_keyboard_alone(self, page: Page) -> None:
        product, person = on_sale(), buyer()
        page.goto(f"/products/{product.id}")
        press(page, "Add to basket")
        expect(page.locator("#basket-count")).to_have_text("1")
        page.goto("/auth/login?next=/order/checkout")
        expect(page.get_by_label("Email")).to_be_focused()
        page.keyboard.type(person.email)
        page.keyboard.press("Tab")
        page.keyboard.type("correct-horse-battery")
        page.keyboard.press("Enter")
        windows: list[Page] = []

        def opened(window: Page) -> None:
            windows.append(window)

        page.on("popup", opened)
        expect(page.get_by_role("button", name="Pay with the PayPal sandbox")).to_be_visible()
        press(page, "Pay with the PayPal sandbox")
        wait_until(page, lambda: bool(windows))
        [window] = windows
        expect(window.get_by_test_id("payer-balance")).to_be_visible()
        window.keyboard.press("Tab")
        expect(window.get_by_test_id("payer-balance")).to_be_focused()
        window.keyboard.press("Enter")
        expect(window.get_by_test_id("approve")).to_be_visible()
        press(window, "Pay now")
        expect(page.locator("#order-status")).to_have_attribute("data-stage", "delivered")
        press(page, "Reveal")
        expect(page.locator(".reveal code")).to_have_text(re.compile("^KEY-"))


UNSEEN_FOCUS = """() => {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return [];
  for (let one = focused; one && one !== document.body; one = one.parentElement) {
    const style = getComputedStyle(one);
    if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) return [];
    if (one === focused.closest("li, label, .file-drop, form")) break;
  }
  return [focused.outerHTML.slice(0, 200)];
}"""


def walk(page: Page, most: int = 120) -> list[str]:
    """Go from stop to stop through the page; those where the focus can't be seen."""
    unseen: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        unseen.extend(page.evaluate(UNSEEN_FOCUS))
        if page.evaluate("document.activeElement === document.body"):
            break
    return unseen


def press(page: Page, name: str, most: int = 60) -> None:
    """Go to the button of this name and press Enter."""
    button = page.get_by_role("button", name=name, exact=True)
    for _ in range(most):
        page.keyboard.press("Tab")
        if button.evaluate("button => button.getRootNode().activeElement === button"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} can't be reached by keyboard")
