"""The mail catcher takes mail over SMTP and shows it, safely, to people and to tests."""

import re
import smtplib
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from urllib.parse import urlsplit

import pytest
import requests
from bs4 import BeautifulSoup

from app.embedded.inbox.views import create_app
from app.embedded.mail import start_smtp

HOSTILE = "<p>Hello <a href='https://example.com/confirm'>confirm</a></p><script>stolen()</script>"


@pytest.fixture(scope="module")
def catcher(tmp_path_factory):
    server = start_smtp(tmp_path_factory.mktemp("catcher"))
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _empty(catcher):
    requests.delete(catcher.page_url + "api/messages", timeout=5).raise_for_status()


@pytest.fixture
def send(catcher):
    def send(*recipients: str, subject: str = "Your order", text: str = "Hello", html: str = ""):
        message = EmailMessage()
        message["From"] = "ByteShop <shop@example.com>"
        message["To"] = recipients[0]
        message["Subject"] = subject
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        address = urlsplit(catcher.url)
        with smtplib.SMTP(address.hostname, address.port, timeout=5) as connection:
            connection.send_message(message, to_addrs=list(recipients))

    return send


@pytest.fixture
def get(catcher):
    def get(path: str, **headers: str) -> requests.Response:
        return requests.get(catcher.page_url + path.lstrip("/"), headers=headers, timeout=5)

    return get


def test_an_empty_inbox_says_so(get):
    page = get("/")
    assert page.status_code == 200
    assert "No emails yet" in page.text


def test_mails_are_listed_newest_first_with_their_words_intact(get, send):
    send("first@example.com", subject="One")
    send("second@example.com", subject="Ваш заказ №2 <b>")
    page = BeautifulSoup(get("/").text, "html.parser")
    assert [item.text for item in page.select(".inbox-item__subject")] == [
        "Ваш заказ №2 <b>",
        "One",
    ]


def test_a_mail_can_be_read_and_its_link_followed(get, send):
    send("a@example.com", text="Open http://127.0.0.1:8000/confirm/abc now")
    link = BeautifulSoup(get("/").text, "html.parser").select_one(".inbox-item")
    assert link
    page = BeautifulSoup(get(str(link["href"])).text, "html.parser")
    anchor = page.select_one(".inbox-text a")
    assert anchor
    assert anchor["href"] == "http://127.0.0.1:8000/confirm/abc"
    assert "noopener" in anchor["rel"]


def test_html_of_a_mail_is_shut_in_a_sandbox_without_scripts(get, send):
    send("a@example.com", html=HOSTILE)
    mail = get("/api/messages").json()["messages"][0]
    page = BeautifulSoup(get(f"/messages/{mail['id']}").text, "html.parser")
    frame = page.select_one("iframe")
    assert frame
    assert "allow-scripts" not in str(frame["sandbox"])
    assert "allow-same-origin" not in str(frame["sandbox"])
    policy = get(str(frame["src"])).headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert "default-src 'none'" in policy


def test_json_gives_every_part_and_filters_by_recipient(get, send):
    send("a@example.com", "copy@example.com", text="for a", html="<b>for a</b>")
    send("b@example.com", text="for b")
    everything = get("/api/messages").json()["messages"]
    assert [mail["text"].strip() for mail in everything] == ["for b", "for a"]
    copied = get("/api/messages?to=Copy@Example.com").json()["messages"]
    assert [mail["html"].strip() for mail in copied] == ["<b>for a</b>"]
    assert copied[0]["to"] == ["a@example.com", "copy@example.com"]


def test_the_source_is_the_mail_as_it_came(get, send):
    send("a@example.com", subject="Plain")
    mail = get("/api/messages").json()["messages"][0]
    source = get(f"/messages/{mail['id']}/source")
    assert source.headers["Content-Type"].startswith("text/plain")
    assert "Subject: Plain" in source.text


def test_an_unknown_character_set_does_not_break_the_inbox(get, catcher):
    raw = b"Subject: odd\r\nContent-Type: text/plain; charset=klingon\r\n\r\nnuqneH"
    address = urlsplit(catcher.url)
    with smtplib.SMTP(address.hostname, address.port, timeout=5) as connection:
        connection.sendmail("x@example.com", ["y@example.com"], raw)
    assert get("/").status_code == 200
    assert "nuqneH" in get("/api/messages").json()["messages"][0]["text"]


def test_deleting_empties_the_inbox(get, send, catcher):
    send("a@example.com")
    answer = requests.post(catcher.page_url + "clear", timeout=5)
    assert answer.status_code == 200
    assert "No emails yet" in answer.text


def test_another_site_can_neither_read_nor_empty_the_inbox(get, send, catcher):
    send("a@example.com")
    assert get("/api/messages", Host="evil.example").status_code == 400
    answer = requests.post(
        catcher.page_url + "clear", headers={"Sec-Fetch-Site": "cross-site"}, timeout=5
    )
    assert answer.status_code == 403
    assert len(get("/api/messages").json()["messages"]) == 1


@pytest.mark.parametrize(
    "path", ["/messages/none", "/messages/../password", "/messages/..%2f..%2fa"]
)
def test_a_mail_that_is_not_there_is_not_found(get, path):
    assert get(path).status_code == 404


def test_the_page_does_not_let_other_sites_frame_it(get):
    assert "frame-ancestors 'none'" in get("/").headers["Content-Security-Policy"]


def test_times_are_told_by_the_clock_of_this_machine(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        app = create_app(tmp_path)
        with app.test_request_context():
            told = app.jinja_env.filters["here"](datetime(2026, 11, 25, 22, 5, tzinfo=UTC))
    time.tzset()
    assert told.startswith("Nov 26, 2026, 7:05:00")


def test_its_styles_and_scripts_come_as_a_browser_asks_for_them(get):
    page = get("/").text
    addresses = re.findall(r'(?:href|src)="(/static/[^"#]+)"', page)
    assert len(addresses) >= 4
    for address in addresses:
        answer = get(address, **{"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.text
