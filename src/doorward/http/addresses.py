"""Client addresses as the limits see them. The front door and the sign-in count by them. Pure."""

import ipaddress
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=4096)
def parse(text: str) -> Address | None:
    """An address without port or zone; an IPv4 address in IPv6's clothes is the IPv4 address. None when it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=4096)
def bucket(address: str) -> str:
    """The key of a limit: an IPv4 address itself, the /64 of an IPv6 one, since a household or host has all of it."""
    parsed = parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed is not None else "unknown"
