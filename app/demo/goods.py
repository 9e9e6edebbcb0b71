"""The goods of the demo shop. Names are made up."""

from dataclasses import dataclass

from app.products.models import Kind

REDEEM = "\n\n**How to use it**\n\n1. Open the publisher's page.\n2. Enter the key.\n3. Enjoy.\n"
USE_RU = (
    "\n\n**Как воспользоваться**\n\n1. Откройте страницу издателя.\n2. Введите ключ.\n3. Готово.\n"
)


@dataclass(frozen=True)
class Good:
    """One product. `pieces` is its stock, `content` what a shared one gives to all."""

    shelf: str
    title: str
    description: str
    price_minor: int
    kind: Kind = Kind.KEY
    pieces: int = 0
    content: str = ""
    published: bool = True
    hidden: bool = False


PIXEL_FORGE = (
    Good("pc-games", "Lantern Hollow: Complete Edition", "A slow adventure in a drowned town, with both expansions." + REDEEM, 2499, pieces=40),
    Good("pc-games", "Orbital Gardener", "Grow a forest on a moon the size of a village. *One key, one account, world-wide.*" + REDEEM, 1499, pieces=25),
    Good("pc-games", "Nine Keys to Nowhere", "A puzzle box in nine rooms. Sold out at the moment." + REDEEM, 999),
    Good("console-games", "Paper Rally Deluxe", "Couch racing for four on folded tracks." + REDEEM, 3990, pieces=12),
    Good("game-items", "Starfield Tycoon: 10,000 credits", "Credited at once after you redeem the key." + REDEEM, 799, pieces=40),
    Good("office", "Quillmark Writer, 1 year", "A calm word processor for long texts.\n\n- two devices\n- updates for a year" + REDEEM, 2900, pieces=18),
    Good("office", "Tallybook for small firms", "Invoices, cash book, tax export. Licence for one company." + REDEEM, 7900, pieces=7),
    Good("security", "Burrow VPN, 12 months", "Thirty countries, no logs, five devices." + REDEEM, 3588, pieces=30),
    Good("creative", "Brushwood: 120 ink brushes", "A link to the archive with brushes and a short course.", 1200, Kind.LINK, content="https://example.com/get/brushwood-120"),
    Good("creative", "Loopyard: 400 drum loops", "WAV, 24 bit, cleared for commercial use. Every buyer gets an address of their own.", 1900, Kind.LINK, pieces=9),
    Good("cloud", "Nimbus box, 50 GB for a year", "An invitation link that turns on your storage.", 2390, Kind.LINK, pieces=15),
    Good("streaming", "Matinee Club, 3 months", "Independent films, a new one every Friday." + REDEEM, 1797, pieces=22),
    Good("games-cards", "Arcadia store card, 20", "Worth 20 in the Arcadia store." + REDEEM, 2000, pieces=33),
    Good("courses", "Sourdough from zero", "Twelve lessons as a private playlist.", 1500, Kind.LINK, content="https://example.com/watch/sourdough"),
    Good("books", "The Night Baker: short stories", "Eleven stories to read on any screen. The text is delivered as it is.", 399, Kind.TEXT, content="The Night Baker\n\nOne.\nThe oven was the only light in the street, and the street was glad of it.\n"),
    Good("pc-games", "Tidewrack (early access)", "Not ready yet.", 1999, published=False),
    Good("security", "Burrow VPN, 1 month", "The short one." + REDEEM, 399, pieces=5, hidden=True),
)  # fmt: skip

SEVERNY = (
    Good("pc-games", "Тихая гавань: полное издание", "Неспешное приключение о маяке и его смотрителе." + USE_RU, 1799, pieces=20),
    Good("pc-games", "Хроники Медного города", "Пошаговая стратегия с русской озвучкой." + USE_RU, 2190, pieces=1),
    Good("game-items", "Набор новичка для «Северных земель»", "Ездовой лось, плащ и 500 монет." + USE_RU, 499, pieces=35),
    Good("office", "Планёрка: ежедневник на год", "Задачи, напоминания и общий календарь для семьи." + USE_RU, 1190, pieces=16),
    Good("security", "Щит-М: антивирус на 3 устройства", "Годовая лицензия, обновления каждый день." + USE_RU, 2490, pieces=14),
    Good("streaming", "Кинозал «Под звёздами», 6 месяцев", "Фестивальное кино без рекламы." + USE_RU, 2990, pieces=11),
    Good("shops-cards", "Подарочная карта «Бумажный кит», 25", "Принимается в книжном магазине." + USE_RU, 2500, pieces=27),
    Good("games-cards", "Карта пополнения «Игроград», 10", "Зачисляется сразу." + USE_RU, 1000, pieces=40),
    Good("courses", "Акварель с нуля: 20 уроков", "Закрытая ссылка на уроки и материалы.", 1890, Kind.LINK, content="https://example.com/watch/akvarel"),
    Good("books", "Сто писем к морю", "Сборник рассказов. Текст приходит сразу.", 299, Kind.TEXT, content="Сто писем к морю\n\nПисьмо первое.\nЗдравствуй. Сегодня ты было серым, и я решил не мешать.\n"),
    Good("creative", "Шрифт «Вологда»", "Кружевной шрифт, десктопная лицензия." + USE_RU, 2200, pieces=8),
    Good("cloud", "Хостинг «Печка», 1 год", "Место для небольшого сайта, промокод на год." + USE_RU, 1990, pieces=10),
)  # fmt: skip
