"""Limits of one user: requests, turns at once, open streams. They hold on every address and device together."""

from doorward.front_door.check import Answer, Tools
from doorward.front_door.rate_headers import limit_headers
from doorward.front_door.visit import Visit
from doorward.model.verdicts import Deny
from doorward.ports.limits import Gate


class UserLimits:
    """What was entered is left when the answer is finished, however it ends."""

    def __init__(self, tools: Tools) -> None:
        self._requests = tools.limits.user
        self._turns = tools.limits.turns
        self._waiting = tools.limits.waiting
        self._streams = tools.limits.streams

    async def check(self, visit: Visit) -> Answer:
        key, route = visit.user_key, visit.route
        if not key or route is None:
            return None
        state = await self._requests.take(key)
        visit.limits.append(("user", state))
        if not state.admitted:
            return Deny(
                code="user_limited",
                detail="Too many requests.",
                status=429,
                headers=limit_headers("user", state),
            )
        if route.turn and not _enter(self._turns, visit):
            return _full("too_many_turns", "Too many turns of yours run at once.")
        if route.shares_turns and not _enter(self._waiting, visit):
            return _full("too_many_waiting", "Too many chat requests of yours are open.")
        # A GET that streams does so whatever it accepts; the chat streams only when asked to.
        streams = route.stream and (route.method == "GET" or visit.wants_stream())
        if streams and not _enter(self._streams, visit):
            return _full("too_many_streams", "Too many streams of yours are open.")
        return None


def _enter(gate: Gate, visit: Visit) -> bool:
    key = visit.user_key
    if not gate.enter(key):
        return False
    visit.on_close(lambda: gate.leave(key))
    return True


def _full(code: str, detail: str) -> Deny:
    return Deny(code=code, detail=detail, status=429, headers={"retry-after": "1"})
