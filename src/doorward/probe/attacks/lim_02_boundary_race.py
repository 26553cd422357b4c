"""AP-LIM-02: many requests at the last place."""

import asyncio
import math
import time

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.limits import Advertised, advertised
from doorward.probe.surface import guarded, is_open_to_users
from doorward.probe.trials import ok

_LAST = 4
_RACE = 48
_ROUNDS = 12
_MOST = 1000


class BoundaryRace(Attack):
    """When a few places are left, exactly those few may be given away, however many ask at once."""

    id = "AP-LIM-02"
    title = "Race at the limit"
    sources = ("API4", "CWE-362", "CWE-367")
    does = "Uses up the second user's limit but for a few requests, then sends 48 at once."
    mend = "Count and decide in one step that nothing can come between."
    order = 83

    async def applies(self, lab: Lab) -> str:
        if len(lab.target.users) < 2:
            return "The target names no second user whose limit could be used up."
        if advertised(await guarded(lab).send(lab, [await lab.bearer(1)])) is None:
            return "The target advertises no limit, so there is no last place to race for."
        return ""

    async def control(self, lab: Lab) -> Finding | None:
        """The first user has to be served."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        request, bearer = guarded(lab), await lab.bearer(1)
        last = await _to_the_last(lab)
        if isinstance(last, Finding):
            return last
        left, limit = last.remaining, last
        started = time.monotonic()
        race = await lab.together([request.send(lab, [bearer]) for _ in range(_RACE)], at_once=_RACE)
        back = _given_back(limit, time.monotonic() - started) + 1
        admitted = [reply for reply in race if ok(reply)]
        refused = [reply for reply in race if reply.status == 429]
        figures = {"left": float(left), "given_back": float(back), "admitted": float(len(admitted))}
        if len(admitted) > left + back:
            return succeeded(
                f"{len(admitted)} of {_RACE} requests at once were admitted where {left} places were left and at most "
                f"{back} came back.",
                *admitted[:2],
                **figures,
            )
        if not refused:
            return inconclusive(f"None of {_RACE} requests at once was refused as one too many.", *race[:2])
        return blocked(
            f"{len(admitted)} of {_RACE} requests at once were admitted: {left} were left, {back} at most came back.",
            refused[0],
            **figures,
        )


async def _to_the_last(lab: Lab) -> Advertised | Finding:
    """Use the limit up but for a few places; the limit as it then is. A finding when many requests at once cost less
    than they should, which is the same race, or when the limit cannot be brought there."""
    request, bearer = guarded(lab), await lab.bearer(1)
    before, spent, since = 0, 0, time.monotonic()
    for _ in range(_ROUNDS):
        now = await request.send(lab, [bearer])
        limit = advertised(now)
        if limit is None or limit.quota > _MOST:
            return inconclusive("The limit could not be brought to its last places within the bounds.", now)
        if not ok(now):  # used up by another attack: a few places come back with time
            await asyncio.sleep(min(2.0, _LAST * limit.window / limit.quota))
            spent = 0
            continue
        lost = spent - (before - limit.remaining) - _given_back(limit, time.monotonic() - since)
        if spent and lost > max(_LAST, spent // 4):
            return succeeded(f"{spent} requests at once were counted as {spent - lost}.", now, lost=float(lost))
        if limit.remaining <= 2 * _LAST:
            return limit
        before, since = limit.remaining, time.monotonic()
        replies = await lab.together([request.send(lab, [bearer]) for _ in range(limit.remaining - _LAST + 1)])
        spent = sum(ok(reply) for reply in replies)
    return inconclusive("The limit could not be brought to its last places.")


def _given_back(limit: Advertised, seconds: float) -> int:
    return math.ceil(seconds * limit.quota / limit.window)
