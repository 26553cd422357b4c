"""Whose address a request comes from. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence

from doorward.http.addresses import parse

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
