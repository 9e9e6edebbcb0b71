"""PayPal's pages in the buyer's browser."""

import pytest

from app.payments.buttons import HOSTS, paypal_site


@pytest.mark.parametrize(
    ("web_url", "hosts"),
    [
        ("http://127.0.0.1:8002", (*HOSTS, "http://127.0.0.1:8002")),
        ("https://www.paypal.com", HOSTS),
    ],
)
def test_the_sandbox_of_this_machine_is_named_by_its_address(web_url, hosts):
    site = paypal_site(web_url)
    assert site.hosts == hosts
    assert site.form_targets == (web_url,)
