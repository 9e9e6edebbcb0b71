"""English and Russian words of the payment window and the button."""

LANGUAGES = ("en", "ru")

RUSSIAN = {
    "Test payment": "Тестовый платёж",
    "No real money moves here.": "Настоящие деньги здесь не списываются.",
    "Choose who pays": "Кто платит?",
    "You pay %(merchant)s": "Вы платите: %(merchant)s",
    "Order": "Заказ",
    "Total": "Итого",
    "Paying as": "Платит",
    "Someone else pays": "Платит кто-то другой",
    "Pay now": "Оплатить",
    "Agree and continue": "Согласиться и продолжить",
    "Pay, but the bank says no": "Оплатить, но банк откажет",
    "Cancel and go back to the shop": "Отменить и вернуться в магазин",
    "Has money": "Деньги есть",
    "The payment goes through at once.": "Платёж проходит сразу.",
    "Empty account": "Пустой счёт",
    "The bank says no the first time; the second try goes through.": (
        "Сначала банк отказывает, вторая попытка проходит."
    ),
    "Pays by eCheck": "Платит электронным чеком",
    "The money comes later, or never; the control page decides.": (
        "Деньги придут позже или не придут: это решает страница управления."
    ),
    "Your payment was declined. Choose another way to pay.": (
        "Платёж отклонён. Выберите другой способ оплаты."
    ),
    "Finishing your payment with the shop…": "Магазин завершает оплату…",
    "You said no. Nothing was paid.": "Вы отменили оплату. Ничего не списано.",
    "You can close this window.": "Это окно можно закрыть.",
    "Back to the shop": "Вернуться в магазин",
    "One moment…": "Секунду…",
    "This order is paid already.": "Этот заказ уже оплачен.",
    "There is no such order.": "Такого заказа нет.",
    "Something went wrong. Close this window and try again.": (
        "Что-то пошло не так. Закройте это окно и попробуйте ещё раз."
    ),
    "Pay with the PayPal sandbox": "Оплатить через песочницу PayPal",
    "Pay with": "Оплатить через",
    "sandbox": "песочница",
    "Test payment: no real money moves.": "Тестовый платёж: деньги не списываются.",
    "Waiting for the payment window": "Ждём окно оплаты",
    "The payment needs another way to pay. Press the button again.": (
        "Нужен другой способ оплаты. Нажмите кнопку ещё раз."
    ),
    "quantity %(quantity)s": "%(quantity)s шт.",
}


def translate(language: str, text: str, **values: str) -> str:
    """`text` in the language, with its values filled in."""
    words = RUSSIAN.get(text, text) if language == "ru" else text
    return words % values if values else words


def amount(language: str, money: dict[str, str]) -> str:
    """PayPal's money object as people read it: `1,234.50 EUR`, `1 234,50 EUR`."""
    whole, point, fraction = money["value"].partition(".")
    groups = f"{int(whole):,}"
    if language == "ru":
        groups, point = groups.replace(",", "\u00a0"), point and ","
    return f"{groups}{point}{fraction}\u00a0{money['currency_code']}"
