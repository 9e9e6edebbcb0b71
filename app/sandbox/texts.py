"""English and Russian words of the payment window, the button and the control page."""

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
    "Pay, but the bank declines": "Оплатить, но банк откажет",
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
    "You cancelled the payment. Nothing was paid.": "Вы отменили оплату. Ничего не списано.",
    "You can close this window.": "Это окно можно закрыть.",
    "Back to the shop": "Вернуться в магазин",
    "One moment…": "Секунду…",
    "This order has already been paid.": "Этот заказ уже оплачен.",
    "There is no such order.": "Такого заказа нет.",
    "Something went wrong. Close this window and try again.": (
        "Что-то пошло не так. Закройте это окно и попробуйте ещё раз."
    ),
    "Pay with the": "Оплатить через",
    "sandbox": "песочница",
    "Test payment: no real money moves.": "Тестовый платёж: деньги не списываются.",
    "Waiting for the payment window": "Ждём окно оплаты",
    "The payment needs another way to pay. Press the button again.": (
        "Нужен другой способ оплаты. Нажмите кнопку ещё раз."
    ),
    "quantity %(quantity)s": "%(quantity)s шт.",
    # the control page
    "Plays PayPal for this shop. No real money moves here. Its clock says %(now)s.": (
        "Играет роль PayPal для этого магазина. Настоящие деньги здесь не списываются. "
        "На её часах %(now)s."
    ),
    "That did not work:": "Не получилось:",
    "Books": "Счета",
    "Every entry sums to zero.": "Каждая проводка в сумме даёт ноль.",
    "The books do not balance!": "Счета не сходятся!",
    "Currency": "Валюта",
    "Merchant's balance": "Баланс продавца",
    "PayPal's fees": "Комиссии PayPal",
    "Nothing has been paid yet.": "Пока ничего не оплачено.",
    "Captures": "Списания",
    "Capture": "Списание",
    "State": "Статус",
    "Amount": "Сумма",
    "Action": "Действие",
    "Money arrives": "Деньги пришли",
    "Money never comes": "Деньги не придут",
    "The fee is known": "Комиссия известна",
    "None yet.": "Пока нет.",
    "all that is left": "весь остаток",
    "Refund": "Возврат",
    "Refunds": "Возвраты",
    "Money comes back": "Деньги вернулись",
    "Held in disputes": "Удержано по спорам",
    "Disputes": "Споры",
    "Dispute": "Спор",
    "Why": "Почему",
    "Stage": "Этап",
    "Amount, all if empty": "Сумма (пусто: вся)",
    "What the buyer says": "Что говорит покупатель",
    "Open a dispute": "Открыть спор",
    "Reverse, as for a chargeback": "Отозвать, как при чарджбэке",
    "Answer by": "Ответить до",
    "Next stage": "Следующий этап",
    "Decide": "Решение",
    "End it": "Завершить",
    "Payouts": "Выплаты",
    "Payout": "Выплата",
    "Receiver": "Получатель",
    (
        "An address decides what becomes of a payout: anna+unclaimed@example.com has no PayPal"
        " account. So do onhold, blocked, failed and returned."
    ): (
        "Судьбу выплаты решает адрес: у anna+unclaimed@example.com нет счёта PayPal."
        " Так же действуют onhold, blocked, failed и returned."
    ),
    "Receiver claims it": "Получатель забрал",
    "Nobody claims it": "Никто не забрал",
    "PayPal lets it through": "PayPal пропустил",
    "PayPal blocks it": "PayPal заблокировал",
    "Receiver sends it back": "Получатель вернул",
    "PayPal takes it back": "PayPal отозвал",
    "Orders": "Заказы",
    "Payment window": "Окно оплаты",
    "Approve as": "Одобряет",
    "Approve": "Одобрить",
    "Take the approval back": "Отозвать одобрение",
    "Events": "События",
    "Event": "Событие",
    "Kind": "Вид",
    "When": "Когда",
    "How": "Как",
    "as it was": "как было",
    "Send again": "Отправить снова",
    "Transmissions": "Отправки",
    "Attempts": "Попытки",
    "Answer": "Ответ",
    "forged: %(how)s": "подделка: %(how)s",
    "Faults": "Сбои",
    "on %(call)s": "на %(call)s",
    "Clear all faults": "Сбросить все сбои",
    "None set.": "Сбоев не задано.",
    "Add a fault": "Добавить сбой",
    "Times": "Сколько раз",
    "Of": "О чём",
    "any kind": "любой вид",
    "On": "На",
    "any call": "любом вызове",
    "Add": "Добавить",
    "Clock": "Часы",
    "Seconds": "Секунды",
    "Move it forward": "Перевести вперёд",
    "seconds": "секунды",
    "status": "код ответа",
    "issue": "причина отказа",
    "reason": "причина ожидания",
    "copies": "сколько раз придёт",
    "state": "статус",
    "forgery": "подделка",
    "The call is answered after a while.": "Ответ на вызов приходит не сразу.",
    "The call is carried out, but the answer does not come for long.": (
        "Вызов выполнен, но ответ долго не приходит."
    ),
    "Nothing is done, and the answer is an error.": "Ничего не сделано, и ответ: ошибка.",
    "The call is carried out, but the answer is an error.": "Вызов выполнен, но ответ: ошибка.",
    "The call is carried out, but the connection breaks.": "Вызов выполнен, но связь рвётся.",
    "The call is refused as one too many; nothing is done.": (
        "Вызову отказано, слишком часто; ничего не сделано."
    ),
    "The call's token is refused and forgotten; nothing is done.": (
        "Токен вызова отвергнут и забыт; ничего не сделано."
    ),
    "The shop hears of it before the call is answered.": (
        "Магазин узнаёт об этом раньше, чем получает ответ."
    ),
    "The payer's bank refuses the payment.": "Банк плательщика отказывает.",
    "The payment is taken, but its money comes later.": "Платёж принят, но деньги придут позже.",
    "The payment is taken, but as one that was declined.": "Платёж принят, но как отклонённый.",
    "The payment is completed, but PayPal does not tell its fee yet.": (
        "Платёж завершён, но PayPal пока не называет комиссию."
    ),
    "The refund is taken on, but the payer gets the money later.": (
        "Возврат принят, но плательщик получит деньги позже."
    ),
    "The refund is taken on, but fails at once.": "Возврат принят, но сразу не удаётся.",
    "PayPal refuses to refund.": "PayPal отказывает в возврате.",
    "refusal": "причина отказа",
    "The next payout ends in this state.": "Следующая выплата окажется в этом статусе.",
    "The next batch of payouts is denied.": "Следующий пакет выплат отклонён.",
    "The next batch of payouts is processed later.": ("Следующий пакет выплат обработают позже."),
    "The webhook is never sent.": "Вебхук не отправляется.",
    "The webhook comes later.": "Вебхук приходит позже.",
    "The webhook comes several times.": "Вебхук приходит несколько раз.",
    "Webhooks are collected for a while, then sent last first.": (
        "Вебхуки копятся, затем уходят в обратном порядке."
    ),
    "The webhook is sent as a forger would send it.": "Вебхук приходит поддельным.",
    "the signature's header is missing": "нет заголовка с подписью",
    "signed with a key that the named certificate does not hold": (
        "подписан ключом не из того сертификата"
    ),
    "signed well, but the certificate vouches for itself": "сертификат ручается сам за себя",
    "signed for another shop's webhook": "подписан для чужого вебхука",
    "one byte changed after signing": "один байт изменён после подписи",
    "the certificate lies on a stranger's host": "сертификат лежит на чужом узле",
    "the certificate lies on a host that begins like PayPal's": (
        "сертификат лежит на узле, чьё имя начинается как у PayPal"
    ),
    "the certificate lies on PayPal's host, but without TLS": (
        "сертификат лежит у PayPal, но без TLS"
    ),
    "true, but sent twice, byte for byte": "настоящий, но отправлен дважды, байт в байт",
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
