"""Which addresses a message may be sent to: those of the public internet, and no others.

What is special is what IANA's registries list, whether or not it is reachable from everywhere:
behind none of it stands a seller's service. In IPv6 only 2000::/3 has been given to anybody.
https://www.iana.org/assignments/iana-ipv4-special-registry
https://www.iana.org/assignments/iana-ipv6-special-registry
https://www.iana.org/assignments/ipv6-address-space
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

_SPECIAL_IPV4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # "this network", RFC 791
        "10.0.0.0/8",  # private use, RFC 1918
        "100.64.0.0/10",  # shared by customers of a provider, RFC 6598
        "127.0.0.0/8",  # loopback, RFC 1122
        "169.254.0.0/16",  # link-local, RFC 3927; clouds tell secrets there
        "172.16.0.0/12",  # private use, RFC 1918
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.31.196.0/24",  # AS112, RFC 7535
        "192.52.193.0/24",  # AMT, RFC 7450
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.168.0.0/16",  # private use, RFC 1918
        "192.175.48.0/24",  # AS112, RFC 7534
        "198.18.0.0/15",  # benchmarks, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 1112
        "240.0.0.0/4",  # reserved, RFC 1112, and broadcast, RFC 8190
    )
]
_PUBLIC_IPV6 = IPv6Network("2000::/3")
_SPECIAL_IPV6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, RFC 2928: Teredo, ORCHID, benchmarks and others
        "2001:db8::/32",  # documentation, RFC 3849
        "2002::/16",  # 6to4, RFC 3056: an IPv4 address is behind it, and the way there is closed
        "2620:4f:8000::/48",  # AS112, RFC 7534
        "3fff::/20",  # documentation, RFC 9637
    )
]
# The last 32 bits are an IPv4 address: mapped ones (RFC 4291), and where a network has only IPv6,
# everything that IPv4 reaches (NAT64, RFC 6052).
_EMBEDDING = [IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96")]


def is_public(address: str) -> bool:
    """Whether an address, as a name is resolved to, is one of the public internet."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        if parsed.scope_id is not None:
            return False  # a zone: it means something on one link only
        if not any(parsed in network for network in _EMBEDDING):
            return parsed in _PUBLIC_IPV6 and not any(parsed in one for one in _SPECIAL_IPV6)
        parsed = IPv4Address(parsed.packed[-4:])
    return not any(parsed in network for network in _SPECIAL_IPV4)
