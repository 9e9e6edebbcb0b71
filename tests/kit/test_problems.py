"""Errors as answers: a page, an htmx fragment, or a problem in JSON."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask, request_finished
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.extensions import db
from app.kit.bodies import SMALL
from app.kit.errors import Kind
from app.kit.problems import STATUS
from app.settings import Settings

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
JSON = {"Accept": "application/json"}
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
STATUSES = {
    Kind.INVALID: 422,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}


def test_every_kind_has_a_status() -> None:
    assert set(STATUS) == set(Kind)


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
class TestFaces:
    def test_page(self, client: FlaskClient, kind: Kind, status: int) -> None:
        response = client.get(f"/probe/refuse/{kind}", headers={"Accept": "text/html"})
        assert response.status_code == status
        page = BeautifulSoup(response.text, "html.parser")
        assert page.h1
        assert "Because <so>." in page.get_text()
        assert "<so>" not in response.text
        assert response.headers["Retry-After"] == "7"
        assert response.headers["Cache-Control"] == "no-store"

    def test_fragment_goes_among_the_notices(
        self, client: FlaskClient, kind: Kind, status: int
    ) -> None:
        response = client.post(f"/probe/refuse/{kind}", headers=HTMX)
        assert response.status_code == status
        assert response.headers["HX-Retarget"] == "#notices"
        assert "<html" not in response.text
        assert "Because &lt;so&gt;." in response.text
        assert "HX-Request" in response.headers["Vary"]

    def test_json_is_a_problem_of_rfc_9457(
        self, client: FlaskClient, kind: Kind, status: int
    ) -> None:
        response = client.get(f"/probe/refuse/{kind}", headers=JSON)
        assert response.status_code == status
        assert response.mimetype == "application/problem+json"
        body = json.loads(response.text)
        assert body["status"] == status
        assert body["detail"] == "Because <so>."
        assert body["code"] == "probe.refused"
        assert body["errors"] == {"field": "Wrong."}
        assert body["title"]


class TestNobodyLoggedIn:
    def test_page_leads_to_the_login_and_back(self, client: FlaskClient) -> None:
        response = client.get("/probe/user?a=1&b=%C3%A9")
        assert response.status_code == 303
        assert response.headers["Location"].startswith("/auth/login?next=/probe/user?a%3D1")

    def test_post_does_not_lead_back_to_itself(self, client: FlaskClient) -> None:
        response = client.post("/probe/refuse/unauthenticated")
        assert response.status_code == 303
        assert response.headers["Location"] == "/auth/login"

    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_post_leads_back_to_the_page_it_was_made_on(
        self, client: FlaskClient, headers: dict[str, str]
    ) -> None:
        made_on = {"Referer": "http://localhost/probe/page?a=1"}
        response = client.post("/probe/refuse/unauthenticated", headers={**headers, **made_on})
        led = response.headers.get("Location") or response.headers["HX-Redirect"]
        assert led == "/auth/login?next=/probe/page?a%3D1"

    def test_htmx_moves_the_whole_window(self, client: FlaskClient) -> None:
        response = client.get("/probe/user", headers=HTMX)
        assert response.headers["HX-Redirect"] == "/auth/login"
        assert response.text == ""

    def test_program_gets_401(self, client: FlaskClient) -> None:
        response = client.get("/probe/user", headers=JSON)
        assert response.status_code == 401
        assert json.loads(response.text)["code"] == "login_required"


FIELDS = {"word": 'a "b"\n<c>', "csrf_token": "x"}
MADE_ON = {"Referer": "http://localhost/probe/page?a=1", **SAME_ORIGIN}


class TestWayBack:
    """A refused form leads to the page it was on; what only came too early can be sent again."""

    @pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.UNAUTHENTICATED])
    def test_to_the_page_it_was_made_on(self, client: FlaskClient, kind: Kind) -> None:
        refused = client.post(f"/probe/refuse/{kind}", data=FIELDS, headers=MADE_ON)
        page = BeautifulSoup(refused.text, "html.parser")
        assert page.select_one('main a[href="/probe/page?a=1"]')
        form = page.select_one("main form")
        assert bool(form) is (kind in {Kind.TOO_MANY, Kind.UNAVAILABLE})
        if form:
            fields = {str(field["name"]): str(field["value"]) for field in form.select("input")}
            assert form["action"] == f"/probe/refuse/{kind}"
            assert fields.pop("csrf_token") not in {"", "x"}
            assert fields == {"word": FIELDS["word"]}

    def test_of_a_bug_too(self, client: FlaskClient) -> None:
        refused = client.post("/probe/bug", data=FIELDS, headers=MADE_ON)
        assert 'href="/probe/page?a=1"' in refused.text

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "https://evil.example/probe/page",
            "http://localhost.evil.example/probe/page",
            "http://localhost//evil.example/probe/page",
            "http://localhost/\\evil.example",
            "http://localhost/no/such/page",
            "http://localhost/probe/form",  # which is only posted to
            "http://[",
            "javascript:alert(1)",
        ],
    )
    def test_to_no_other_place(self, client: FlaskClient, address: str) -> None:
        headers = {"Referer": address} if address else {}
        refused = client.post("/probe/refuse/conflict", data=FIELDS, headers=headers)
        links = BeautifulSoup(refused.text, "html.parser").select("main a")
        assert [link["href"] for link in links] == ["/"]

    @pytest.mark.parametrize(
        "sent",
        [
            {"data": FIELDS, "headers": {"Sec-Fetch-Site": "cross-site"}},
            {"data": FIELDS, "headers": {}},
            {"data": {**FIELDS, "password": "hunter2"}, "headers": MADE_ON},
            {"data": {"file": (BytesIO(b"x"), "a.txt")}, "headers": MADE_ON},
        ],
    )
    def test_only_what_is_ours_to_repeat(self, client: FlaskClient, sent: dict[str, Any]) -> None:
        refused = client.post(f"/probe/refuse/{Kind.TOO_MANY}", **sent)
        assert refused.status_code == 429
        assert not BeautifulSoup(refused.text, "html.parser").select_one("main form")
        assert "hunter2" not in refused.text


class TestBug:
    @pytest.mark.parametrize("headers", [{"Accept": "text/html"}, HTMX, JSON])
    def test_number_is_shown_and_nothing_else(
        self, client: FlaskClient, headers: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        response = client.post("/probe/bug", headers=headers)
        assert response.status_code == 500
        assert "hunter2" not in response.text
        assert "Traceback" not in response.text
        assert "RuntimeError" not in response.text
        number = re.search(r"number ([0-9a-f]{12})", response.text)
        assert number
        logged = [record for record in caplog.records if number[1] in record.getMessage()]
        assert logged
        assert logged[0].exc_info

    def test_wrong_statement_is_a_bug_and_keeps_its_words(self, client: FlaskClient) -> None:
        response = client.get("/probe/broken-query")
        assert response.status_code == 500
        assert "no_such_table" not in response.text


class TestDatabase:
    @pytest.mark.parametrize("value", ["seven", "99999999999999999999", "1\N{NULL}2", "\N{NULL}"])
    @pytest.mark.parametrize("headers", [{"X-Roles": "seller"}, HTMX, JSON])
    def test_value_it_cannot_hold_is_422(
        self, client: FlaskClient, value: str, headers: dict[str, str]
    ) -> None:
        response = client.get("/probe/number", query_string={"value": value}, headers=headers)
        assert response.status_code == 422
        assert "can&#39;t be stored" in response.text or "can't be stored" in response.text
        assert client.get("/probe/number?value=7").text == "7"

    @pytest.mark.parametrize("headers", [{"Accept": "text/html"}, HTMX, JSON])
    def test_database_that_is_away_is_503(
        self,
        make_settings: Callable[..., Settings],
        make_application: Callable[..., Flask],
        headers: dict[str, str],
    ) -> None:
        address = make_url(make_settings().database_url).set(host="127.0.0.1", port=1, query={})
        application = make_application(database_url=address.render_as_string(hide_password=False))
        response = application.test_client().get("/probe/number?value=1", headers=headers)
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "127.0.0.1" not in response.text
        assert ("Try again" in response.text) is (headers == {"Accept": "text/html"})

    def test_connection_lost_after_the_last_read_takes_no_answer_with_it(
        self, app: Flask, client: FlaskClient
    ) -> None:
        def lose(_app: Flask, **_more: object) -> None:
            used = db.session.connection().connection.dbapi_connection
            with db.engine.connect() as other:
                end = text("SELECT pg_terminate_backend(:pid, 5000)")
                other.execute(end, {"pid": used.info.backend_pid})

        with request_finished.connected_to(lose, app):
            assert client.get("/probe/number?value=7").text == "7"
        for _ in range(3):
            assert client.get("/probe/number?value=7").text == "7"

    def test_no_connection_left_is_503(
        self, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(db.engine.pool, "_timeout", 0.05)
        taken = []
        with suppress(PoolTimeout):
            while True:
                taken.append(db.engine.connect())
        response = client.get("/probe/number?value=7")
        for connection in taken:
            connection.close()
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert client.get("/probe/number?value=7").text == "7"


class TestHttp:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/no/such/page", 404),
            ("DELETE", "/probe/page", 405),
            ("GET", "/probe/page/", 404),
            ("GET", "/static/../app/settings.py", 404),
            ("GET", "/static/no-such.css", 404),
        ],
    )
    def test_status_is_true_in_every_face(
        self, client: FlaskClient, method: str, path: str, status: int
    ) -> None:
        for headers in ({"Accept": "text/html"}, HTMX, JSON):
            response = client.open(path, method=method, headers=headers)
            assert response.status_code == status
            assert response.text

    def test_method_not_allowed_names_those_that_are(self, client: FlaskClient) -> None:
        response = client.delete("/probe/page")
        assert "GET" in response.headers["Allow"]

    def test_missing_parameter_is_400(self, client: FlaskClient) -> None:
        assert client.get("/probe/number").status_code == 400

    def test_body_that_is_too_large_is_413(self, client: FlaskClient) -> None:
        size = SMALL.total + 1
        response = client.post(
            "/probe/form", data=b"a" * size, content_type="application/x-www-form-urlencoded"
        )
        assert response.status_code == 413

    def test_too_many_fields_is_413(self, client: FlaskClient) -> None:
        response = client.post(
            "/probe/form",
            data={f"f{number}": "x" for number in range(300)},
            content_type="multipart/form-data",
        )
        assert response.status_code == 413

    def test_bytes_that_are_no_text_are_taken_or_refused(self, client: FlaskClient) -> None:
        response = client.post(
            "/probe/form",
            data=b"word=%ff%fe%00",
            content_type="application/x-www-form-urlencoded",
        )
        assert response.status_code == 422

    @pytest.fixture
    def strict(self, application: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
        monkeypatch.setitem(application.config, "WTF_CSRF_ENABLED", True)
        return application

    def test_form_without_token_is_refused(self, strict: Flask, client: FlaskClient) -> None:
        client.get("/probe/page")  # which has a cookie set
        response = client.post("/probe/form", data={"word": "x"})
        assert response.status_code == 403
        assert "open for too long" in response.text

    def test_script_of_a_page_is_given_a_token_that_counts(
        self, strict: Flask, client: FlaskClient
    ) -> None:
        client.get("/probe/page")
        headers = {**HTMX, **SAME_ORIGIN}
        refused = client.post("/probe/form", data={"word": "x"}, headers=headers)
        headers |= {"X-CSRFToken": refused.headers["X-CSRFToken"]}
        again = client.post("/probe/form", data={"word": "x"}, headers=headers)
        assert refused.status_code == 403
        assert refused.headers["HX-Retarget"] == "#notices"
        assert "Please send the form again" in refused.text
        assert (again.status_code, again.text) == (200, "x")

    def test_form_of_a_page_comes_back_to_be_sent_by_one_button(
        self, strict: Flask, client: FlaskClient
    ) -> None:
        client.get("/probe/page")
        words = {"word": 'a "b"\n<c>', "csrf_token": "outdated"}
        refused = client.post("/probe/form?a=1", data=words, headers=SAME_ORIGIN)
        form = BeautifulSoup(refused.text, "html.parser").select_one("main form")
        assert refused.status_code == 403
        assert refused.headers["Cache-Control"] == "no-store"
        assert form
        assert form["action"] == "/probe/form?a=1"
        fields = {str(field["name"]): str(field["value"]) for field in form.select("input")}
        again = client.post(str(form["action"]), data=fields, headers=SAME_ORIGIN)
        assert (again.status_code, again.text) == (200, words["word"])

    @pytest.mark.parametrize(
        "origin",
        [
            {},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ],
    )
    @pytest.mark.parametrize("face", [{}, HTMX, JSON])
    def test_nothing_that_counts_is_given_to_another_site(
        self, strict: Flask, client: FlaskClient, origin: dict[str, str], face: dict[str, str]
    ) -> None:
        client.get("/probe/page")
        refused = client.post("/probe/form", data={"word": "x"}, headers={**origin, **face})
        assert refused.status_code == 403
        assert "X-CSRFToken" not in refused.headers
        assert "Send again" not in refused.text


def test_russian_is_asked_for_and_said(client: FlaskClient) -> None:
    response = client.get("/no/such/page", headers={"Accept-Language": "ru,en;q=0.5"})
    assert response.status_code == 404
    assert 'lang="ru"' in response.text
