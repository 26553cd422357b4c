"""Behind the checks: what an operator asks of the runtime, as JSON."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from doorward.agent_door.visit import Operation, Visit
from doorward.errors import InvalidInput
from doorward.ports.agent import Operations


class EndSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``endsession``: whose session (the user's key), and which."""

    owner: Annotated[str, Meta(min_length=1, max_length=200)]
    session_id: Annotated[str, Meta(min_length=1, max_length=100)]


class Ended(Struct, frozen=True):
    """Its answer."""

    ended: bool


async def operate(operations: Operations, visit: Visit) -> object:
    """Do it, and say what came of it. Raises what `Operations` raises, and `InvalidInput` (``invalid_body``)."""
    match visit.operation:
        case Operation.STATE:
            return await operations.state()
        case Operation.END:
            try:
                which = msgspec.json.decode(visit.body, type=EndSession)
            except msgspec.DecodeError:
                raise InvalidInput("The body names an owner and a session_id.", code="invalid_body") from None
            return Ended(await operations.end_session(which.owner, which.session_id))
        case Operation.STOP_AGENT:
            await operations.stop_agent(visit.agent)
        case Operation.ALLOW_AGENT:
            await operations.allow_agent(visit.agent)
    return {}
