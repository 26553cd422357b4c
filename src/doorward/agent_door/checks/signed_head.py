"""Reads the signature's claim from the head, before the body is read: a user's token is refused here (AP-BYP-01)."""

from doorward.agent_door.visit import Visit
from doorward.errors import Unauthenticated
from doorward.identity import sigv4
from doorward.model.verdicts import Deny, Verdict
from doorward.ports.clock import Clock


class SignedHead:
    """Form, scope, time and coverage of the signature. Nothing is proven yet."""

    def __init__(self, *, region: str, skew: float, clock: Clock) -> None:
        self._region = region
        self._skew = skew
        self._clock = clock

    async def check(self, visit: Visit) -> Verdict | None:
        request = visit.request
        if not request.headers.get("authorization", sigv4.ALGORITHM).startswith(sigv4.ALGORITHM):
            return Deny(code="workload_only", detail="This door takes a workload's AWS4-HMAC-SHA256 signature only.")
        head = sigv4.Head(
            request.method,
            request.raw_path.decode("latin-1"),
            request.query_string.decode("latin-1"),
            tuple(request.headers.items()),
        )
        try:
            visit.claim = sigv4.read_claim(head, region=self._region, now=self._clock(), skew=self._skew)
        except Unauthenticated as refused:
            return Deny(code=refused.code, detail=refused.message)
        return None
