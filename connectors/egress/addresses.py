"""Which addresses may be connected to (PURE): our own list, for `ipaddress.is_global` accepts disguised
internal ones.

Sources: IANA special-purpose address registries for IPv4 and IPv6, RFC 6052 (NAT64), RFC 3056 (6to4), RFC
5214 (ISATAP).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

# What an operator's exact host:port may open: this machine and the networks at home. Nothing else is ever
# opened, so that a name in the list which starts to resolve to a cloud's metadata address is still refused.
_HOME_V4: Final = tuple(
    map(IPv4Network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
)
_HOME_V6: Final = tuple(map(IPv6Network, ("::1/128", "fc00::/7")))

_DENIED_V4: Final = (
    *_HOME_V4,
    *map(
        IPv4Network,
        (
            "0.0.0.0/8",  # "this network": Linux takes 0.0.0.0 for this machine
            "169.254.0.0/16",  # link-local, with the metadata services of most clouds
            "192.0.0.0/24",  # protocol assignments, with one cloud's metadata service at .192
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
            "168.63.129.16/32",  # looks public, is the host's own service inside one cloud
        ),
    ),
)

# Of IPv6 only 2000::/3 is in public use; what is special inside it is denied again.
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_DENIED_V6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: carries any IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


def parse_address(text: str) -> Address | None:
    """Read an IP address as a resolver prints it (a zone such as `%eth0` is dropped); None for any other
    text.
    """
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_allowed(address: Address, *, home: bool = False) -> bool:
    """Say whether `address` may be connected to.

    `home`: loopback and local networks too, because the operator listed this exact host and port.
    An IPv6 address that carries an IPv4 one (mapped, NAT64) is judged by what it carries: networks without
    IPv4 reach every IPv4 portal through NAT64. Forms that only tunnels use (6to4, Teredo, compatible,
    ISATAP) are never allowed.
    """
    if isinstance(address, IPv6Address):
        if address in _MAPPED or address in _NAT64:
            return is_allowed(IPv4Address(int(address) & 0xFFFFFFFF), home=home)
        if home and any(address in network for network in _HOME_V6):
            return True
        if address not in _PUBLIC_V6 or any(address in network for network in _DENIED_V6):
            return False
        return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP
    if home and any(address in network for network in _HOME_V4):
        return True
    return not any(address in network for network in _DENIED_V4)
