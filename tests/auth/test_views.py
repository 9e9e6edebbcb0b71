import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from wtforms import PasswordField

from app.auth import forms, identity, queries
from app.auth.models import LoginSession, MailPurpose, User
from app.auth.service import credentials, mail_links, moderation, sessions
from app.auth.service.mail_links import LIFETIME
from app.factory import create_app
from app.kit import returning
from app.kit.db import session
from app.kit.ids import new_id
from app.kit.retention import drop_old
from tests.factories.auth import PASSWORD, make_user
from tests.support.inbox import Inbox, path_in

NEW_PASSWORD = "seven-green-tractors"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
HOSTILE = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "x" * 100_000,
    "😀" * 300,
    "\u202egpj.exe",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "'; DROP TABLE users; --",
    "%s%s%n",
    "../../etc/passwd",
    "a@b\r\nSet-Cookie: x=y",
    "\ufffe\uffff",
]


def page_of(response) -> BeautifulSoup:
    return BeautifulSoup(response.get_data(as_text=True), "html.parser")


def comparable(response, email: str) -> tuple[int, str]:
    """An answer without what differs each time."""
    text = response.get_data(as_text=True).replace(email, "…")
    return response.status_code, re.sub(
        'nonce="[^"]*"|X-CSRFToken[^}]*|value="[^"]{60,}"', "", text
    )


def log_in(client: FlaskClient, user: User, password: str = PASSWORD, **more: str):
    return client.post("/auth/login", data={"email": user.email, "password": password, **more})


def is_in(client: FlaskClient) -> bool:
    return client.get("/auth/profile").status_code == 200


def cookie(client: FlaskClient) -> dict:
    with client.session_transaction() as kept:
        return dict(kept)


def token(user: User, purpose: MailPurpose) -> str:
    return mail_links.issue_mail_token(user_id=user.id, purpose=purpose, mail_id=new_id())


class TestLogIn:
    def test_the_right_password_opens_the_account(self, client):
        user = make_user()
        assert not is_in(client)
        response = log_in(client, user)
        assert (response.status_code, response.location) == (303, "/")
        assert is_in(client)

    def test_a_refusal_describes_where_the_focus_is(self, client):
        page = page_of(client.post("/auth/login", data={"email": "a@example.com", "password": "x"}))
        focused = page.select_one("[autofocus]")
        assert focused["name"] == "password"
        described = page.find(id=focused["aria-describedby"])
        assert described.get_text(strip=True) == "Wrong email or password."

    @pytest.mark.parametrize("email", ["known@example.com", "unknown@example.com"])
    def test_a_refusal_is_the_same_for_every_address(self, client, email):
        make_user("known@example.com")
        response = client.post("/auth/login", data={"email": email, "password": NEW_PASSWORD})
        page = page_of(response)
        assert response.status_code == 422
        assert page.select_one(".alert").get_text(strip=True) == ("Wrong email or password.")
        assert page.find("input", {"name": "email", "type": "email"})["value"] == email
        assert NEW_PASSWORD not in response.get_data(as_text=True)
        assert not is_in(client)

    def test_an_unconfirmed_person_is_offered_another_mail(self, client, inbox: Inbox):
        user = make_user(confirmed=False)
        response = log_in(client, user)
        form = page_of(response).find("form", {"action": "/auth/resend-confirmation"})
        assert response.status_code == 403
        again = client.post(
            form["action"], data={"email": form.find(attrs={"name": "email"})["value"]}
        )
        assert again.location == "/auth/check-mail"
        client.post(path_in(inbox.only(user.email), "/auth/confirm/"))
        assert log_in(client, user).status_code == 303

    def test_a_closed_account_stays_closed(self, client):
        user = make_user()
        moderation.ban_user(user_id=user.id)
        response = log_in(client, user)
        assert response.status_code == 403
        assert "This account is closed." in response.get_data(as_text=True)
        assert not is_in(client)

    @pytest.mark.parametrize(
        "target", ["/order/basket", "/products?q=a+b&sort=new", "/auth/profile#selling"]
    )
    def test_who_wanted_to_go_somewhere_gets_there(self, client, target):
        form = page_of(client.get("/auth/login", query_string={"next": target}))
        kept = form.select_one(".auth input[name=next]")["value"]
        assert kept == target
        response = log_in(client, make_user(), next=kept)
        assert response.location.startswith(target[:2])
        again = client.get("/auth/login", query_string={"next": target})
        assert (again.status_code, again.location) == (303, response.location)

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example/",
            "http:evil.example",
            "//evil.example/",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            "/\n/evil.example",
            " //evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "evil.example",
            "/%0d%0aSet-Cookie:x\r\n",
            "/" + "x" * 5000,
            "\x00/",
            "",
        ],
    )
    def test_nobody_is_sent_to_another_site(self, client, target):
        shown = page_of(client.get("/auth/login", query_string={"next": target}))
        assert shown.select_one(".auth input[name=next]")["value"] == "/"
        assert log_in(client, make_user(), next=target).location == "/"
        assert client.get("/auth/login", query_string={"next": target}).location == "/"
        switched = client.post("/auth/locale", data={"locale": "en", "next": target})
        assert switched.location == "/"

    def test_a_login_begins_a_new_cookie_that_keeps_language_and_basket(self, client):
        with client.session_transaction() as kept:
            kept.update(locale="ru", guest_basket="", csrf_token="planted", other="planted")
        user = make_user()
        log_in(client, user)
        first = cookie(client)
        assert first["locale"] == "ru"
        assert first["guest_basket"] == ""
        assert first.get("csrf_token") != "planted"
        assert "other" not in first
        log_in(client, user)
        assert cookie(client)[identity.SECRET] != first[identity.SECRET]
        assert queries.visit(first[identity.SECRET]) is None
        assert len(queries.live_sessions(user.id)) == 1

    def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(self, client):
        headers = log_in(client, make_user()).headers.getlist("Set-Cookie")
        [session_cookie] = [header for header in headers if "session=" in header]
        assert "SameSite=Lax" in session_cookie
        for header in headers:
            assert "HttpOnly" in header
            assert "SameSite=" in header
            assert "Expires=" in header

    def test_a_copied_cookie_ends_with_the_log_out(self, app, client):
        log_in(client, make_user())
        thief = app.test_client()
        with thief.session_transaction() as stolen:
            stolen.update(cookie(client))
        assert is_in(thief)
        response = client.post("/auth/logout")
        assert response.status_code == 303
        assert not is_in(client)
        assert not is_in(thief)

    def test_too_many_tries_are_told_when_to_come_back(self, strict_app, app):
        strict_app.config["WTF_CSRF_ENABLED"] = False
        client = strict_app.test_client()
        user = make_user()
        for _number in range(5):
            assert log_in(client, user, "not-the-password").status_code == 422
        response = log_in(client, user)
        strict_app.config["WTF_CSRF_ENABLED"] = True
        assert response.status_code == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 61
        assert page_of(response).find("input", {"name": "email", "type": "email"})["value"]

    @pytest.fixture
    def besieged(self, strict_app: Flask) -> Iterator[Flask]:
        """Limits as in production; forms without a token, as scripts of strangers send them."""
        strict_app.config["WTF_CSRF_ENABLED"] = False
        yield strict_app
        strict_app.config["WTF_CSRF_ENABLED"] = True

    def besiege(self, app: Flask, user: User) -> FlaskClient:
        """Wrong passwords from many places, until no new place gets in; one of the strangers."""
        for number in range(6):
            stranger = app.test_client()
            stranger.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
            log_in(stranger, user, "not-the-password")
        assert log_in(stranger, user).status_code == 429
        return stranger

    def test_strangers_lock_no_browser_out_that_was_in_before(self, besieged, app):
        user, moved = make_user(), besieged.test_client()
        log_in(moved, user)
        moved.post("/auth/logout")
        self.besiege(besieged, user)
        moved.environ_base["REMOTE_ADDR"] = "203.0.113.200"  # on the road
        assert log_in(moved, user).status_code == 303

    def test_the_mark_of_a_browser_is_good_for_its_own_account_alone(self, besieged, app):
        owner, stranger = make_user(), make_user()
        browser = besieged.test_client()
        log_in(browser, owner)
        [known] = [kept for kept in browser._cookies.values() if "device" in kept.key]
        assert known.http_only
        other = self.besiege(besieged, owner)
        log_in(other, stranger)
        [own] = [kept for kept in other._cookies.values() if "device" in kept.key]
        assert own.key != known.key
        for forged in (own.value, known.value[:-3] + "AAA", "", "x" * 3000, "\x00"):
            other.set_cookie(known.key, forged)
            assert log_in(other, owner).status_code == 429
        other.set_cookie(known.key, known.value)
        assert log_in(other, owner).status_code == 303

    def test_an_owner_on_a_new_device_gets_in_by_mail(self, besieged, inbox: Inbox):
        user = make_user()
        self.besiege(besieged, user)
        browser = besieged.test_client()
        browser.environ_base["REMOTE_ADDR"] = "203.0.113.200"
        form = page_of(log_in(browser, user)).find("form", {"action": "/auth/forgot"})
        assert form.find(attrs={"name": "email"})["value"] == user.email
        browser.post("/auth/forgot", data={"email": user.email})
        path = path_in(inbox.only(user.email), "/auth/reset/")
        assert browser.post(path, data={"password": NEW_PASSWORD}).status_code == 303
        browser.environ_base["REMOTE_ADDR"] = "203.0.113.201"
        assert log_in(browser, user, NEW_PASSWORD).status_code == 303

    def test_strangers_who_ask_for_mails_leave_the_owner_a_link_that_works(
        self, besieged, inbox: Inbox
    ):
        user = make_user()
        for number in range(4):
            stranger = besieged.test_client()
            stranger.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
            last = stranger.post("/auth/forgot", data={"email": user.email})
        assert last.status_code == 429
        # No longer than a link works: whoever is refused has one in the mailbox.
        assert int(last.headers["Retry-After"]) <= LIFETIME[MailPurpose.RESET].total_seconds() + 1
        [*_others, newest] = inbox.of(user.email)
        owner = besieged.test_client()
        done = owner.post(path_in(newest, "/auth/reset/"), data={"password": NEW_PASSWORD})
        assert done.location == "/auth/login"

    def test_an_unknown_address_looks_besieged_like_a_known_one(self, besieged):
        known = make_user()
        unknown = known.email.replace("person", "nobody")
        for email in (known.email, unknown):
            for number in range(6):
                stranger = besieged.test_client()
                stranger.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
                last = stranger.post("/auth/login", data={"email": email, "password": "x" * 12})
            assert last.status_code == 429
            assert page_of(last).find("form", {"action": "/auth/forgot"})

    def test_a_form_of_another_site_logs_nobody_in(self, strict_app):
        client = strict_app.test_client()
        user = make_user()
        assert log_in(client, user).status_code == 403
        form = page_of(client.get("/auth/login")).select_one(".auth form")
        known = form.find(attrs={"name": "csrf_token"})["value"]
        assert log_in(client, user, csrf_token=known).status_code == 303


class TestSessions:
    def test_a_request_asks_once_who_it_is_from(self, client, query_counter):
        log_in(client, make_user())
        query_counter.clear()
        client.get("/auth/password")
        assert len([sent for sent in query_counter if "login_session" in sent]) == 1
        assert not [sent for sent in query_counter if sent.startswith("UPDATE")]

    def test_use_is_noted_every_ten_minutes(self, client, query_counter):
        log_in(client, make_user())

        def rest(minutes: int) -> None:
            session().execute(
                update(LoginSession).values(
                    seen_at=func.clock_timestamp() - timedelta(minutes=minutes)
                )
            )
            session().commit()

        def noted() -> bool:
            query_counter.clear()
            assert is_in(client)
            return any(sent.startswith("UPDATE login_session") for sent in query_counter)

        rest(9)
        assert not noted()
        rest(11)
        assert noted()
        assert not noted()

    @pytest.mark.parametrize(
        "end",
        [
            lambda user: moderation.ban_user(user_id=user.id),
            lambda user: moderation.grant_role(user_id=user.id, role="moderator"),
            lambda user: sessions.log_out_everywhere(user_id=user.id),
            lambda user: credentials.reset_password(
                token=token(user, MailPurpose.RESET), password=NEW_PASSWORD
            ),
        ],
    )
    def test_an_ended_epoch_ends_the_open_browser_at_the_next_click(self, client, end):
        user = make_user()
        log_in(client, user)
        assert is_in(client)
        end(user)
        response = client.get("/auth/profile")
        assert (response.status_code, response.location) == (
            303,
            "/auth/login?next=/auth/profile",
        )

    def test_a_persons_browsers_are_listed_and_ended_one_by_one(self, app, client):
        user = make_user()
        phone = app.test_client()
        client.post(
            "/auth/login",
            data={"email": user.email, "password": PASSWORD},
            headers={"User-Agent": "<b>Desk</b>"},
        )
        phone.post(
            "/auth/login",
            data={"email": user.email, "password": PASSWORD},
            headers={"User-Agent": PHONE},
        )
        response = client.get("/auth/sessions")
        rows = page_of(response).select(".list__item")
        assert response.headers["Cache-Control"] == "no-store"
        assert [row.strong.get_text() for row in rows] == ["Mobile Safari on iOS", "<b>Desk</b>"]
        assert ["This browser" in row.get_text() for row in rows] == [False, True]
        assert rows[0].button["aria-label"] == "Log out: Mobile Safari on iOS"
        assert client.post(rows[0].form["action"]).status_code == 303
        assert not is_in(phone)
        assert is_in(client)
        assert client.post(rows[0].form["action"]).status_code == 404
        assert client.post(rows[1].form["action"]).location == "/auth/login"
        assert not is_in(client)

    def test_nobody_ends_the_browser_of_somebody_else(self, client):
        owner, stranger = make_user(), make_user()
        sessions.log_in(email=owner.email, password=PASSWORD, address="127.0.0.1")
        [listed] = queries.live_sessions(owner.id)
        log_in(client, stranger)
        assert client.post(f"/auth/sessions/{listed.id}/end").status_code == 404
        assert queries.live_session(listed.id)

    def test_logging_out_everywhere_ends_this_browser_too(self, app, client):
        user = make_user()
        other = app.test_client()
        log_in(client, user)
        log_in(other, user)
        assert client.post("/auth/logout-everywhere").location == "/auth/login"
        assert not is_in(client)
        assert not is_in(other)

    def test_a_visitor_who_is_not_logged_in_may_log_out(self, client):
        assert client.post("/auth/logout").status_code == 303

    @pytest.mark.parametrize("secret", [1, None, [], {}, "x", "\x00"])
    def test_a_strange_cookie_is_a_visitor(self, client, secret):
        with client.session_transaction() as kept:
            kept[identity.SECRET] = secret
        assert client.get("/auth/login").status_code == 200
        assert not is_in(client)

    @pytest.mark.parametrize("path", ["/auth/login", "/auth/profile"])
    def test_without_the_database_nobody_is_known_and_everybody_is_told(
        self, app, make_settings, path
    ):
        broken = create_app(make_settings(database_url="postgresql+psycopg://x@127.0.0.1:1/x"))
        client = broken.test_client()
        with client.session_transaction() as kept:
            kept[identity.SECRET] = "secret"
        response = client.get(path)
        assert response.status_code == 503
        assert response.headers["Retry-After"]
        assert page_of(response).h1.get_text() == "We'll be right back"

    def test_expired_rows_are_dropped_on_the_clock(self, client):
        log_in(client, make_user())
        session().execute(
            update(LoginSession).values(seen_at=func.clock_timestamp() - timedelta(days=15))
        )
        session().commit()
        assert not is_in(client)
        assert drop_old().done == 1


FORM = {"display_name": "Nadia", "email": "nadia@example.com", "password": PASSWORD}


class TestWays:
    """Where a visitor was going is not lost on the way through registering, mail and login."""

    def test_from_the_checkout_over_registering_back_to_it(self, client, inbox: Inbox):
        email = make_user().email.replace("person", "way")
        basket = page_of(client.get("/auth/register?next=/order/checkout"))
        assert basket.select_one("form[action='/auth/register']")
        client.post("/auth/register", data={**FORM, "email": email})
        client.post("/auth/resend-confirmation", data={"email": email})
        client.post(path_in(inbox.of(email)[0], "/auth/confirm/"))
        form = page_of(client.get("/auth/login")).select_one("main form")
        assert form.find(attrs={"name": "next"})["value"] == "/order/checkout"
        assert log_in(client, queries.user_by_email(email)).location == "/order/checkout"
        client.post("/auth/logout")
        assert log_in(client, queries.user_by_email(email)).location == "/"

    def test_from_the_checkout_over_a_new_password_back_to_it(self, client, inbox: Inbox):
        user = make_user()
        login = page_of(client.get("/auth/login?next=/order/checkout"))
        links = {link["href"] for link in login.select("main a")}
        assert links == {
            "/auth/forgot?next=/order/checkout",
            "/auth/register?next=/order/checkout",
        }
        client.get("/auth/forgot?next=/order/checkout")
        client.post("/auth/forgot", data={"email": user.email})
        path = path_in(inbox.only(user.email), "/auth/reset/")
        done = client.post(path, data={"password": NEW_PASSWORD})
        assert done.location == "/auth/login?next=/order/checkout"
        client.get(done.location)
        assert log_in(client, user, NEW_PASSWORD).location == "/order/checkout"

    @pytest.mark.parametrize(
        "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "x"]
    )
    def test_nobody_is_led_to_another_site(self, client, target):
        client.get("/auth/register", query_string={"next": target})
        client.get("/auth/login", query_string={"next": target})
        assert log_in(client, make_user()).location == "/"


class TestMailed:
    @pytest.mark.parametrize(
        "path", ["/auth/register", "/auth/resend-confirmation", "/auth/forgot"]
    )
    def test_a_reload_of_what_follows_sends_no_second_mail(self, client, inbox: Inbox, path):
        user = make_user(confirmed=path != "/auth/resend-confirmation")
        done = client.post(path, data={**FORM, "email": user.email})
        assert (done.status_code, done.location) == (303, "/auth/check-mail")
        for _reload in range(3):
            shown = client.get("/auth/check-mail")
            assert shown.headers["Cache-Control"] == "no-store"
            assert user.email in shown.text
        assert len(inbox.of(user.email)) == 1

    def test_who_has_had_no_mail_is_led_to_the_login(self, client):
        assert client.get("/auth/check-mail").location == "/auth/login"


class TestSellersOnly:
    def test_who_is_no_seller_is_offered_to_become_one(self, client):
        log_in(client, make_user())
        answer = client.get("/products/mine")
        assert answer.status_code == 403
        assert page_of(answer).select_one("main a[href='/auth/selling']")

    def test_what_a_seller_gets_is_said_in_figures(self, client):
        log_in(client, make_user())
        told = page_of(client.get("/auth/selling")).select_one(".promises").get_text()
        assert "You receive 90% of each sale" in told
        assert "available 3 days after" in told
        assert "For you it is 7 days now" in told
        assert "lowest price is €1.00" in told


class TestRegister:
    def test_from_the_form_to_the_account(self, client, inbox: Inbox):
        user = make_user()  # takes a unique address for the mail catcher
        email = user.email.replace("person", "nadia")
        done = client.post("/auth/register", data={**FORM, "email": f" {email.upper()} "})
        assert done.location == "/auth/check-mail"
        for _reload in range(2):
            assert email in client.get("/auth/check-mail").get_data(as_text=True).lower()
        path = path_in(inbox.only(email), "/auth/confirm/")
        for _scan in range(2):  # a program that looks into mails opens the link
            shown = client.get(path)
            assert shown.status_code == 200
            assert shown.headers["Cache-Control"] == "no-store"
            assert email in shown.get_data(as_text=True)
        button = page_of(shown).select_one(".auth form")
        assert log_in(client, queries.user_by_email(email)).status_code == 403
        assert client.post(button["action"]).location == "/auth/login"
        assert log_in(client, queries.user_by_email(email)).status_code == 303
        assert is_in(client)
        assert client.get(path).status_code == 410
        assert client.post(path).status_code == 410

    def test_a_known_address_gets_the_same_answer_and_another_mail(self, client, inbox: Inbox):
        known = make_user()
        new_email = known.email.replace("person", "fresh")
        answers = []
        for email in (known.email, new_email):
            response = client.post("/auth/register", data={**FORM, "email": email})
            answers.append(comparable(response, email))
        assert answers[0] == answers[1]
        assert path_in(inbox.only(known.email), "/auth/login")
        assert path_in(inbox.only(new_email), "/auth/confirm/")

    def test_who_registered_twice_chooses_the_password_by_mail(self, client, inbox: Inbox):
        user = make_user(confirmed=False)
        client.post("/auth/register", data={**FORM, "email": user.email})
        path = path_in(inbox.only(user.email), "/auth/reset/")
        assert client.post(path, data={"password": NEW_PASSWORD}).location == "/auth/login"
        assert log_in(client, user, NEW_PASSWORD).status_code == 303

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"email": "nadia"}, "email"),
            ({"email": ""}, "email"),
            ({"password": "short"}, "password"),
            ({"password": ""}, "password"),
            ({"password": "password1234"}, "password"),
            ({"display_name": "x"}, "display_name"),
            ({"display_name": "x" * 61}, "display_name"),
        ],
    )
    def test_a_refused_form_keeps_the_words_but_not_the_password(self, client, change, field):
        sent = {**FORM, **change}
        response = client.post("/auth/register", data=sent)
        page = page_of(response)
        assert response.status_code == 422
        wrong = page.select("[aria-invalid=true]")
        assert [control["name"] for control in wrong] == [field]
        assert page.find(id=f"{field}-error").get_text(strip=True)
        form = page.select_one(".auth form")
        assert form.find(attrs={"name": "email"}).get("value", "") == sent["email"]
        assert form.find(attrs={"name": "display_name"})["value"] == sent["display_name"]
        assert not form.find(attrs={"name": "password"}).get("value")
        assert session().scalar(select(func.count()).select_from(User)) == 0

    def test_all_that_is_wrong_is_told_at_once(self, client):
        sent = {"display_name": "x", "email": "nadia", "password": "short"}
        page = page_of(client.post("/auth/register", data=sent))
        wrong = [control["name"] for control in page.select("[aria-invalid=true]")]
        assert wrong == ["display_name", "email", "password"]


class TestPasswords:
    def test_a_forgotten_password_is_set_anew(self, app, client, inbox: Inbox):
        user = make_user()
        elsewhere = app.test_client()
        log_in(elsewhere, user)
        client.post("/auth/forgot", data={"email": user.email})
        path = path_in(inbox.only(user.email), "/auth/reset/")
        shown = client.get(path)
        assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
        refused = client.post(path, data={"password": "password1234"})
        assert refused.status_code == 422
        assert "easy to guess" in refused.get_data(as_text=True)
        assert client.post(path, data={"password": NEW_PASSWORD}).location == "/auth/login"
        assert not is_in(elsewhere)
        assert log_in(client, user, PASSWORD).status_code == 422
        assert log_in(client, user, NEW_PASSWORD).status_code == 303
        assert client.get(path).status_code == 410
        assert client.post(path, data={"password": "another-walrus-song"}).status_code == 410

    def test_a_known_and_an_unknown_address_get_the_same_answer(self, client, inbox: Inbox):
        user = make_user()
        unknown = user.email.replace("person", "unknown")
        for address in ("/auth/forgot", "/auth/resend-confirmation"):
            answers = [
                comparable(client.post(address, data={"email": email}), email)
                for email in (user.email, unknown)
            ]
            assert answers[0] == answers[1]
        assert inbox.of(unknown) == []
        assert len(inbox.of(user.email)) == 1

    def test_a_changed_password_keeps_this_browser_and_no_other(self, app, client, inbox: Inbox):
        user = make_user()
        other = app.test_client()
        log_in(client, user)
        log_in(other, user)
        wrong = client.post("/auth/password", data={"current": NEW_PASSWORD, "new": NEW_PASSWORD})
        assert wrong.status_code == 422
        assert page_of(wrong).find(id="current-error")
        assert NEW_PASSWORD not in wrong.get_data(as_text=True)
        done = client.post("/auth/password", data={"current": PASSWORD, "new": NEW_PASSWORD})
        assert (done.status_code, done.location) == (303, "/auth/profile")
        assert is_in(client)
        assert not is_in(other)
        assert inbox.only(user.email)["subject"] == "Your password was changed"


class TestProfile:
    def test_name_and_language_are_kept(self, client):
        user = make_user()
        log_in(client, user)
        done = client.post("/auth/profile", data={"display_name": " Надя  К. ", "locale": "ru"})
        assert done.status_code == 303
        page = page_of(client.get("/auth/profile"))
        assert page.html["lang"] == "ru"
        assert page.find(id="display_name")["value"] == "Надя К."
        assert queries.user_by_email(user.email).locale == "ru"

    @pytest.mark.parametrize(
        "data",
        [
            {"display_name": "x", "locale": "en"},
            {"display_name": "Nadia", "locale": "xx"},
            {"display_name": "Nadia"},
            {},
        ],
    )
    def test_bad_values_change_nothing(self, client, data):
        user = make_user(display_name="Before")
        log_in(client, user)
        response = client.post("/auth/profile", data=data)
        assert response.status_code == 422
        assert page_of(response).select("[aria-invalid=true]")
        assert queries.user_by_email(user.email).display_name == "Before"

    def test_selling_begins_with_a_paypal_address(self, app, client):
        user = make_user()
        other = app.test_client()
        log_in(client, user)
        log_in(other, user)
        form = page_of(client.get("/auth/selling"))
        assert form.find(id="paypal_email")["value"] == user.email
        assert form.find(id="display_name")["value"] == user.display_name
        taken = make_user(roles=("seller",)).display_name
        sent = {"paypal_email": "pay@example.com", "password": PASSWORD, "display_name": "Ann"}
        for change, status in (
            ({"paypal_email": "paypal"}, 422),
            ({"display_name": taken}, 409),
            ({"display_name": "ByteShop"}, 422),
            ({"password": "not-the-password"}, 422),
        ):
            refused = client.post("/auth/selling", data=sent | change)
            [field] = change
            assert refused.status_code == status
            page = page_of(refused)
            assert [wrong["name"] for wrong in page.select("[aria-invalid=true]")] == [field]
            for name in ("paypal_email", "display_name"):
                assert page.find(id=name)["value"] == (sent | change)[name]
            assert not page.find(id="password").get("value")
        done = client.post("/auth/selling", data=sent)
        assert (done.status_code, done.location) == (303, "/products/mine")
        assert "pay@example.com" in client.get("/auth/profile").get_data(as_text=True)
        assert not is_in(other)
        again = client.post("/auth/selling", data=sent | {"paypal_email": "pay2@example.com"})
        assert again.location == "/auth/selling"
        assert queries.user_by_email(user.email).paypal_email == "pay@example.com"

    def test_another_paypal_address_needs_the_password_and_is_told(self, client, inbox: Inbox):
        seller = make_user(roles=("seller",))
        old = seller.paypal_email
        log_in(client, seller)
        sent = {"paypal_email": "new@example.com", "password": NEW_PASSWORD}
        refused = client.post("/auth/selling/paypal", data=sent)
        assert refused.status_code == 422
        page = page_of(refused)
        assert page.find(id="password-error")
        assert page.find(id="paypal_email")["value"] == "new@example.com"
        done = client.post("/auth/selling/paypal", data={**sent, "password": PASSWORD})
        assert done.location == "/auth/profile"
        for address in (old, seller.email):
            mail = inbox.only(address)
            assert mail["subject"] == "Your PayPal email was changed"
            assert old in mail["text"]
            assert "new@example.com" not in mail["text"]

    def test_a_buyer_has_no_address_to_change(self, client):
        log_in(client, make_user())
        sent = {"paypal_email": "new@example.com", "password": PASSWORD}
        assert client.post("/auth/selling/paypal", data=sent).status_code == 403


class TestLocale:
    def test_a_visitor_and_a_user_choose_the_language(self, app, client):
        done = client.post("/auth/locale", data={"locale": "ru", "next": "/auth/login"})
        assert (done.status_code, done.location) == (303, "/auth/login")
        assert page_of(client.get("/auth/login")).html["lang"] == "ru"
        user = make_user()
        log_in(client, user)
        assert page_of(client.get("/auth/profile")).html["lang"] == "ru"
        client.post("/auth/locale", data={"locale": "en"})
        client.post("/auth/locale", data={"locale": "ru"})
        elsewhere = app.test_client()
        log_in(elsewhere, user)
        assert page_of(elsewhere.get("/auth/profile")).html["lang"] == "ru"

    def test_htmx_is_led_to_a_page_whose_address_is_no_ascii(self, client):
        sent = {"locale": "ru", "next": "/products?q=ключ"}
        done = client.post("/auth/locale", data=sent, headers={"HX-Request": "true"})
        assert done.headers["HX-Redirect"] == "/products?q=%D0%BA%D0%BB%D1%8E%D1%87"

    @pytest.mark.parametrize("locale", ["", "xx", "EN", "../en", "\x00", "ru" * 9999])
    def test_an_unknown_language_is_refused(self, client, locale):
        assert client.post("/auth/locale", data={"locale": locale}).status_code == 422

    @pytest.mark.parametrize(("language", "shown"), [("ru,en;q=0.5", "ru"), ("de", "en")])
    def test_the_browser_says_which_language_it_reads(self, client, language, shown):
        page = client.get("/auth/login", headers={"Accept-Language": language})
        assert page_of(page).html["lang"] == shown


FORMS = {
    "/auth/login": ("email", "password", "next"),
    "/auth/register": ("display_name", "email", "password"),
    "/auth/forgot": ("email",),
    "/auth/resend-confirmation": ("email",),
    "/auth/locale": ("locale", "next"),
    "/auth/profile": ("display_name", "locale"),
    "/auth/password": ("current", "new"),
    "/auth/selling": ("display_name", "paypal_email", "password"),
    "/auth/selling/paypal": ("paypal_email", "password"),
}


class TestHostileValues:
    @pytest.mark.parametrize("path", FORMS)
    def test_every_form_answers_every_value(self, app, path, login: Callable[..., FlaskClient]):
        user = make_user(roles=("seller",))
        client = app.test_client() if path in {"/auth/register", "/auth/login"} else login(user)
        for value in HOSTILE:
            for data in (
                dict.fromkeys(FORMS[path], value),
                {name: [value, "second"] for name in FORMS[path]},
            ):
                response = client.post(path, data=data)
                assert response.status_code in {200, 303, 403, 409, 413, 422, 429}, value[:40]
                text = response.get_data(as_text=True)
                assert "<script>alert(1)" not in text
                assert "Set-Cookie" not in response.headers.get("Location", "")
        assert client.post(path).status_code in {303, 422}

    @pytest.mark.parametrize("path", ["/auth/confirm/{}", "/auth/reset/{}"])
    @pytest.mark.parametrize(
        "value", ["x", "%00", "a%00b", "%ff%fe", "😀", "x" * 3000, "%3Cscript%3E"]
    )
    def test_made_up_links_are_dead(self, client, path, value):
        address = path.format(value)
        assert client.get(address).status_code == 410
        data = {"password": NEW_PASSWORD}
        assert client.post(address, data=data).status_code == 410

    @pytest.mark.parametrize("ident", ["x", "0", "%00", "00000000-0000-0000-0000-000000000000"])
    def test_made_up_sessions_are_not_found(self, client, ident):
        log_in(client, make_user())
        assert client.post(f"/auth/sessions/{ident}/end").status_code == 404


class TestPages:
    @pytest.mark.parametrize(
        ("path", "public"),
        [
            ("/auth/login", True),
            ("/auth/register", True),
            ("/auth/forgot", True),
            ("/auth/resend-confirmation", True),
            ("/auth/password", False),
            ("/auth/profile", False),
            ("/auth/selling", False),
            ("/auth/sessions", False),
        ],
    )
    def test_a_page_has_one_heading_and_forms_that_are_protected(self, strict_app, path, public):
        client = strict_app.test_client()
        if not public:
            assert client.get(path).location == f"/auth/login?next={path}"
            form = page_of(client.get("/auth/login")).select_one(".auth form")
            known = form.find(attrs={"name": "csrf_token"})["value"]
            assert log_in(client, make_user(), csrf_token=known).status_code == 303
        response = client.get(path)
        page = page_of(response)
        assert response.status_code == 200
        assert public or response.headers["Cache-Control"] == "no-store"
        assert len(page.select("h1")) == 1
        for form in page.find_all("form", {"method": "post"}):
            assert form.find(attrs={"name": "csrf_token"})["value"]
        assert len({tag["id"] for tag in page.select("[id]")}) == len(page.select("[id]"))


SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
WORDS = {
    "display_name": "Ann of the Words",
    "email": "words@example.com",
    "paypal_email": "words@example.com",
    "locale": "ru",
    "password": NEW_PASSWORD,
    "current": PASSWORD,
    "new": NEW_PASSWORD,
}


class TestOutdatedForms:
    """A page that was open before a login in another tab: its token is of no use any more."""

    @pytest.fixture
    def person(self, strict_app) -> tuple[User, FlaskClient]:
        user, client = make_user(roles=("seller",)), strict_app.test_client()
        form = page_of(client.get("/auth/login")).select_one(".auth form")
        known = form.find(attrs={"name": "csrf_token"})["value"]
        assert log_in(client, user, csrf_token=known).status_code == 303
        return user, client

    @pytest.mark.parametrize("path", sorted(set(FORMS) - {"/auth/locale", "/auth/login"}))
    def test_a_form_is_shown_again_with_the_words_in_it(self, person, path):
        user, client = person
        sent = {**{name: WORDS.get(name, "") for name in FORMS[path]}, "csrf_token": "outdated"}
        response = client.post(path, data=sent, headers=SAME_ORIGIN)
        page = page_of(response)
        assert response.status_code == 422
        assert "open for too long" in page.select_one("[role=alert]").get_text()
        form = page.select_one("main form")
        for name in set(FORMS[path]) & {"display_name", "email", "paypal_email"}:
            assert form.find(attrs={"name": name})["value"] == sent[name]
        assert NEW_PASSWORD not in response.text
        now = queries.user_by_email(user.email)
        assert (now.display_name, now.paypal_email) == (user.display_name, user.paypal_email)
        assert now.password_hash == user.password_hash
        renewed = {**sent, "csrf_token": form.find(attrs={"name": "csrf_token"})["value"]}
        again = client.post(path, data=renewed, headers=SAME_ORIGIN)
        assert "open for too long" not in again.text

    def test_the_login_is_shown_again_with_the_address_in_it(self, strict_app):
        sent = {"email": "words@example.com", "password": NEW_PASSWORD, "csrf_token": "x"}
        response = strict_app.test_client().post("/auth/login", data=sent, headers=SAME_ORIGIN)
        page = page_of(response)
        assert response.status_code == 422
        assert page.find(id="email")["value"] == "words@example.com"
        described = page.find(id=page.select_one("[autofocus]")["aria-describedby"])
        assert "open for too long" in described.get_text()

    def test_buttons_of_an_old_page_lead_to_one_where_they_count(self, person):
        user, client = person
        for path in ("/auth/logout", "/auth/locale"):
            sent = {"csrf_token": "x", "locale": "ru", "next": "/"}
            assert client.post(path, data=sent, headers=SAME_ORIGIN).location == "/"
            shown = page_of(client.get("/"))
            assert "Please send the form again" in shown.find(id="notices").get_text()
        assert is_in(client)
        sessions.log_out_everywhere(user_id=user.id)  # as in another tab
        client.post("/auth/logout", data={"csrf_token": "x"}, headers=SAME_ORIGIN)
        assert "You have been logged out." in page_of(client.get("/")).find(id="notices").get_text()

    def test_who_has_logged_in_in_another_tab_goes_on(self, person):
        user, client = person
        sent = {"email": user.email, "password": PASSWORD, "next": "/order/basket"}
        done = client.post("/auth/login", data={**sent, "csrf_token": "x"}, headers=SAME_ORIGIN)
        assert (done.status_code, done.location) == (303, "/order/basket")

    @pytest.mark.parametrize("whose", ["nobody", "own", "another"])
    def test_scripts_of_a_page_made_for_another_are_given_no_token(self, person, whose):
        user, client = person
        made_for = {"nobody": "", "own": user.get_id(), "another": make_user().get_id()}[whose]
        headers = {**SAME_ORIGIN, "HX-Request": "true", "X-Page-Of": made_for}
        refused = client.post("/order/basket/prices", headers=headers)
        assert refused.status_code == 403
        assert ("X-CSRFToken" in refused.headers) is (whose != "another")
        assert ("another account" in refused.text) is (whose == "another")

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ],
    )
    def test_another_sites_words_are_not_shown(self, person, headers):
        _user, client = person
        response = client.post("/auth/profile", data=WORDS, headers=headers)
        assert response.status_code == 403
        assert "Ann of the Words" not in response.text

    def test_a_form_of_another_site_is_refused_with_the_token_too(self, person):
        user, client = person
        page = page_of(client.get("/auth/profile"))
        known = page.select_one("main form").find(attrs={"name": "csrf_token"})["value"]
        sent = {**WORDS, "csrf_token": known}
        for site in ("cross-site", "same-site"):
            response = client.post("/auth/profile", data=sent, headers={"Sec-Fetch-Site": site})
            assert response.status_code == 403
        assert queries.user_by_email(user.email).display_name == user.display_name
        done = client.post("/auth/profile", data=sent, headers=SAME_ORIGIN)
        assert done.status_code == 303


def test_menu_offers_each_what_they_may_open(login: Callable[..., FlaskClient]) -> None:
    def offered(person: User) -> set[str]:
        browser = login(person)
        page = BeautifulSoup(browser.get("/").data, "html.parser")
        links = [str(link["href"]) for link in page.select("details[data-menu] a")]
        assert all(browser.get(link).status_code == 200 for link in links)
        return set(links)

    assert "/auth/selling" in offered(make_user())
    assert "/products/mine" in offered(make_user(roles=["seller"]))


def test_no_page_repeats_a_password():
    made = [form for form in vars(forms).values() if isinstance(form, type)]
    fields = {
        name
        for form in made
        for name, field in vars(form).items()
        if getattr(field, "field_class", None) is PasswordField
    }
    assert fields
    assert fields <= returning.SECRETS
