"""Which operation of Memory's data plane a path means, and of what: AgentCore's own paths, events only.

Long-term records (``/memoryRecords``, ``/retrieve``) and jobs are not served: those paths are denied as any other that
is not listed.
"""

import re

from doorward.agent_door.visit import MemoryTarget, Operation, Visit
from doorward.errors import InvalidInput

# As AgentCore's model has them (botocore, service bedrock-agentcore).
MEMORY_ID = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,99}-[a-zA-Z0-9]{10}")
ACTOR = re.compile(r"(?=.{1,255}\Z)[a-zA-Z0-9][a-zA-Z0-9/_-]*(?::[a-zA-Z0-9/_-]+)*")
SESSION = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}")
EVENT = re.compile(r"[0-9]{1,32}#[a-fA-F0-9]{1,64}")

_BY_LENGTH = {
    (3, "POST", "events"): Operation.CREATE_EVENT,
    (3, "POST", "actors"): Operation.LIST_ACTORS,
    (5, "POST", "sessions"): Operation.LIST_SESSIONS,
    (6, "POST", "sessions"): Operation.LIST_EVENTS,
    (8, "GET", "sessions"): Operation.GET_EVENT,
    (8, "DELETE", "sessions"): Operation.DELETE_EVENT,
}


def find_memory(visit: Visit, segments: tuple[str, ...], arn_prefix: str) -> bool:
    """Set `operation`, `memory` and `arn` of the visit. False for what is no operation of Memory.

    Raises `InvalidInput` (``invalid_memory_path``) for an id that AgentCore would not take. An ARN of another house
    names no memory: `memory.memory` is empty, and no grant holds for it.
    """
    operation = _operation(segments, visit.request.method)
    if operation is None or visit.request.query_string:
        return False
    named = segments[1].removeprefix(arn_prefix)
    actor, session, event = (segments[place] if len(segments) > place else "" for place in (3, 5, 7))
    _checked(named.rpartition("/")[2], MEMORY_ID, "memoryId")
    _checked(actor, ACTOR, "actorId")
    _checked(session, SESSION, "sessionId")
    _checked(event, EVENT, "eventId")
    memory = named if MEMORY_ID.fullmatch(named) else ""
    visit.operation = operation
    visit.memory = MemoryTarget(memory, actor, session, event)
    visit.arn = arn_prefix + memory if memory else ""
    return True


def _operation(segments: tuple[str, ...], method: str) -> Operation | None:
    length = len(segments)
    if length > 3 and segments[2] != "actor":
        return None
    if length == 8 and segments[6] != "events":
        return None
    return _BY_LENGTH.get((length, method, segments[4] if length > 4 else segments[-1]))


def _checked(value: str, pattern: re.Pattern[str], name: str) -> None:
    if value and not pattern.fullmatch(value):
        raise InvalidInput(f"The {name} is not one that AgentCore Memory takes.", code="invalid_memory_path")
