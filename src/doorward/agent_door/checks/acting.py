"""Whether this workload may act for the user that it names: a grant of its own, and a turn token (AP-BYP-08)."""

from doorward.agent_door.visit import TURN_TOKEN, USER_ID, Visit
from doorward.errors import Unauthenticated
from doorward.model.principals import Workload
from doorward.model.secret import Secret
from doorward.model.verdicts import Deny, Verdict
from doorward.ports.identity import TurnTokens


class ActsForUser:
    """INVARIANT: a user is named only with the grant, and a turn token that holds for this workload, this agent, this
    user and this session.

    So a token that another service was given is of no use with one's own key (``act``, RFC 8693 4.1). A turn token
    without a user id is refused as well: nobody is acted for silently.
    """

    def __init__(self, tokens: TurnTokens) -> None:
        self._tokens = tokens

    async def check(self, visit: Visit) -> Verdict | None:
        user_id = visit.request.headers.get(USER_ID)
        token = visit.request.headers.get(TURN_TOKEN)
        if user_id is None and token is None:
            return None
        if not (isinstance(visit.principal, Workload) and visit.principal.may_act_for_users):
            return _denied("act_for_user_denied", "Not authorized to act for a user.")
        if user_id is None or token is None:
            return _denied("turn_token_required", "Acting for a user needs a user id and a turn token.")
        try:
            turn = self._tokens.verify(token, audience=visit.arn)
        except Unauthenticated as refused:
            return _denied(refused.code, refused.message)
        if (turn.actor, turn.owner_key, turn.session_id) != (visit.principal.name, user_id, visit.session_id):
            return _denied("turn_token_mismatch", "The turn token is for another service, user or session.")
        visit.turn = turn
        visit.turn_token = Secret(token)
        return None


def _denied(code: str, detail: str) -> Deny:
    return Deny(code=code, detail=detail)
