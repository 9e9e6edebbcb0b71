"""What real sellers have: accounts of several lines or columns, exports, other encodings."""

import re

import pytest
from bs4 import BeautifulSoup

from app.products.errors import ColumnsUnclear, UnreadableStock
from app.products.models import Kind
from app.products.service import layouts, reading
from app.products.service.layouts import Layout, Parts
from tests.factories.auth import make_user
from tests.factories.products import make_product
from tests.products.stocking import keep, take_in, values_of
from tests.products.test_stock_views import checked, file, soup
from tests.support.programs import program_of

ACCOUNTS = (
    "\ufeffLogin;Password;E-mail\r\n"
    "user_01;Qw-1-erty99;one@example.net\r\nuser_02;Qw-2-erty99;two@example.net\r\n"
)
EXPORT = (
    "id,order_id,user_id,license_key,expires_at,status\n"
    "1,1001,5,LM-AAAA-0001-XYZ1,,active\n2,1002,5,LM-AAAA-0002-XYZ2,,active\n"
)
BLOCKS = [
    f"Login: player{number}\nPassword: secret-{number}\nMail: {number}@example.net\nWord: {number}"
    for number in (1, 2, 3)
]


def read(text: str, layout: Layout) -> list[str]:
    return [line.value for line in reading.read(text, kind=Kind.KEY, layout=layout).lines]


def guessed(text: str, *, is_table: bool = False) -> Layout:
    return layouts.guess(reading.rows_of(text), is_table=is_table)


@pytest.fixture
def seller(app):
    return make_user(roles=["seller"])


@pytest.fixture
def product(seller):
    return make_product(seller, kind="key", stock=[])


@pytest.fixture
def browser(seller, login):
    return login(seller)


class TestTables:
    def test_which_columns_make_a_unit_is_asked(self):
        layout = guessed(ACCOUNTS, is_table=True)
        assert layouts.is_open(layout)
        with pytest.raises(ColumnsUnclear, match=r"1 \(Login\), 2 \(Password\), 3 \(E-mail\)"):
            read(ACCOUNTS, layout)

    def test_one_column_several_or_a_template(self):
        assert read(ACCOUNTS, Layout(Parts.TABLE, (1,))) == ["user_01", "user_02"]
        assert read(ACCOUNTS, Layout(Parts.TABLE, (1, 2)))[0] == (
            "Login: user_01\nPassword: Qw-1-erty99"
        )
        assert read(ACCOUNTS, Layout(Parts.TABLE, template="{login}:{Password} ({3})"))[1] == (
            "user_02:Qw-2-erty99 (two@example.net)"
        )

    def test_without_names_the_cells_stand_alone(self):
        text = ACCOUNTS.split("\r\n", 1)[1]
        assert read(text, Layout(Parts.TABLE, (1, 2)))[0] == "user_01\nQw-1-erty99"

    def test_what_looks_like_a_heading_may_be_none(self):
        assert len(read(ACCOUNTS, Layout(Parts.TABLE, (1,), heading=False))) == 3
        assert len(read("A-1,x\nB-2,y", Layout(Parts.TABLE, (1,), heading=True))) == 1

    def test_column_that_is_named_as_keys_are_is_taken(self):
        layout = guessed(EXPORT, is_table=True)
        assert layout.columns == (4,)
        assert read(EXPORT, layout) == ["LM-AAAA-0001-XYZ1", "LM-AAAA-0002-XYZ2"]

    def test_row_that_lacks_a_cell_of_the_template_is_no_unit(self):
        result = reading.read(
            "a,b\nc\nd,e", kind=Kind.KEY, layout=Layout(Parts.TABLE, template="{1}{2}")
        )
        assert [line.value for line in result.lines] == ["ab", "de"]
        assert [faulty.number for faulty in result.faulty] == [2]

    @pytest.mark.parametrize("template", ["no place", "{4}", "{0}", "{Name}", "{}", "{²}"])
    def test_template_that_names_no_column_is_refused(self, template):
        with pytest.raises(UnreadableStock):
            read(ACCOUNTS, Layout(Parts.TABLE, template=template))

    @pytest.mark.parametrize("columns", [(4,), (1, 9)])
    def test_columns_that_are_not_there_are_refused(self, columns):
        with pytest.raises(ColumnsUnclear):
            read(ACCOUNTS, Layout(Parts.TABLE, columns))


class TestBlocks:
    @pytest.mark.parametrize(
        ("between", "parts"),
        [("\n\n", Parts.BLANK), ("\n \n\n", Parts.BLANK), ("\n---\n", Parts.DASHES)],
    )
    def test_unit_of_several_lines(self, between, parts):
        text = between.join(BLOCKS)
        assert guessed(text).parts is parts
        assert read(text, guessed(text)) == BLOCKS

    def test_blank_lines_within_dashes_stay(self):
        assert read("a\n\nb\n-----\nc", Layout(Parts.DASHES)) == ["a\n\nb", "c"]

    @pytest.mark.parametrize("text", ["A\nB\n\nC", "A\n\nB\n\nC", "A\nB\nC", "A\nB\n\n\n"])
    def test_keys_with_blank_lines_here_and_there_are_keys(self, text):
        assert guessed(text) == Layout(Parts.LINE)

    def test_number_is_that_of_the_first_line(self):
        result = reading.read("\na\nb\n\n\nc\nd", kind=Kind.KEY, layout=Layout(Parts.BLANK))
        assert [line.number for line in result.lines] == [2, 6]


class TestPage:
    def test_several_columns_are_asked_about_before_anything_is_taken(self, browser, product):
        page, address = checked(browser, product, file=file(ACCOUNTS.encode(), "a.csv"))
        assert [label.get_text(strip=True) for label in page.select("label[for^=column-]")] == [
            "Login",
            "Password",
            "E-mail",
        ]
        assert not page.find("form", action=re.compile("take-in"))
        assert browser.post(f"{address}/take-in").status_code == 422
        assert values_of(product) == []
        answer = browser.post(
            f"{address}/layout", data={"parts": "table", "columns": ["1", "2"], "heading": "y"}
        )
        assert answer.status_code == 303
        page = soup(browser.get(address))
        shown = [item.get_text() for item in page.select("#preview li")]
        assert shown == ["Lo•••01\nPa•••99", "Lo•••02\nPa•••99"]
        assert page.select_one("#column-2").has_attr("checked")
        browser.post(f"{address}/take-in")
        assert values_of(product)[0] == "Login: user_01\nPassword: Qw-1-erty99"

    def test_template_that_can_not_be_filled_comes_back_as_typed(self, browser, product):
        _page, address = checked(browser, product, file=file(ACCOUNTS.encode(), "a.csv"))
        answer = browser.post(
            f"{address}/layout", data={"parts": "table", "template": "{Name}!", "heading": "y"}
        )
        assert answer.status_code == 422
        page = BeautifulSoup(answer.data, "html.parser")
        assert "Name" in page.select_one("[role=alert]").get_text()
        assert page.select_one("#template").get_text().strip() == "{Name}!"

    def test_accounts_of_several_lines_are_seen_as_such(self, browser, product):
        page, address = checked(browser, product, lines="\n\n".join(BLOCKS))
        assert page.select_one("[name=parts][value=blank]").has_attr("checked")
        assert len(page.select("#preview li")) == 3
        assert "secret-1" not in page.get_text()
        browser.post(f"{address}/layout", data={"parts": "line"})
        assert "Add 12 items" in soup(browser.get(address)).get_text()
        browser.post(f"{address}/layout", data={"parts": "blank"})
        browser.post(f"{address}/take-in")
        assert sorted(values_of(product)) == BLOCKS

    def test_tab_within_a_unit_is_taken(self, product):
        take_in(product, keep(product, "login1\tpass-1\nlogin2\tpass-2"))
        assert sorted(values_of(product)) == ["login1\tpass-1", "login2\tpass-2"]

    def test_other_encoding_is_told_and_shown(self, browser, product):
        data = "Ключ-0001-ABCD\r\nКлюч-0002-EFGH".encode("cp1251")
        page, _address = checked(browser, product, file=file(data, "keys.txt"))
        assert "windows-1251" in page.get_text()
        assert page.select_one("#preview li").get_text() == "Кл•••CD"


def test_programs_say_how_it_is_read(app, seller):
    selling = program_of(app, seller)
    product = make_product(seller, kind="key", stock=[])
    path = f"/products/mine/{product.id}/stock/imports"
    unclear = selling.post(path, json={"content": ACCOUNTS, "csv": True})
    assert (unclear.status_code, unclear.json["code"]) == (422, "products.columns_unclear")
    assert "columns" in unclear.json["errors"]
    sent = selling.post(
        path, json={"content": ACCOUNTS, "csv": True, "template": "{Login}:{Password}"}
    )
    assert (sent.json["new"], sent.json["columns"]) == (2, ["Login", "Password", "E-mail"])
    assert sent.json["preview"][0] == ["us•••99"]
    sent = selling.post(path, json={"content": "\n\n".join(BLOCKS), "separator": "blank"})
    assert sent.json["new"] == 3
    sent = selling.post(path, json={"content": EXPORT, "csv": True})
    assert sent.json["new"] == 2
