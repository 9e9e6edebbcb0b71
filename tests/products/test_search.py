"""Searching as people spell: accents, umlauts, beginnings of words, names of categories."""

import pytest
from sqlalchemy import text

from app.kit.db import session
from app.products.models import Category
from tests.factories.auth import make_user
from tests.factories.products import make_category, make_product
from tests.products.test_catalogue import explained, titles

TITLES = (
    "Crème brûlée recettes",
    "Brushwood: 120 ink brushes",
    "Größe XL Übersetzer",
    "Pokémon Édition Spéciale",
    "Special offers",
    "Hans Müller, Romane",
    "Starfield",
    "Start menu",
    "Чёрная Ёлка в новый год",
    "Half-Life 3.5",
    "The University of Oslo: Smørrebrød",
)


@pytest.fixture
def shop(app):
    seller = make_user(roles=("seller",))
    shelf = make_category(name="Shelf")
    for title in TITLES:
        make_product(seller, title=title, category=shelf)
    return seller


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("creme brulee", ["Crème brûlée recettes"]),
        ("crème brûlée", ["Crème brûlée recettes"]),
        ("brulee", ["Crème brûlée recettes"]),
        ("grosse", ["Größe XL Übersetzer"]),
        ("große", ["Größe XL Übersetzer"]),
        ("GRÖSSE", ["Größe XL Übersetzer"]),
        ("groesse", ["Größe XL Übersetzer"]),
        ("uebersetzer", ["Größe XL Übersetzer"]),
        ("ubersetzer", ["Größe XL Übersetzer"]),
        ("speciale", ["Pokémon Édition Spéciale", "Special offers"]),
        ("pokemon", ["Pokémon Édition Spéciale"]),
        ("mueller", ["Hans Müller, Romane"]),
        ("muller", ["Hans Müller, Romane"]),
        ("müller", ["Hans Müller, Romane"]),
        ("müller romane", ["Hans Müller, Romane"]),
        ("star", ["Starfield", "Start menu"]),
        ("starfi", ["Starfield"]),
        ("starfield", ["Starfield"]),
        ("universi", ["The University of Oslo: Smørrebrød"]),
        ("the university", ["The University of Oslo: Smørrebrød"]),
        ("smorrebrod", ["The University of Oslo: Smørrebrød"]),
        ("черная елка", ["Чёрная Ёлка в новый год"]),
        ("ёлки", ["Чёрная Ёлка в новый год"]),
        ("новые годы", ["Чёрная Ёлка в новый год"]),
        ("half-life", ["Half-Life 3.5"]),
        ("half life 3.5", ["Half-Life 3.5"]),
        ("3.5", ["Half-Life 3.5"]),
        ("-" * 33, []),
        ("- - -", []),
    ],
)
def test_words_meet_their_titles(client, shop, words: str, found: list[str]) -> None:
    assert sorted(titles(client, f"/products?q={words}")) == found


def test_names_of_categories_count_as_words(client, app) -> None:
    seller = make_user(roles=("seller",))
    games = make_category(name="Games")
    session().execute(text("UPDATE category SET name_ru = 'Игры' WHERE id = :id"), {"id": games.id})
    session().commit()
    below = make_category(parent=games, name="Riddles")
    make_product(seller, title="Starfield", category=games)
    make_product(seller, title="Sudoku", category=below)
    make_product(seller, title="A word about games")
    make_product(seller, title="Nothing of the kind")
    for words in ("games", "game", "игра", "Игры"):
        assert {"Starfield", "Sudoku"} <= set(titles(client, f"/products?q={words}"))
    assert set(titles(client, "/products?q=games")) == {
        "Starfield",
        "Sudoku",
        "A word about games",
    }
    assert titles(client, "/products?q=games star") == ["Starfield"]
    assert titles(client, "/products?q=riddles games") == ["Sudoku"]


def test_what_fits_best_comes_first(client, shop) -> None:
    assert titles(client, "/products?q=start")[0] == "Start menu"
    assert titles(client, "/products?q=speciale")[0] == "Pokémon Édition Spéciale"


def test_a_category_keeps_what_is_looked_for(client, shop) -> None:
    shelf = session().query(Category).first()
    for headers in ({}, {"HX-Request": "true", "HX-Request-Type": "partial"}):
        page = client.get("/products?q=star&kind=key&sort=price_asc", headers=headers)
        link = f'href="/products/category/{shelf.slug}?q=star&amp;kind=key&amp;sort=price_asc"'
        assert link in page.get_data(as_text=True)


def test_words_and_categories_together_read_indexes(client, app) -> None:
    seller = make_user(roles=("seller",))
    shelf = make_category(name="Needles")
    make_product(seller, title="Sharp", category=shelf)
    make_product(seller, title="Needle")
    session().execute(
        text("""INSERT INTO product (id, seller_id, category_id, kind, shared, title,
                description, price_minor, currency, state, sold_count, version, published_at)
            SELECT gen_random_uuid(), seller_id, category_id, 'key', false,
                'Hay ' || md5(n::text), '', 100, currency, 'published', 0, 1, now()
            FROM product, generate_series(1, 5000) n WHERE title = 'Needle'""")
    )
    session().commit()
    session().execute(text("SELECT gin_clean_pending_list('ix_product_search')"))
    session().execute(text("ANALYZE product"))
    session().commit()
    with explained("product.search") as plans:
        assert set(titles(client, "/products?q=needle")) == {"Needle", "Sharp"}
    words, page = plans
    assert "Bitmap Index Scan on ix_product_search" in words
    assert "Seq Scan on product" not in words + page
