"""Takes a user's own token. Only in the patterns `direct` and `front-door`, whose gap this is."""

import re

from doorward.agent_door.visit import Visit
from doorward.errors import Unauthenticated
from doorward.model.verdicts import Deny, Verdict
from doorward.ports.identity import TokenVerifier

_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] ([A-Za-z0-9._~+/=-]{1,8192})")


class UserToken:
    """``Authorization: Bearer`` and nothing else; 401 with ``WWW-Authenticate`` (RFC 6750) when it does not hold."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def check(self, visit: Visit) -> Verdict | None:
        parsed = _BEARER.fullmatch(visit.request.headers.get("authorization", ""))
        if parsed is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="agent door"'}
            return Deny(code="unauthenticated", detail="A bearer token is needed.", status=401, headers=challenge)
        try:
            visit.principal = await self._verifier.verify(parsed[1])
        except Unauthenticated as refused:
            challenge = {"WWW-Authenticate": 'Bearer realm="agent door", error="invalid_token"'}
            return Deny(code=refused.code, detail=refused.message, status=401, headers=challenge)
        return None
