"""Is this event from our own API? Keeps out those of other APIs and other stages, where another authorizer may stand,
or none. It keeps out no forger: what is compared is known to everybody in the account."""

from doorward.front_door.check import Answer
from doorward.front_door.visit import Visit
from doorward.model.verdicts import Deny


class OwnApi:
    """`api` is ``ACCOUNT:API/STAGE``, as the template names it; empty: not asked."""

    def __init__(self, api: str) -> None:
        self._api = api

    async def check(self, visit: Visit) -> Answer:
        if not self._api or visit.api == self._api:
            return None
        return Deny(code="api_not_allowed", detail="This is not taken from that API.", status=403)
