"""Administrators hear of new differences between PayPal and the books, each in their language."""

import pytest
from flask import Flask

from app.kit.db import transactional
from app.kit.outbox import emit
from app.payments.events import DifferencesFound
from tests.factories.auth import make_user
from tests.support.inbox import Inbox, path_in


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        ("en", "PayPal and the shop's books differ in 2 places"),
        ("ru", "PayPal и книги магазина расходятся в 2 местах"),
    ],
)
def test_administrator_is_mailed_where_to_look(
    app: Flask, inbox: Inbox, locale: str, subject: str
) -> None:
    admin = make_user(roles=("admin",), locale=locale)
    transactional(emit)(DifferencesFound(admin.id, 2))
    mail = inbox.only(admin.email)
    assert mail["subject"] == subject
    assert path_in(mail, "/payments/differences") == "/payments/differences"
