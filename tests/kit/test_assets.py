import gzip
import re
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser

from app.kit.assets import PAGE_SHEETS, SHEETS, STYLES
from tests.support.shop import ROOT

UNPACK: dict[str, Callable[[bytes], bytes]] = {"br": brotli.decompress, "gzip": gzip.decompress}
RULES = "() => [...document.styleSheets].flatMap((s) => [...s.cssRules]).map((r) => r.cssText)"


def address_of(app: Flask, name: str) -> str:
    with app.test_request_context():
        return app.jinja_env.globals["asset"](name)  # type: ignore[operator]


def alike(rules: list[str]) -> list[str]:
    """A browser keeps variables as they are written: without the blanks that mean nothing."""
    return [re.sub(r"\s*([,()])\s*", r"\1", " ".join(rule.split())) for rule in rules]


class TestStyles:
    def test_are_one_file_that_says_what_its_sources_say(
        self, client: FlaskClient, app: Flask, chromium: Browser
    ) -> None:
        sources = [ROOT / "static" / name for name in SHEETS]
        sources += sorted((ROOT / "static").glob(PAGE_SHEETS))
        joined = client.get(address_of(app, STYLES)).text
        page = chromium.new_page()
        page.set_content("".join(f"<style>{path.read_text()}</style>" for path in sources))
        meant = alike(page.evaluate(RULES))
        page.set_content(f"<style>{joined}</style>")
        assert alike(page.evaluate(RULES)) == meant
        page.close()
        assert len(joined) < sum(path.stat().st_size for path in sources) * 0.9

    def test_have_another_address_once_a_source_has_changed(
        self, make_application: Callable[..., Flask], tmp_path: Path
    ) -> None:
        app = make_application()
        app.static_folder = str(tmp_path)
        for name in SHEETS:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(f"@layer x {{ a {{ color: red }} }} /* {name} */")
        before = address_of(app, STYLES)
        (tmp_path / SHEETS[0]).write_text("a { color: green }")
        after = address_of(app, STYLES)
        assert before != after
        assert "green" in app.test_client().get(after).text


class TestServing:
    @pytest.mark.parametrize("name", [STYLES, "vendor/htmx.min.js", "icons/sprite.svg"])
    @pytest.mark.parametrize(
        ("asked", "given"), [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip")]
    )
    def test_text_is_compressed_as_the_browser_can_read_it(
        self, client: FlaskClient, app: Flask, name: str, asked: str, given: str
    ) -> None:
        address = address_of(app, name)
        plain = client.get(address)
        packed = client.get(address, headers={"Accept-Encoding": asked})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == given
        assert UNPACK[given](packed.data) == plain.data
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
        assert packed.headers["ETag"] != plain.headers["ETag"]
        assert "Accept-Encoding" in plain.vary
        assert "Accept-Encoding" in packed.vary

    def test_font_is_sent_as_it_is(self, client: FlaskClient, app: Flask) -> None:
        name = "vendor/fonts/onest-latin-wght-normal.woff2"
        answer = client.get(address_of(app, name), headers={"Accept-Encoding": "br, gzip"})
        assert "Content-Encoding" not in answer.headers
        assert answer.mimetype == "font/woff2"
        assert answer.data == (ROOT / "static" / name).read_bytes()

    def test_is_not_sent_again_to_who_has_it(self, client: FlaskClient, app: Flask) -> None:
        address = address_of(app, STYLES)
        had = client.get(address, headers={"Accept-Encoding": "br"}).headers["ETag"]
        headers = {"Accept-Encoding": "br", "If-None-Match": had}
        again = client.get(address, headers=headers)
        assert (again.status_code, again.data) == (304, b"")

    def test_is_kept_for_ever_under_its_own_hash_alone(
        self, client: FlaskClient, app: Flask
    ) -> None:
        address = address_of(app, STYLES)
        assert "immutable" in client.get(address).headers["Cache-Control"]
        for other in (address.partition("?")[0], f"{address[:-1]}x"):
            assert client.get(other).headers["Cache-Control"] == "no-cache"

    @pytest.mark.parametrize("name", ["vendor/htmx.min.js", "icons/sprite.svg"])
    def test_who_reads_neither_gets_it_plain_and_once(
        self, client: FlaskClient, app: Flask, name: str
    ) -> None:
        headers = {"Accept-Encoding": "zstd"}
        first = client.get(address_of(app, name), headers=headers)
        assert "Content-Encoding" not in first.headers
        headers["If-None-Match"] = first.headers["ETag"]
        assert client.get(address_of(app, name), headers=headers).status_code == 304

    @pytest.mark.parametrize(
        "name",
        [
            *("css", "css/no-such.css", "css/base.css/x", "../wsgi.py", ""),
            pytest.param("a" * 300, id="longer than a name may be"),
            pytest.param("a%00b", id="a zero in it"),
        ],
    )
    def test_what_is_no_file_is_not_found(self, client: FlaskClient, name: str) -> None:
        assert client.get(f"/static/{name}").status_code == 404

    def test_nothing_is_compressed_where_a_proxy_does_it(
        self, make_application: Callable[..., Flask]
    ) -> None:
        app = make_application(compress_answers=False)
        answer = app.test_client().get(f"/static/{STYLES}", headers={"Accept-Encoding": "br, gzip"})
        assert "Content-Encoding" not in answer.headers
