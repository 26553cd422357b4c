"""Which session: the caller's id in the form that every AgentCore API takes, or a new one."""

import re
import uuid

from doorward.agent_door.visit import FOR_OPERATORS, SESSION_ID, Operation, Visit
from doorward.model.verdicts import Deny, Verdict

_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{32,99}")


class Session:
    """33-100 characters of ``[A-Za-z0-9-]``, the first alphanumeric. AgentCore makes a UUID when none is given."""

    async def check(self, visit: Visit) -> Verdict | None:
        if visit.operation in FOR_OPERATORS:  # about sessions, in none
            return None
        named = visit.request.headers.get(SESSION_ID)
        if named is None and visit.operation is Operation.INVOKE:
            visit.session_id = str(uuid.uuid4())
            return None
        if named is None or not _SESSION_ID.fullmatch(named):
            detail = "A session id has 33 to 100 characters of A-Z, a-z, 0-9 and hyphen, the first not a hyphen."
            return Deny(code="invalid_session_id", detail=detail, status=400)
        visit.session_id = named
        return None
