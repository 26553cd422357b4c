"""Finds the operation and the agent. What is not listed here is denied: `commands` and `ws` are second ways into a
session, so this door has neither."""

from doorward.agent_door.memory.paths import find_memory
from doorward.agent_door.visit import Operation, Visit
from doorward.errors import InvalidInput
from doorward.http.paths import split_path
from doorward.model.verdicts import Deny, Verdict

_OPERATIONS = {
    "invocations": Operation.INVOKE,
    "stopruntimesession": Operation.STOP,
    "resumeinvocation": Operation.RESUME,
    "listsessions": Operation.STATE,
    "endsession": Operation.END,
    "stopagent": Operation.STOP_AGENT,
    "allowagent": Operation.ALLOW_AGENT,
}
_QUALIFIER = "DEFAULT"
_REMEMBERED = 256


class Route:
    """Bedrock AgentCore's data plane: ``POST /runtimes/{arn}/invocations?qualifier=DEFAULT``, the same with an id and
    ``accountId``, ``.../stopruntimesession``; of our own ``.../resumeinvocation``, which reads the answer of a turn's
    call again, and the four of operators; Memory's events (`memory.paths`); and ``GET /ping`` for health checks.

    An ARN of another house is not told apart from an agent that this caller may not invoke: `visit.agent` stays empty.
    """

    def __init__(self, *, region: str, account: str) -> None:
        self._account = account
        self._prefix = f"arn:aws:bedrock-agentcore:{region}:{account}:runtime/"
        self._memories = f"arn:aws:bedrock-agentcore:{region}:{account}:memory/"
        # The same few targets come again and again; what was read once is not read anew.
        self._known: dict[tuple[bytes, bytes], tuple[tuple[str, ...], Operation, str]] = {}

    async def check(self, visit: Visit) -> Verdict | None:
        request = visit.request
        known = self._known.get((request.raw_path, request.query_string))
        if known is None or request.method != "POST":
            return self._read(visit)
        request.segments, visit.operation, visit.agent = known
        visit.arn = self._prefix + visit.agent
        return None

    def _read(self, visit: Visit) -> Verdict | None:
        request = visit.request
        segments = request.segments = split_path(request.raw_path, slash_in_segment=True)
        if segments == ("ping",) and request.method == "GET":
            visit.operation = Operation.PING
            return None
        if segments[:1] == ("memories",) and find_memory(visit, segments, self._memories):
            return None
        if len(segments) != 3 or segments[0] != "runtimes" or segments[2] not in _OPERATIONS:
            return _unknown()
        if request.method == "OPTIONS" and visit.origin is not None:
            visit.operation = Operation.PREFLIGHT
            return None
        if request.method != "POST":
            return _unknown()
        visit.operation = _OPERATIONS[segments[2]]
        self._find_agent(visit, segments[1])
        if visit.agent:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[request.raw_path, request.query_string] = (segments, visit.operation, visit.agent)
        return None

    def _find_agent(self, visit: Visit, named: str) -> None:
        query = visit.request.query()
        if not query.keys() <= {"qualifier", "accountId"}:
            raise InvalidInput("The query takes qualifier and accountId only.", code="invalid_query")
        if query.get("qualifier", _QUALIFIER) != _QUALIFIER or query.get("accountId", self._account) != self._account:
            return
        if named.startswith(self._prefix):
            visit.agent = named[len(self._prefix) :]
        elif "accountId" in query and "/" not in named and ":" not in named:
            visit.agent = named
        visit.arn = self._prefix + visit.agent if visit.agent else ""


def _unknown() -> Deny:
    return Deny(code="operation_denied", detail="This door does not take that operation.")
