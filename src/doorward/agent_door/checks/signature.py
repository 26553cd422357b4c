"""Proves which workload signed this request, body included."""

import re
from collections.abc import Iterable

from msgspec import Struct

from doorward.agent_door.visit import REQUEST_ID, Visit
from doorward.errors import Unauthenticated
from doorward.identity import sigv4
from doorward.model.principals import Workload
from doorward.model.secret import Secret
from doorward.model.verdicts import Deny, Verdict

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


class WorkloadKey(Struct, frozen=True):
    """A workload and the secret of its key."""

    workload: Workload
    secret: Secret


class Signature:
    """INVARIANT: an unknown key id and a wrong signature cannot be told apart (`sigv4.prove`)."""

    def __init__(self, keys: Iterable[WorkloadKey]) -> None:
        self._keys = {key.workload.key_id: key for key in keys}

    async def check(self, visit: Visit) -> Verdict | None:
        if visit.claim is None:
            return Deny(code="signature_missing", detail="The request is not signed.")
        try:
            key_id = sigv4.prove(visit.claim, visit.body, self._secret_for)
        except Unauthenticated as refused:
            return Deny(code=refused.code, detail=refused.message)
        visit.principal = self._keys[key_id].workload
        named = visit.header(REQUEST_ID)
        if named is not None and _REQUEST_ID.fullmatch(named):
            visit.request_id = visit.request.id = named
        return None

    def _secret_for(self, key_id: str) -> Secret | None:
        key = self._keys.get(key_id)
        return None if key is None else key.secret
