"""Whose address a request comes from, and which bucket that address falls into. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Addresses:
    """Believes ``X-Forwarded-For`` only when a trusted proxy sent it, and then the right-most hop that is not one.

    ``Forwarded``, ``X-Real-IP`` and everything further left are words of the client and count for nothing.
    """

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        self._trusted: tuple[Network, ...] = tuple(ipaddress.ip_network(item) for item in trusted_proxies)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """The client's address. `forwarded` are the values of all X-Forwarded-For headers, in order."""
        if not self._trusted or not forwarded or not self._is_trusted(peer):
            return peer
        client = peer
        for hop in reversed([part.strip() for value in forwarded for part in value.split(",")]):
            address = parse(hop)
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(client):
                break
        return client

    def _is_trusted(self, address: str) -> bool:
        parsed = parse(address)
        return parsed is not None and any(
            parsed.version == network.version and parsed in network for network in self._trusted
        )


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
