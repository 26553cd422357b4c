"""Where a user's own token opened the door, the door itself mints the turn token: the agent never sees the user's."""

import uuid

from doorward.agent_door.visit import Visit
from doorward.model.principals import TurnIdentity, User
from doorward.model.secret import Secret
from doorward.model.verdicts import Deny, Verdict
from doorward.ports.clock import Clock
from doorward.ports.identity import TurnTokens

ACTOR = "agent-door"


class MintsTurn:
    """Whatever the client says in the headers of services about a user or a turn is not read (AP-BYP-07)."""

    def __init__(self, tokens: TurnTokens, *, lifetime: float, clock: Clock) -> None:
        self._tokens = tokens
        self._lifetime = lifetime
        self._clock = clock

    async def check(self, visit: Visit) -> Verdict | None:
        user = visit.principal
        if not isinstance(user, User):
            return Deny(code="unauthenticated", detail="A user is needed.", status=401)
        visit.turn = TurnIdentity(
            issuer=user.issuer,
            subject=user.subject,
            actor=ACTOR,
            session_id=visit.session_id,
            turn_id=str(uuid.uuid4()),
            audience=visit.arn,
            expires_at=self._clock() + self._lifetime,
        )
        visit.turn_token = Secret(self._tokens.mint(visit.turn))
        return None
