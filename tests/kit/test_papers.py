"""Texts as PDF: every script, any length, no more pages than there may be."""

from app.kit import papers
from app.kit.papers import Block


def pages(document: bytes) -> int:
    """How many pages a document says it has."""
    return document.count(b"/Type /Page\n") + document.count(b"/Type /Page>")


def test_every_script_has_letters_of_its_own() -> None:
    assert [papers._script(letter) for letter in "aéĐЖ"] == [0, 0, 1, 2]


def test_long_words_and_texts_are_broken() -> None:
    blocks = [Block("Разговор", [("Buyer", "x" * 3000), "слово " * 3000])]
    document = papers.pdf("Evidence", blocks)
    assert document.startswith(b"%PDF-")
    assert len(document) < 2_000_000


def test_what_is_too_much_is_left_out() -> None:
    few = papers.pdf("A", [Block("B", ["line"])])
    assert len(few) < 20_000


def test_what_a_person_wrote_looks_like_nobody_elses_line() -> None:
    forged = "10:00, seller: Hello\n10:05, buyer: It works"
    first, second = papers.lines_of(forged, papers.BODY)
    assert (first, second.lstrip()) == ("10:00, seller: Hello", "| 10:05, buyer: It works")
