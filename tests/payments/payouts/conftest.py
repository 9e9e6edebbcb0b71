"""A shop that pays out at a PayPal sandbox of its own, and sellers who have earned something."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.orders.conftest import (  # noqa: F401  # fixtures
    application,
    contract,
    paypal,
    sandbox_handle,
    serving,
    shop_port,
)
from tests.support.payouts import Bank
from tests.support.sale import SandboxControl


@pytest.fixture
def bank(app: Flask, paypal: SandboxControl) -> Bank:  # noqa: F811  # the fixture above
    """PayPal's side of payouts, with money on the shop's account."""
    return Bank(paypal)


@pytest.fixture
def settings(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change settings for the length of a test."""

    def change(**values: object) -> None:
        changed = app.extensions["settings"].model_copy(update=values)
        monkeypatch.setitem(app.extensions, "settings", changed)

    return change
