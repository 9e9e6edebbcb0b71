"""Where a request comes from, and what counts as one place."""

import pytest
from flask import Flask

from app.kit.requests import address, network, network_of


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_one_place_is_an_ipv4_address_or_an_ipv6_network_of_64_bits(given, place):
    assert network_of(given) == place


@pytest.mark.parametrize(
    ("remote", "known", "place"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("", None, ""),
    ],
)
def test_a_request_knows_its_address_and_its_place(app: Flask, remote, known, place):
    with app.test_request_context(environ_base={"REMOTE_ADDR": remote}):
        assert (address(), network()) == (known, place)


@pytest.mark.parametrize("path", ["/api/v1/products", "/nowhere/api"])
def test_addresses_of_one_ipv6_network_share_the_limit_of_the_api(make_application, path):
    app = make_application(api_requests_per_minute=3)
    client = app.test_client()
    answers = [
        client.get(path, environ_base={"REMOTE_ADDR": f"2001:db8:77:1::{number}"}).status_code
        for number in range(1, 6)
    ]
    assert (answers.count(429) == 2) is path.startswith("/api/")
