"""Pages and their parts."""

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
READ = {"HX-Request", "HX-Request-Type"}


def vary(response: object) -> set[str]:
    return {name.strip() for name in response.headers["Vary"].split(",")}  # type: ignore[attr-defined]


class TestPage:
    def test_part_is_the_same_element_as_in_the_page(self, client: FlaskClient) -> None:
        whole = BeautifulSoup(client.get("/probe/page").text, "html.parser")
        part = client.get("/probe/page", headers=PARTIAL)
        assert part.text == str(whole.find(id="part")) == '<p id="part">Hello</p>'

    def test_several_parts_come_one_after_the_other(self, client: FlaskClient) -> None:
        response = client.get("/probe/page?parts=part,other", headers=PARTIAL)
        assert response.text == '<p id="part">Hello</p><b id="other">Hello</b>'

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"HX-Request": "true", "HX-Request-Type": "full"},
            {"HX-Request": "true"},
            {"HX-Request-Type": "partial"},
        ],
    )
    def test_anybody_else_gets_the_whole(
        self, client: FlaskClient, headers: dict[str, str]
    ) -> None:
        assert client.get("/probe/page", headers=headers).text.startswith("<!doctype html>")

    @pytest.mark.parametrize("headers", [{}, PARTIAL])
    def test_both_say_what_they_vary_on(self, client: FlaskClient, headers: dict[str, str]) -> None:
        assert vary(client.get("/probe/page", headers=headers)) >= READ


class TestRedirect:
    def test_browser_is_told_to_get_the_other_page(self, client: FlaskClient) -> None:
        response = client.post("/probe/away")
        assert (response.status_code, response.headers["Location"]) == (303, "/probe/page")
        assert vary(response) >= READ

    def test_htmx_moves_the_window(self, client: FlaskClient) -> None:
        response = client.post("/probe/away", headers=PARTIAL)
        assert (response.status_code, response.headers["HX-Redirect"]) == (200, "/probe/page")
        assert "Location" not in response.headers
        assert vary(response) >= READ
