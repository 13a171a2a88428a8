"""Which IP addresses are strangers' servers, and which could be our own network.

Python's ``is_global`` follows the IANA registries of its release. Here the rule is the other way round: what is not
known to be public is refused, and so is everything that carries an IPv4 address that is not.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

#: Beside what Python knows (private, loopback, link-local, shared, multicast, reserved, unspecified).
_REFUSED_4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this" network: Linux takes it for the machine itself
        "100.64.0.0/10",  # carriers' NAT, and the metadata service of one cloud
        "168.63.129.16/32",  # the platform service inside every machine of another
        "192.0.0.0/24",  # protocol assignments, and the metadata service of a third
        "192.88.99.0/24",  # relays of 6to4
        "198.18.0.0/15",  # benchmarks
    )
)
_UNICAST_6: Final = IPv6Network("2000::/3")
#: Within global unicast: tunnels and protocol assignments (Teredo, ORCHID, …), 6to4, documentation.
_REFUSED_6: Final = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
#: NAT64 (RFC 6052): in a network without IPv4 this is how every IPv4 server is reached.
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Is this the address of a host on the open internet? False for anything that is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return _public_4(parsed) if isinstance(parsed, IPv4Address) else _public_6(parsed)


def _public_4(address: IPv4Address) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or any(address in network for network in _REFUSED_4)
    )


def _public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if (mapped := address.ipv4_mapped) is not None:
        return _public_4(mapped)
    if address in _NAT64:
        return _public_4(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _UNICAST_6 and address.is_global and not any(address in network for network in _REFUSED_6)
