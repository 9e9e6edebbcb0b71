import hashlib
import json

import pytest

from app.auth import names


def alike(one: str, other: str) -> bool:
    return names.letters(one) == names.letters(other) or names.looks(one) == names.looks(other)


class TestAlike:
    @pytest.mark.parametrize(
        "other",
        [
            "pixel forge",
            "PIXEL FORGE",
            "PixelForge",
            "Pixel-Forge!",
            "Pixel   Forge ⭐",
            "Pixеl Fоrgе",  # Cyrillic е, о
            "PixeI Forge",  # a capital I
            "Pixe1 F0rge",
            "Píxel Förge",
            "Ｐｉｘｅｌ Ｆｏｒｇｅ",
            "𝐏𝐢𝐱𝐞𝐥 𝓕𝓸𝓻𝓰𝓮",
            "PΙXEL FORGE",  # Greek Iota
        ],
    )
    def test_a_name_that_looks_like_another_one_is(self, other: str) -> None:
        assert alike("Pixel Forge", other)

    @pytest.mark.parametrize(
        "other", ["Pixel Forge 2", "Pixel Forger", "Pixel Farge", "Forge Pixel", "Pixel"]
    )
    def test_a_name_of_ones_own_is_not(self, other: str) -> None:
        assert not alike("Pixel Forge", other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Северный магазин", "СЕВЕРНЫЙ МАГАЗИН"),
            ("Северный магазин", "Сeвepный мaгaзин"),  # Latin c, e, p, a
            ("Ёлка", "елка"),
            ("Веn", "Ben"),
            ("rn", "m"),
        ],
    )
    def test_case_accents_and_other_alphabets_hide_nothing(self, one: str, other: str) -> None:
        assert alike(one, other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [("李明", "李月"), ("की", "कि"), ("!!!", "???"), ("Мир", "Mup"), ("🦊🦊", "🐻🐻")],
    )
    def test_what_is_told_apart_stays_apart(self, one: str, other: str) -> None:
        assert not alike(one, other)

    def test_a_newer_list_needs_a_migration(self) -> None:
        """The rows of sellers hold what the list of today makes of their names."""
        listed = json.dumps(sorted(names._prototypes().items())).encode()
        assert hashlib.sha256(listed).hexdigest()[:16] == "b6ecb283ad9d77b2", (
            "The list of confusables has changed: make users.name_letters and name_looks anew in "
            "a migration, then note the new number here."
        )


class TestReserved:
    @pytest.mark.parametrize(
        "name",
        [
            *("ByteShop", "byte shop", "ВyteShop", "ByteShop Support", "Official ByteShop"),
            *("PayPal", "PayPaI", "РауРаl", "PayPal Refunds", "ᴘᴀʏᴘᴀʟ", "pay.pal"),
            *("admin", "Admin", "ADMIN", "Аdmin", "a d m i n", "Administrator", "The Admin Team"),
            *("Support", "Supp0rt", "Support Team", "Moderator", "System", "Seller"),
            *("Админ", "АДМИНИСТРАЦИЯ", "Служба поддержки", "Модератор", "Техподдержка"),
            *("Байтшоп", "ПэйПал", "Гарант"),
        ],
    )
    def test_nobody_is_called_like_the_shop(self, name: str) -> None:
        assert names.is_reserved(name)

    @pytest.mark.parametrize(
        "name",
        [
            *("Pixel Forge", "Nadia", "Demo admin", "Byte Bazaar", "Pal Payne", "Key Store"),
            *("Модератор Иван", "Северный магазин", "Ben & Sons", "!!!", "李明", "Person 7"),
        ],
    )
    def test_people_are_called_as_they_like(self, name: str) -> None:
        assert not names.is_reserved(name)
