"""The seller's stock pages, as a browser without JavaScript sees them, and as htmx does."""

import io
import re

import pytest
from bs4 import BeautifulSoup
from flask import request
from sqlalchemy import text

from app.extensions import db
from app.kit.ids import new_id
from app.products.models import Product
from app.products.queries import stock as queries
from app.products.service import uploads
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.stocking import keep, reserve, sell, stock_up, values_of
from tests.support.programs import program_of

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def seller(app):
    return make_user(roles=["seller"])


@pytest.fixture
def product(seller):
    return make_product(seller, kind="key", stock=["FIRST-KEY-0001", "SECOND-KEY-0002"])


@pytest.fixture
def browser(seller, login):
    return login(seller)


def soup(response):
    return BeautifulSoup(response.get_data(as_text=True), "html.parser")


def stats(page):
    return {
        stat.select_one(".stat__label").get_text(strip=True): int(
            stat.select_one(".stat__value").get_text(strip=True)
        )
        for stat in page.select(".stat")
    }


def squeezed(html):
    return re.sub(r'value="[^"]+"|\s+', "", html)


def send(browser, product, **data):
    return browser.post(
        f"/products/{product.id}/stock/import", data=data, content_type="multipart/form-data"
    )


def file(content: bytes, name: str):
    return (io.BytesIO(content), name)


def checked(browser, product, **data):
    """The page of the dry run, and its address."""
    sent = send(browser, product, **data)
    assert sent.status_code == 303, sent.get_data(as_text=True)
    answer = browser.get(sent.location)
    assert answer.status_code == 200
    return soup(answer), sent.location


class TestPage:
    def test_true_counts_batches_and_units(self, browser, product, seller):
        batch = stock_up(product, ["THIRD-KEY-0003", "FOURTH-KEY-004"])
        sell(product)
        reserve(product)
        answer = browser.get(f"/products/{product.id}/stock")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        page = soup(answer)
        assert stats(page) == {"For sale": 2, "Reserved": 1, "Sold": 1, "Withdrawn": 0}
        assert len(page.select("[id^=unit-]")) == 2
        assert page.find("form", action=re.compile(str(batch)))

    def test_never_shows_the_text_of_a_unit(self, browser, product):
        sell(product)
        for state in ("free", "reserved", "sold", "withdrawn"):
            html = browser.get(f"/products/{product.id}/stock?state={state}").get_data(as_text=True)
            assert "KEY-000" not in html

    @pytest.mark.parametrize(
        ("state", "rows"), [("free", 1), ("sold", 1), ("withdrawn", 0), ("x", 1)]
    )
    def test_units_by_state(self, browser, product, state, rows):
        sell(product)
        page = soup(browser.get(f"/products/{product.id}/stock?state={state}"))
        assert len(page.select("[id^=unit-]")) == rows

    def test_more_units_by_links_until_all_are_shown(self, browser, product):
        stock_up(product, [f"KEY-{n:04}" for n in range(70)])
        seen, url = [], f"/products/{product.id}/stock?part=units&state=free"
        while url:
            page = soup(browser.get(url, headers=HTMX))
            assert not page.find("h1")
            seen += [row["id"] for row in page.select("[id^=unit-]")]
            more = page.select_one("[data-load-more]")
            url = more and more["href"]
        assert len(seen) == len(set(seen)) == 72

    def test_more_batches(self, browser, product):
        for number in range(12):
            stock_up(product, [f"KEY-{number}"])
        page = soup(browser.get(f"/products/{product.id}/stock"))
        more = page.find("a", href=re.compile("part=batches"))
        rest = soup(browser.get(more["href"], headers=HTMX))
        assert len(rest.find_all("form", action=re.compile("/batches/"))) == 3

    def test_counts_alone_for_live_updates(self, browser, product):
        url = f"/products/{product.id}/stock?part=counts"
        page = soup(browser.get(url, headers=HTMX))
        assert stats(page)["For sale"] == 2
        block = page.select_one("#stock-counts")
        assert block["data-live-topic"] == f"product:{product.id}"
        assert block["hx-get"] == url

    def test_empty_stock_says_so(self, browser, seller):
        product = make_product(seller, kind="key", stock=[])
        page = soup(browser.get(f"/products/{product.id}/stock"))
        assert "No stock yet" in page.get_text()
        assert not page.select("table")

    @pytest.mark.parametrize(
        "query", ["after=%00&part=units", "after=x&part=units", "after=e30&part=batches"]
    )
    def test_broken_cursor_is_refused_in_words(self, browser, product, query):
        answer = browser.get(f"/products/{product.id}/stock?{query}")
        assert answer.status_code == 422
        assert "place in the list" in soup(answer).get_text()

    @pytest.mark.parametrize("part", ["counts", "batches", "units"])
    def test_each_fragment_is_a_part_of_the_page(self, browser, product, part):
        url = f"/products/{product.id}/stock"
        fragment = browser.get(f"{url}?part={part}", headers=HTMX).get_data(as_text=True)
        page = browser.get(url).get_data(as_text=True)
        assert "<html" not in fragment
        assert squeezed(fragment) in squeezed(page)

    def test_shared_product_takes_in_no_stock(self, browser, seller):
        product = make_product(seller, kind="link", shared=True, stock=[])
        page = soup(browser.get(f"/products/{product.id}/stock"))
        assert not page.find("textarea")
        answer = send(browser, product, lines="https://example.com")
        assert answer.status_code == 409


class TestImport:
    def test_pasted_lines_are_checked_then_taken_in(self, browser, product):
        page, url = checked(browser, product, lines="THIRD-KEY-0003\r\nFOURTH-KEY-004\r\n")
        assert stats(page) == {"New": 2}
        assert "••••0003" in page.get_text()
        assert "THIRD" not in page.get_text()
        assert queries.counts(product.id).free == 2
        taken = browser.post(f"{url}/take-in")
        assert taken.status_code == 303
        after = soup(browser.get(taken.location))
        assert "2 items were added." in after.select_one("#notices").get_text()
        assert stats(after)["For sale"] == 4
        assert values_of(product)[2:] == ["THIRD-KEY-0003", "FOURTH-KEY-004"]

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("keys.txt", b"\xef\xbb\xbfTHIRD-KEY-0003\r\nFOURTH-KEY-004"),
            ("KEYS.CSV", b'key,price\r\n"THIRD-KEY-0003",5\r\nFOURTH-KEY-004,6\r\n'),
        ],
    )
    def test_files(self, browser, product, name, content):
        page, url = checked(browser, product, file=file(content, name))
        assert stats(page) == {"New": 2}
        assert name in page.get_text()
        browser.post(f"{url}/take-in")
        assert values_of(product)[2:] == ["THIRD-KEY-0003", "FOURTH-KEY-004"]

    def test_lines_that_are_not_new_are_shown_and_need_a_word(self, browser, product):
        page, url = checked(
            browser,
            product,
            lines="FIRST-KEY-0001\nTHIRD-KEY-0003\nTHIRD-KEY-0003\n<script>\u200b</script>",
        )
        assert stats(page) == {
            "New": 1,
            "Duplicates in this list": 1,
            "Already in your stock": 1,
            "Invalid": 1,
        }
        assert "same as line 2" in page.get_text()
        assert "invisible or control characters" in page.get_text()
        refused = browser.post(f"{url}/take-in")
        assert refused.status_code == 409
        assert "Nothing was added" in soup(refused).get_text()
        assert queries.counts(product.id).free == 2
        assert browser.post(f"{url}/take-in", data={"only_new": "yes"}).status_code == 303
        assert queries.counts(product.id).free == 3

    def test_another_sellers_key_is_not_said_to_be_whose(self, browser, product):
        rival = make_user(roles=["seller"])
        foreign = make_product(rival, kind="key", stock=["RIVALS-KEY-001"])
        page, _ = checked(browser, product, lines="RIVALS-KEY-001")
        assert stats(page) == {"New": 0, "Already on the marketplace": 1}
        html = str(page)
        for told in (rival.display_name, rival.email, str(rival.id), str(foreign.id)):
            assert told not in html

    @pytest.mark.parametrize(
        ("language", "written"), [("en", "1,200"), ("ru", "1\N{NO-BREAK SPACE}200")]
    )
    def test_thousands_are_set_apart(self, browser, product, language, written):
        browser.post("/auth/locale", data={"locale": language})
        page, url = checked(browser, product, lines="\n".join(f"KEY-{n}" for n in range(1_200)))
        assert page.select_one(".stat__value").get_text(strip=True) == written
        assert written in page.select_one(f"form[action='{url}/take-in'] button").get_text()
        taken = soup(browser.get(browser.post(f"{url}/take-in").location))
        assert written in taken.select_one(".toast").get_text()

    def test_second_click_changes_nothing(self, browser, product):
        _, url = checked(browser, product, lines="THIRD-KEY-0003")
        for _click in range(2):
            assert browser.post(f"{url}/take-in").status_code == 303
        assert queries.counts(product.id).free == 3

    def test_forgotten_lines(self, browser, product):
        _, url = checked(browser, product, lines="THIRD-KEY-0003")
        assert browser.post(f"{url}/cancel").status_code == 303
        assert browser.get(url).status_code == 410
        assert browser.post(f"{url}/take-in").status_code == 410
        assert queries.counts(product.id).free == 2

    @pytest.mark.parametrize(
        ("data", "status", "words"),
        [
            ({"lines": ""}, 422, "There is nothing to import."),
            ({}, 422, "There is nothing to import."),
            ({"lines": "A", "file": (b"B", "b.txt")}, 422, "not both"),
            ({"file": (b"B", "b.exe")}, 422, "Only .txt and .csv"),
            ({"file": (b"", "b.txt")}, 422, "There is nothing to import."),
            ({"file": (b"A\n\xfcber", "b.txt")}, 422, "Line 2 is not UTF-8"),
            ({"file": (b'A,1\n"B,2', "b.csv")}, 422, "opened in line 2 is never closed"),
            ({"lines": "x\n" * 100_001}, 413, "up to 100,000 lines"),
        ],
    )
    def test_what_can_not_be_read_is_refused_in_words(self, browser, product, data, status, words):
        if "file" in data:
            data = data | {"file": file(*data["file"])}
        answer = send(browser, product, **data)
        assert answer.status_code == status
        assert words in soup(answer).select_one("form .alert, [role=alert]").get_text()
        assert queries.counts(product.id).free == 2

    def test_refused_words_are_kept(self, browser, product):
        answer = send(browser, product, lines="</textarea><b>KEPT", file=file(b"x", "x.txt"))
        assert soup(answer).find("textarea").get_text().strip() == "</textarea><b>KEPT"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_larger_than_any_request_may_be(self, browser, product):
        body = multipart(b"x" * (17 * 1024 * 1024))
        answer = browser.post(f"/products/{product.id}/stock/import", data=body, content_type=FORM)
        assert answer.status_code == 413

    def test_file_in_clear_text_does_not_touch_the_disk(self, app):
        """Werkzeug would put an upload of this size into a temporary file."""
        body = multipart(b"SECRET-KEY\n" * 200_000)
        with app.test_request_context(method="POST", data=body, content_type=FORM):
            upload = request.files["file"]
            assert isinstance(upload.stream, io.BytesIO)
            assert len(upload.read()) == 2_200_000


FORM = "multipart/form-data; boundary=edge"


def multipart(content: bytes) -> bytes:
    """The body of a form with one file, made by hand: the test client would use the disk itself."""
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\n'
    return head + content + b"\r\n--edge--\r\n"


class TestWithdraw:
    def unit(self, product):
        return queries.units(product.id, state="free").items[0].id

    def test_one_unit(self, browser, product):
        url = f"/products/{product.id}/stock/units/{self.unit(product)}/withdraw"
        for _click in range(2):
            assert browser.post(url).status_code == 303
        assert queries.counts(product.id) == queries.Counts(free=1, withdrawn=1)

    def test_one_unit_by_htmx_answers_with_its_row_and_the_counts(self, browser, product):
        unit = self.unit(product)
        url = f"/products/{product.id}/stock/units/{unit}/withdraw"
        answer = browser.post(url, headers=HTMX)
        page = soup(answer)
        row = page.select_one(f"#unit-{unit}")
        assert "Withdrawn" in row.get_text()
        assert not row.find("form")
        assert stats(page) == {"For sale": 1, "Reserved": 0, "Sold": 0, "Withdrawn": 1}

    def test_is_asked_about_before_it_is_done(self, browser, product):
        page = soup(browser.get(f"/products/{product.id}/stock"))
        forms = page.select("form[action$='/withdraw']")
        assert len(forms) == 2  # one for each unit; their batch can still be undone
        db.session.execute(text("UPDATE stock_batch SET created_at = now() - interval '2 hours'"))
        db.session.commit()
        page = soup(browser.get(f"/products/{product.id}/stock"))
        forms = page.select("form[action$='/withdraw']")
        assert len(forms) == 3
        assert all("for good" in form["data-confirm"] for form in forms)
        assert all("for good" in form.get_text() for form in forms)

    def test_sold_unit_stays(self, browser, product):
        (unit,) = sell(product)
        answer = browser.post(f"/products/{product.id}/stock/units/{unit}/withdraw")
        assert answer.status_code == 409
        assert "Stock of" in soup(answer).h1.get_text()
        assert queries.counts(product.id).sold == 1

    def test_batch(self, browser, product):
        (batch,) = queries.batches(product.id).items
        sell(product)
        answer = browser.post(f"/products/{product.id}/stock/batches/{batch.id}/withdraw")
        assert answer.status_code == 303
        assert queries.counts(product.id) == queries.Counts(sold=1, withdrawn=1)


def addresses(product: Product):
    unit = queries.units(product.id, state="free").items[0].id
    batch = queries.batches(product.id).items[0].id
    upload = keep(product, ["WAITING-KEY-01"])
    base = f"/products/{product.id}/stock"
    return [
        ("GET", base),
        ("POST", f"{base}/import"),
        ("GET", f"{base}/uploads/{upload}"),
        ("POST", f"{base}/uploads/{upload}/take-in"),
        ("POST", f"{base}/uploads/{upload}/cancel"),
        ("POST", f"{base}/units/{unit}/withdraw"),
        ("POST", f"{base}/batches/{batch}/withdraw"),
    ]


class TestRights:
    def test_other_sellers_find_nothing_and_change_nothing(self, login, product):
        stranger = login(make_user(roles=["seller"]))
        for method, url in addresses(product):
            answer = stranger.open(
                url, method=method, data={"lines": "X"} if method == "POST" else None
            )
            assert answer.status_code == 404, (method, url)
        assert queries.counts(product.id) == queries.Counts(free=2)
        assert uploads.drop_expired() == 0

    def test_others_uploads_by_ones_own_product(self, login, product):
        stranger = make_user(roles=["seller"])
        own = make_product(stranger, kind="key", stock=["OWN-KEY"])
        browser = login(stranger)
        for method, url in addresses(product):
            foreign = url.replace(str(product.id), str(own.id))
            if foreign.endswith(("/stock", "/import", "/cancel")):
                continue
            assert browser.open(foreign, method=method).status_code in {404, 410}, foreign
        assert queries.counts(product.id) == queries.Counts(free=2)

    def test_buyers_may_not(self, login, product):
        buyer = login(make_user())
        for method, url in addresses(product):
            assert buyer.open(url, method=method).status_code == 403, (method, url)

    def test_unknown_things(self, browser, product):
        base = f"/products/{product.id}/stock"
        for method, url, status in [
            ("GET", f"/products/{new_id()}/stock", 404),
            ("GET", f"{base}/uploads/{new_id()}", 410),
            ("POST", f"{base}/units/{new_id()}/withdraw", 404),
            ("POST", f"{base}/batches/{new_id()}/withdraw", 404),
            ("GET", f"{base}/uploads/nonsense", 404),
        ]:
            assert browser.open(url, method=method).status_code == status, url


MANY = 1_005


@pytest.fixture
def full(product):
    """A product with very many units for sale."""
    db.session.execute(
        text("""INSERT INTO stock_item
                (id, product_id, batch_id, sealed, key_version, fingerprint, state)
            SELECT gen_random_uuid(), product_id, batch_id, '', 1, sha256(n::text::bytea), 'free'
            FROM (SELECT product_id, batch_id FROM stock_item LIMIT 1) one,
                generate_series(1, :many) n"""),
        {"many": MANY},
    )
    db.session.commit()
    return product


@pytest.mark.parametrize(("locale", "shown"), [("en", "1,000+"), ("ru", "1\N{NO-BREAK SPACE}000+")])
def test_very_many_are_counted_up_to_a_thousand(browser, client, full, locale, shown) -> None:
    for visitor in (browser, client):
        visitor.post("/auth/locale", data={"locale": locale})
    of_page = soup(client.get(f"/products/{full.id}"))
    assert f": {shown}" in of_page.select_one(".stock").get_text(strip=True)
    assert f": {shown}" in soup(client.get("/products")).select_one(".stock").get_text(strip=True)
    own = soup(browser.get("/products/mine"))
    assert shown in own.get_text()
    stock = soup(browser.get(f"/products/{full.id}/stock"))
    assert stock.select_one(".stat__value").get_text(strip=True) == shown
    assert stock.get_text().count(shown) == 3  # in all, of the batch, and on the tab


def test_programs_are_told_up_to_a_thousand(app, seller, full) -> None:
    program = program_of(app, seller)
    assert program.get(f"/products/{full.id}").json["stock"] == 1000
    assert program.get("/products").json["items"][0]["stock"] == 1000
    counts = {"free": 1000, "reserved": 0, "sold": 0, "withdrawn": 0}
    assert program.get(f"/products/mine/{full.id}/stock").json == counts
    assert program.get("/products/mine").json["items"][0]["stock"] == counts
