"""Where messages may go: never into a network that is not everybody's."""

import ipaddress

import pytest

from app.webhooks import posting
from app.webhooks.addresses import is_public

# The rows of https://www.iana.org/assignments/iana-ipv4-special-registry and of multicast.
IPV4_ROWS = [
    "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32",
    "192.0.0.10/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24", "192.31.196.0/24",
    "192.52.193.0/24", "192.88.99.0/24", "192.88.99.2/32", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32",
    "224.0.0.0/4",
]  # fmt: skip
# The rows of https://www.iana.org/assignments/iana-ipv6-special-registry, those of
# https://www.iana.org/assignments/ipv6-address-space that are nobody's, and IPv4 in disguise.
IPV6_ROWS = [
    "::1/128", "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23",
    "2001::/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32",
    "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32",
    "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
    "fec0::/10", "ff00::/8", "::/96", "4000::/3", "8000::/3", "e000::/4", "200::/7",
]  # fmt: skip
EMBEDDING = ["::ffff:0:0", "64:ff9b::"]
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
    "2a00:1450:4001::200e", "2001:200::1", "2001:4860:4860::8888", "2003::1", "240e::1",
]  # fmt: skip


def ends(row: str) -> set[str]:
    """The first address of a block, the last, and one in between."""
    block = ipaddress.ip_network(row)
    return {str(block[0]), str(block[-1]), str(block[block.num_addresses // 2])}


@pytest.mark.parametrize("row", IPV4_ROWS + IPV6_ROWS)
def test_special_addresses_are_not_public(row: str) -> None:
    assert not [address for address in ends(row) if is_public(address)]


@pytest.mark.parametrize("prefix", EMBEDDING)
@pytest.mark.parametrize("row", IPV4_ROWS)
def test_special_addresses_in_ipv6_are_not_public(prefix: str, row: str) -> None:
    for address in ends(row):
        inside = int(ipaddress.IPv6Address(prefix)) | int(ipaddress.IPv4Address(address))
        assert not is_public(str(ipaddress.IPv6Address(inside)))


@pytest.mark.parametrize("address", PUBLIC)
def test_all_others_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("prefix", EMBEDDING)
def test_public_addresses_in_ipv6_are_public(prefix: str) -> None:
    inside = int(ipaddress.IPv6Address(prefix)) | int(ipaddress.IPv4Address("8.8.8.8"))
    assert is_public(str(ipaddress.IPv6Address(inside)))


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700::1111%1", "", "example.com"])
def test_what_is_no_plain_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("url", [
    "http://example.com/", "https://user:pass@example.com/", "https://example.com/#x",
    "https://example.com:22/", "ftp://example.com/", "https:///x", "example.com", "",
    "https://exa mple.com/", "https://example.com:99999/", "javascript:alert(1)",
    "https://пример.рф/", "https://example.com/" + "x" * 500, "https://[fe80::1%25eth0]/",
    "https://example.com\\@evil.example/", "https://example.com/\r\nHost: evil", "https://a\x7fb/",
    "https://[::1", "https://exa<mple.com/", "https://example.com:-1/", "https://example.com:0x50/",
])  # fmt: skip
def test_what_is_no_address_of_a_webhook(url: str) -> None:
    assert not posting.is_address(url, private=False)


@pytest.mark.parametrize("url", [
    "https://example.com/", "https://example.com:8443/a?b=c", "https://EXAMPLE.com./",
    "https://[2606:4700::1111]/", "https://1.1.1.1/", "https://xn--e1afmkfd.xn--p1ai/x",
])  # fmt: skip
def test_what_is_one(url: str) -> None:
    assert posting.is_address(url, private=False)


@pytest.mark.parametrize("host", [
    "127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[fd00::1]", "[fe80::1]", "[fec0::1]",
    "224.0.0.1", "2130706433", "0x7f.1", "017700000001", "[2002:7f00:1::]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "100.64.0.1", "127.1", "localhost.",
])  # fmt: skip
def test_our_own_network_is_not_reached(host: str) -> None:
    posted = posting.post(f"https://{host}:1024/", b"{}", {}, private=False)
    assert posted.error in {"private_address", "no_such_host"}
    assert posted.status is None
