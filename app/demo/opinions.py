"""Who buys what in the demo shop, and says what about it. Names are made up."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Opinion:
    """A purchase; `stars` is None where its buyer has said nothing yet."""

    email: str
    title: str
    stars: int | None = None
    text: str = ""
    reply: str = ""


_GAME = "Lantern Hollow: Complete Edition"
_THANKS = "Thank you! The director's notes unlock after the second ending."

OPINIONS = (
    Opinion("buyer@example.com", "The Night Baker: short stories"),
    Opinion("buyer@example.com", "Сто писем к морю", 5, "Прочитала за вечер, потом ещё раз вслух."),
    Opinion("mira@example.com", _GAME, 5, "The key worked at once.\n\nWhat a town.", _THANKS),
    Opinion("mira@example.com", "Orbital Gardener", 4, "Calm and clever. A little short."),
    Opinion("mira@example.com", "Burrow VPN, 12 months", 5, "Fast, and no questions asked."),
    Opinion("mira@example.com", "Тихая гавань: полное издание", 4, "Works with English text, too."),
    Opinion("oleg@example.com", _GAME, 5, "Ключ пришёл раньше письма. Атмосфера прекрасная."),
    Opinion(
        "oleg@example.com",
        "Шрифт «Вологда»",
        3,
        "Красивый, но в архиве не хватает полужирного начертания.",
        "Спасибо, добавили: скачайте архив по той же ссылке.",
    ),
    Opinion(
        "oleg@example.com", "Подарочная карта «Бумажный кит», 25", 5, "Всё сразу активировалось."
    ),
    Opinion("jonas@example.com", _GAME, 3, "Good story, but it crashed twice on my old laptop."),
    Opinion("jonas@example.com", "Orbital Gardener", 5, "My daughter has planted half the moon."),
    Opinion(
        "jonas@example.com",
        "Starfield Tycoon: 10,000 credits",
        2,
        "The credits only work in one region, which I found out afterwards.",
        "Sorry about that: the description says so now. Write to us, and we will find a way.",
    ),
    Opinion(
        "vera@example.com", "Тихая гавань: полное издание", 5, "Лучшее, что я купила этой осенью."
    ),
    Opinion(
        "vera@example.com",
        "Кинозал «Под звёздами», 6 месяцев",
        4,
        "Каталог большой, субтитры есть.",
    ),
    Opinion("vera@example.com", "Сто писем к морю", 4, "Тонко и грустно."),
    Opinion("vera@example.com", "Quillmark Writer, 1 year"),
)
