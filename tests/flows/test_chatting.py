"""A buyer and a seller talk, over a good line, a bad one, and without JavaScript."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from app.auth.models import User
from app.chats.models import Message, MessageKind
from app.chats.service import opening, sending
from app.chats.store import conversations, messages
from app.kit.ids import new_id
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.flows.conftest import Visit, Watch
from tests.flows.steps import buyer, keys, log_in, unique
from tests.support.apps import another_app

pytestmark = pytest.mark.usefixtures("data")

AWAY = "mongodb://127.0.0.1:1/byteshop"
STORED = "#messages .msg[data-seq]"
TEXT = "[data-composer-text]"


def talk() -> tuple[User, User, UUID]:
    """A buyer, a seller, and their conversation about a product."""
    seller, person = make_user(roles=["seller"]), buyer()
    product = make_product(seller, title=unique("Star chart"), stock=keys(1))
    return person, seller, opening.about_product(user_id=person.id, product_id=product.id)


def say(page: Page, words: str) -> None:
    """Write something and press Enter."""
    page.locator(TEXT).fill(words)
    page.locator(TEXT).press("Enter")


def texts(page: Page) -> list[str]:
    """What the stored messages of an open conversation say, in their order."""
    return [text.strip() for text in page.locator(f"{STORED} [data-text]").all_inner_texts()]


def test_a_question_is_asked_told_of_and_answered(visit: Visit) -> None:
    seller, person = make_user(roles=["seller"]), buyer()
    product = make_product(seller, title=unique("Star chart"), stock=keys(1))
    mine = log_in(visit(), seller)
    mine.goto("/products/mine")
    theirs = log_in(visit(), person)
    theirs.goto(f"/products/{product.id}")
    theirs.get_by_role("button", name="Ask the seller").click()
    say(theirs, "Is it <b>new</b>?\nhttps://example.com/chart")
    expect(theirs.locator(f"{STORED} [data-state]")).to_have_text("Stored")
    # Wherever the seller is: in the header and in the title.
    expect(mine.locator("#chat-count")).to_have_text("1")
    expect(mine).to_have_title(re.compile(r"^\(1\) "))
    mine.locator(".site-nav__chats").click()
    mine.get_by_role("link", name=re.compile("Is it")).click()
    expect(mine.locator(f"{STORED} [data-text]")).to_have_text(
        "Is it <b>new</b>?\nhttps://example.com/chart"
    )
    link = mine.locator(f"{STORED} a[href='https://example.com/chart']")
    expect(link).to_have_attribute("rel", re.compile("noopener"))
    expect(theirs.locator(f"{STORED} [data-state]")).to_have_text("Read")
    mine.locator(TEXT).press_sequentially("Yes")
    expect(theirs.locator("[data-presence]")).to_have_text("is typing…")
    mine.locator(TEXT).press("Enter")
    expect(theirs.locator(STORED).nth(1)).to_contain_text("Yes")
    expect(mine.locator("#chat-count")).to_have_text("0")


def test_what_is_written_without_a_line_is_sent_once_it_is_back(visit: Visit, watch: Watch) -> None:
    watch.allow("ERR_INTERNET_DISCONNECTED|Failed to fetch")
    person, _seller, conversation = talk()
    page = log_in(visit(), person)
    page.goto(f"/chats/{conversation}")
    say(page, "first")
    expect(page.locator(STORED)).to_have_count(1)
    page.context.set_offline(True)
    say(page, "second")
    say(page, "third")
    expect(page.locator("[data-pending] .msg")).to_have_count(2)
    expect(page.locator("[data-offline]")).to_be_visible()
    page.locator(TEXT).fill("half a sentence")
    page.context.set_offline(False)
    page.reload()  # it is kept across a reload, too
    expect(page.locator(STORED)).to_have_count(3)
    expect(page.locator("[data-pending] .msg")).to_have_count(0)
    assert texts(page) == ["first", "second", "third"]
    expect(page.locator(TEXT)).to_have_value("half a sentence")


def test_what_is_written_while_mongodb_is_away_is_sent_once_it_is_back(
    visit: Visit, watch: Watch, data: Flask
) -> None:
    # A page that a test answers itself comes of no network: Chromium gives it no socket.
    watch.allow("503|LOCAL_NETWORK_ACCESS")
    person, _seller, conversation = talk()
    page = log_in(visit(), person)
    settings = data.extensions["settings"].model_copy(update={"mongo_url": AWAY})
    with another_app(settings) as lonely:

        def answer(route: Route) -> None:
            shown = lonely.test_client(use_cookies=False).get(
                f"/chats/{conversation}", headers=route.request.all_headers()
            )
            route.fulfill(
                status=shown.status_code, headers=dict(shown.headers), body=shown.get_data()
            )

        page.route(f"**/chats/{conversation}", answer, times=1)
        page.goto(f"/chats/{conversation}")
    expect(page.locator(".chat__main")).to_contain_text("Messages can't be reached right now")
    say(page, "Where is it?")
    expect(page.locator(STORED)).to_have_count(1)  # the page was loaded anew
    assert texts(page) == ["Where is it?"]
    expect(page.locator(TEXT)).to_have_value("")


def test_what_was_missed_is_fetched_in_order(visit: Visit, watch: Watch) -> None:
    watch.allow("ERR_INTERNET_DISCONNECTED|Failed to fetch")
    person, seller, conversation = talk()
    page = log_in(visit(), person)
    page.goto(f"/chats/{conversation}")
    page.context.set_offline(True)
    for number in range(7):
        sending.send(
            user_id=seller.id,
            conversation_id=conversation,
            text=f"line {number}",
            client_id=new_id(),
        )
    page.context.set_offline(False)
    expect(page.locator(STORED)).to_have_count(7)
    assert texts(page) == [f"line {number}" for number in range(7)]


def test_history_goes_on_upwards(visit: Visit) -> None:
    person, seller, conversation = talk()
    for number in range(120):
        message = Message(
            id=new_id(),
            conversation_id=conversation,
            seq=0,
            client_id=str(new_id()),
            kind=MessageKind.TEXT,
            sender_id=(person, seller)[number % 2].id,
            text=str(number),
            at=datetime.now(UTC),
        )
        stored, _is_new = messages.add(message, found_by=(), last_seq=number)
    conversations.note_message(stored)
    page = log_in(visit(), person)
    page.goto(f"/chats/{conversation}")
    expect(page.locator(".msg[data-seq]").last).to_be_in_viewport()
    for _page in range(2):
        page.locator("[data-scroll]").evaluate("(place) => place.scrollTo({ top: 0 })")
        page.wait_for_timeout(600)
    expect(page.locator(".msg[data-seq]")).to_have_count(120)
    numbers = page.locator(".msg[data-seq]").evaluate_all("(all) => all.map((m) => +m.dataset.seq)")
    assert numbers == list(range(1, 121))


def test_a_doubtful_message_is_asked_about(visit: Visit) -> None:
    person, seller, conversation = talk()
    page = log_in(visit(), seller)
    page.goto(f"/chats/{conversation}")
    say(page, "Pay me at paypal.me/me")
    expect(page.locator("#confirm-dialog")).to_contain_text("pay outside the shop")
    page.get_by_role("button", name="Go back").click()
    expect(page.locator(TEXT)).to_have_value("Pay me at paypal.me/me")
    assert texts(page) == []
    page.locator(TEXT).press("Enter")
    page.get_by_role("button", name="Send anyway").click()
    expect(page.locator(STORED)).to_have_count(1)
    theirs = log_in(visit(), person)
    theirs.goto(f"/chats/{conversation}")
    expect(theirs.locator(".msg__warning")).to_contain_text("Pay only through the shop")


def test_who_is_written_to_by_somebody_blocked_hears_nothing(visit: Visit) -> None:
    person, seller, conversation = talk()
    page = log_in(visit(), seller)
    page.goto(f"/chats/{conversation}")
    page.locator(".chat__head summary").click()
    page.get_by_role("button", name="Block").click()
    page.locator("[data-confirm-ok]").click()
    expect(page.locator(".chat__main")).to_contain_text("You have blocked this person")
    theirs = log_in(visit(), person)
    theirs.goto(f"/chats/{conversation}")
    expect(theirs.locator(".chat__main")).to_contain_text("doesn't take messages from you")


def test_everything_is_done_without_javascript(visit: Visit, watch: Watch) -> None:
    watch.allow("409|422")
    person, seller, conversation = talk()
    page = log_in(visit(java_script_enabled=False), person)
    page.goto(f"/chats/{conversation}")
    page.locator(TEXT).fill("My password: hunter22")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Send anyway")).to_be_visible()
    expect(page.locator(TEXT)).to_have_value("My password: hunter22")
    page.locator(TEXT).fill("Hello")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(f"{STORED} [data-text]")).to_have_text(["Hello"])
    page.get_by_role("link", name="Edit").click()
    expect(page).to_have_url(re.compile("/edit$"))
    page.get_by_label("Message").fill("Hello!")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(f"{STORED} [data-text]")).to_have_text(["Hello!"])
    expect(page.locator(".msg__foot")).to_contain_text("edited")
    page.locator(".msg__acts").get_by_role("button", name="Delete").click()
    expect(page.locator(".msg__gone")).to_have_text("Message deleted")
    other = log_in(visit(java_script_enabled=False), seller)
    other.goto("/chats")
    expect(other.locator(".talk")).to_have_count(1)


def test_keys_and_settings(visit: Visit) -> None:
    _person, seller, conversation = talk()
    page = log_in(visit(), seller)
    page.goto("/chats/settings")
    page.get_by_label("Ready answers").fill("The first answer\n\nThe second\nof two lines")
    page.get_by_label("Enter sends").uncheck()
    page.get_by_role("button", name="Save").click()
    page.goto(f"/chats/{conversation}")
    page.locator(".composer__answers summary").click()
    page.get_by_role("button", name=re.compile("The second")).click()
    expect(page.locator(TEXT)).to_have_value("The second\nof two lines")
    page.locator(TEXT).press("Enter")
    expect(page.locator(STORED)).to_have_count(0)
    page.locator(TEXT).press("Control+Enter")
    expect(page.locator(STORED)).to_have_count(1)
    page.locator("[data-scroll]").focus()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search conversations")).to_be_focused()
    page.keyboard.type("second")
    page.keyboard.press("Enter")
    page.locator(".talk__preview--long", has_text="The second").click()
    # What was found stands in an earlier part, which ends with the way back.
    expect(page.locator(".msg__text", has_text="The second")).to_be_in_viewport()
    page.get_by_role("link", name="To the newest messages").click()
    expect(page.locator(TEXT)).to_be_visible()


def test_a_moderator_reads_what_was_reported_and_is_seen(visit: Visit) -> None:
    person, seller, conversation = talk()
    sending.send(user_id=seller.id, conversation_id=conversation, text="Rude", client_id=new_id())
    moderator = make_user(roles=["moderator"])
    watched = log_in(visit(), moderator)
    page = log_in(visit(), person)
    page.goto(f"/chats/{conversation}/report")
    page.get_by_label("What is wrong?").fill("He is rude")
    page.get_by_role("button", name="Report").click()
    watched.goto("/chats/reported")
    watched.locator(".list__item", has_text="He is rude").get_by_role("button").click()
    watched.locator("[data-confirm-ok]").click()
    expect(watched.locator(STORED).first).to_contain_text("Rude")
    say(watched, "Please be kind")
    expect(page.locator(STORED).last).to_contain_text("Please be kind")
    expect(page.locator(".msg--system").last).to_contain_text("A moderator has joined")
