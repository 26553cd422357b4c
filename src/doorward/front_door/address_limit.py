"""The loose limit per client address, before anybody is asked who they are."""

from doorward.front_door.addresses import Addresses
from doorward.front_door.check import Answer, Tools
from doorward.front_door.rate_headers import limit_headers
from doorward.front_door.visit import Visit
from doorward.http.addresses import bucket
from doorward.model.verdicts import Deny


class AddressLimit:
    """Counts per IPv4 address or IPv6 /64 and names the address for everything that comes after."""

    def __init__(self, tools: Tools) -> None:
        self._addresses = Addresses(tools.settings.trusted_proxies)
        self._limiter = tools.limits.address

    async def check(self, visit: Visit) -> Answer:
        visit.address = self._addresses.client(visit.peer, visit.header_values("x-forwarded-for"))
        state = await self._limiter.take(bucket(visit.address))
        if state.admitted:
            return None
        return Deny(
            code="address_limited",
            detail="Too many requests from this address.",
            status=429,
            headers=limit_headers("address", state),
        )
