"""Hostile and merely odd text, read into lines."""

import csv
import io
import traceback

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.kit.errors import Kind as ErrorKind
from app.products.errors import ColumnsUnclear, TooMuchStock, UnreadableStock
from app.products.models import Kind
from app.products.service import reading
from app.products.service.layouts import Layout, Parts
from app.products.service.reading import Fault

TEXT, FIRST_COLUMN = Layout(), Layout(Parts.TABLE, columns=(1,))


def values(text, *, kind=Kind.KEY, layout=TEXT):
    return [line.value for line in reading.read(text, kind=kind, layout=layout).lines]


def numbers(text, *, kind=Kind.KEY, layout=TEXT):
    return [line.number for line in reading.read(text, kind=kind, layout=layout).lines]


def faults(text, *, kind=Kind.KEY, layout=TEXT):
    result = reading.read(text, kind=kind, layout=layout)
    return {faulty.number: faulty.fault for faulty in result.faulty}


LAYOUTS = (
    TEXT,
    FIRST_COLUMN,
    Layout(Parts.BLANK),
    Layout(Parts.DASHES),
    Layout(Parts.TABLE),
    Layout(Parts.TABLE, columns=(1, 2), heading=True),
    Layout(Parts.TABLE, template="{1}:{2}"),
)


class TestText:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_every_line_end(self, end):
        assert values(f"A{end}B{end}{end}C{end}") == ["A", "B", "C"]
        assert numbers(f"A{end}B{end}{end}C{end}") == [1, 2, 4]

    def test_blanks_around_fall_away_and_blanks_within_stay(self):
        assert values("  A B \n\t\n  C") == ["A B", "C"]

    def test_byte_order_mark(self):
        assert values(reading.decode(b"\xef\xbb\xbfA\nB").text) == ["A", "B"]
        assert values("\ufeffA\nB") == ["A", "B"]

    def test_commas_and_quotes_are_part_of_a_key(self):
        assert values('A,B;"C"') == ['A,B;"C"']

    @pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
    def test_exotic_line_separators_do_not_split_a_key(self, separator):
        assert faults(f"A{separator}B") == {1: Fault.UNPRINTABLE}

    @pytest.mark.parametrize(
        "char",
        [
            "\x00",
            "\x1b",
            "\x7f",
            "\u200b",
            "\u202e",
            "\ufeff",
            "\ufffd",
            chr(0xD800),
            chr(0xDFFF),
        ],
    )
    def test_what_nobody_could_type_is_refused(self, char):
        assert faults(f"GOOD\nKEY{char}1\nGOOD2") == {2: Fault.UNPRINTABLE}

    def test_length_is_limited(self):
        longest = "x" * reading.MAX_LENGTH
        assert values(longest) == [longest]
        assert faults(longest + "x") == {1: Fault.TOO_LONG}

    def test_one_line_as_long_as_everything_may_be(self):
        assert faults("A\n" + "x" * (reading.MAX_BYTES - 2)) == {2: Fault.TOO_LONG}

    def test_russian_and_astral_signs_are_taken(self):
        assert values("КЛЮЧ-Ё\n🔑-1") == ["КЛЮЧ-Ё", "🔑-1"]

    @pytest.mark.parametrize("text", ["", "\n\n \r\n", "\ufeff", "   "])
    def test_nothing_in_it(self, text):
        with pytest.raises(UnreadableStock):
            reading.read(text, kind=Kind.KEY, layout=TEXT)


class TestLinks:
    @pytest.mark.parametrize(
        "link",
        [
            "https://example.com",
            "http://example.com:8080/a?b=c#d",
            "HTTPS://example.com/A",
            "https://user@example.com/x",
            "https://пример.рф/ключ",
            "https://[::1]/x",
        ],
    )
    def test_whole_addresses_are_taken(self, link):
        assert values(link, kind=Kind.LINK) == [link]

    @pytest.mark.parametrize(
        "link",
        [
            "example.com",
            "//example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://example.com/x",
            "file:///etc/passwd",
            "http://",
            "https:///path",
            "http://[::1",
            "https://example.com:port/",
            "https://example.com:99999/",
            "https://example.com/a b",
        ],
    )
    def test_anything_else_is_not(self, link):
        assert faults(link, kind=Kind.LINK) == {1: Fault.NOT_A_LINK}


class TestCsv:
    def test_first_column_of_each_row(self):
        assert values("A,1\nB,2\n", layout=FIRST_COLUMN) == ["A", "B"]

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_separator_is_the_commonest_of_line_one(self, separator):
        text = f"key{separator}price{separator}note\nA,B;C{separator}1{separator}2"
        expected = {",": "A", ";": "A,B", "\t": "A,B;C"}[separator]
        assert values(text, layout=FIRST_COLUMN) == [expected]

    def test_single_column_is_not_split(self):
        assert values("A\nB,C\nD", layout=FIRST_COLUMN) == ["A", "B,C", "D"]

    @pytest.mark.parametrize(
        "word",
        [
            "key",
            "Keys",
            "  CODE ",
            "ссылка",
            '"License"',
            "Product  key",
            "license_key",
            "Промокод",
        ],
    )
    def test_heading_is_passed_over(self, word):
        result = reading.read(f"{word},price\nA,1", kind=Kind.KEY, layout=FIRST_COLUMN)
        assert result.heading
        assert [(line.number, line.value) for line in result.lines] == [(2, "A")]

    def test_first_key_is_never_taken_for_a_heading(self):
        result = reading.read("ABCD-1234\nBCDE-2345", kind=Kind.KEY, layout=FIRST_COLUMN)
        assert not result.heading
        assert len(result.lines) == 2

    def test_heading_words_are_keys_in_plain_text(self):
        assert values("key\nA") == ["key", "A"]

    def test_quotes(self):
        assert values('"A,B",1\n"C ""D""",2\n', layout=FIRST_COLUMN) == ["A,B", 'C "D"']

    def test_value_over_two_lines_is_malformed_and_the_next_row_is_read(self):
        text = 'A,0\n"B\nC",1\nD,2'
        assert faults(text, layout=FIRST_COLUMN) == {}
        assert numbers(text, layout=FIRST_COLUMN) == [1, 2, 4]

    def test_text_after_a_quote_is_malformed(self):
        assert faults('A,1\n"B"x,2\nC,3', layout=FIRST_COLUMN) == {2: Fault.BAD_CSV}
        assert values('A,1\n"B"x,2\nC,3', layout=FIRST_COLUMN) == ["A", "C"]

    @pytest.mark.parametrize("rest", ["", "B,2\n", "B,2\n" * 90_000])
    def test_quote_never_closed_refuses_the_whole(self, rest):
        """Else all that follows would be read as one key, or half keys would be taken in."""
        with pytest.raises(UnreadableStock, match="line 2"):
            reading.read(f'A,1\n"C,2\n{rest}', kind=Kind.KEY, layout=FIRST_COLUMN)

    def test_formulas_are_just_text(self):
        text = "=1+1,x\n+2,x\n@SUM(A1),x\n-3,x"
        assert values(text, layout=FIRST_COLUMN) == ["=1+1", "+2", "@SUM(A1)", "-3"]

    def test_nul_bytes(self):
        assert faults("A,1\nB\x00,2", layout=FIRST_COLUMN) == {2: Fault.UNPRINTABLE}

    def test_empty_first_cells_are_passed_over(self):
        assert values(",1\n,2\nA,3", layout=FIRST_COLUMN) == ["A"]

    def test_huge_field(self):
        assert 2 in faults("A,1\n" + "x" * 200_000 + ",2\nB,3", layout=FIRST_COLUMN)

    @given(
        st.lists(
            st.text(
                st.characters(categories=["L", "N", "P", "S"], exclude_characters="\ufffd"),
                min_size=1,
                max_size=20,
            ),
            min_size=1,
            max_size=20,
        )
    )
    def test_what_a_spreadsheet_writes_is_read_back(self, keys):
        written = io.StringIO()
        csv.writer(written).writerows([["key", "price"], *([key, "1"] for key in keys)])
        kept = [key for key in keys if not reading._UNPRINTABLE.search(key)]
        if kept:
            assert values(written.getvalue(), layout=FIRST_COLUMN) == kept


class TestLimits:
    def test_as_many_lines_as_allowed(self):
        assert len(values("x\n" * reading.MAX_LINES)) == reading.MAX_LINES

    @pytest.mark.parametrize(
        "text", ["x\n" * 100_001, "\n" * 15_000_000 + "x", "\r" * 200_000 + "x"]
    )
    def test_more_is_refused(self, text):
        with pytest.raises(TooMuchStock) as refusal:
            reading.read(text, kind=Kind.KEY, layout=TEXT)
        assert refusal.value.kind is ErrorKind.TOO_LARGE

    def test_heading_does_not_count(self):
        text = "key\n" + "x\n" * reading.MAX_LINES
        assert len(values(text, layout=FIRST_COLUMN)) == reading.MAX_LINES
        with pytest.raises(TooMuchStock):
            reading.read(text, kind=Kind.KEY, layout=TEXT)

    def test_more_bytes(self):
        with pytest.raises(TooMuchStock):
            reading.decode(b"x" * (reading.MAX_BYTES + 1))


class TestEncoding:
    @pytest.mark.parametrize(
        "data",
        [
            "Größe".encode("cp1252"),
            "КЛЮЧ-1".encode("utf-16"),
            b"PK\x03\x04\xff\xfe",
            b"\xed\xa0\x80",
            b"A\xc0\x80",
        ],
    )
    def test_other_than_utf8_is_refused_in_words(self, data):
        with pytest.raises(UnreadableStock, match="Line 2"):
            reading.decode(b"SECRET-KEY\n" + data)

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "windows-1251"])
    def test_what_is_recognised(self, encoding):
        text = "Ключ-0001-ABCD\r\nКлюч-0002-EFGH\r\n"
        decoded = reading.decode(text.encode(encoding))
        assert decoded.text == text
        assert decoded.encoding == ("UTF-16" if encoding.startswith("utf") else encoding)

    def test_refusal_does_not_quote_the_stock(self):
        secret = "secret-key".upper()  # not in the lines of code that the trace shows
        try:
            reading.decode(secret.encode() + b"\n\xff")
        except UnreadableStock as refusal:
            told = "".join(traceback.format_exception(refusal))
        assert secret not in told


class TestMask:
    @given(st.text(max_size=60))
    @example("ABCD-EFGH-1234")
    def test_shows_four_signs_of_long_values_and_none_of_short(self, value):
        shown = reading.mask(value).removeprefix("••••")
        assert len(shown) == (4 if len(value) >= 12 else 0)

    def test_reading_shows_nothing_in_its_words(self):
        result = reading.read("SECRET-KEY-1\nSECRET\x00KEY", kind=Kind.KEY, layout=TEXT)
        assert "SECRET" not in repr(result)


@given(st.text(max_size=300), st.sampled_from(LAYOUTS), st.sampled_from([Kind.KEY, Kind.LINK]))
@example('"', FIRST_COLUMN, Kind.KEY)
@example('a,"', FIRST_COLUMN, Kind.KEY)
@example("\x00", FIRST_COLUMN, Kind.KEY)
@example("\ufeff\ufeff", TEXT, Kind.KEY)
def test_any_text_is_read_or_refused_in_words(text, layout, kind):
    """Every line is taken, faulty or blank; what is taken is whole and clean."""
    try:
        result = reading.read(text, kind=kind, layout=layout)
    except (ColumnsUnclear, UnreadableStock):
        return
    places = [line.number for line in result.lines] + [line.number for line in result.faulty]
    assert len(places) == len(set(places))
    for line in result.lines:
        assert line.value == line.value.strip() != ""
        assert layout.parts is not Parts.LINE or line.value in text
        plain = line.value.replace("\t", "").replace("\n", "")
        assert plain.isprintable() or " " in plain or not plain.isascii()


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused_in_words(data):
    try:
        decoded = reading.decode(data)
    except UnreadableStock:
        with pytest.raises(UnicodeDecodeError):
            data.decode("utf-8")
    else:
        if decoded.encoding == "UTF-8":
            assert decoded.text.encode() == data.removeprefix(b"\xef\xbb\xbf")
        elif decoded.encoding == "windows-1251":
            with pytest.raises(UnicodeDecodeError):
                data.decode("utf-8")
