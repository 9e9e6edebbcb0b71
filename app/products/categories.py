"""The shelves that a new shop begins with: two levels, in both languages."""

# Each: slug, English name, Russian name; an upper one has its lower ones, too.
CATEGORIES = (
    ("games", "Games", "Игры", (
        ("pc-games", "PC games", "Игры для ПК"),
        ("console-games", "Console games", "Консольные игры"),
        ("game-items", "Items and currency", "Предметы и валюта"),
    )),
    ("software", "Software", "Программы", (
        ("office", "Office and work", "Офис и работа"),
        ("security", "Security and VPN", "Безопасность и VPN"),
        ("creative", "Graphics and sound", "Графика и звук"),
    )),
    ("subscriptions", "Subscriptions", "Подписки", (
        ("streaming", "Films and music", "Кино и музыка"),
        ("cloud", "Cloud and hosting", "Облако и хостинг"),
    )),
    ("gift-cards", "Gift cards", "Подарочные карты", (
        ("shops-cards", "Shops", "Магазины"),
        ("games-cards", "Game stores", "Игровые магазины"),
    )),
    ("learning", "Learning", "Обучение", (
        ("courses", "Courses", "Курсы"),
        ("books", "Books and guides", "Книги и пособия"),
    )),
)  # fmt: skip
