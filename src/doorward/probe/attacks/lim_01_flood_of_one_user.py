"""AP-LIM-01: one user who floods."""

import time

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.limits import Advertised, advertised
from doorward.probe.surface import guarded, is_open_to_users
from doorward.probe.trials import ok
from doorward.probe.wire import Reply

_MOST = 2000
_UNKNOWN = 300
_BEYOND = 60
_STRAIGHT = 120


class FloodOfOneUser(Attack):
    """No more may be admitted than the limit and what it gives back meanwhile; other users must not notice."""

    id = "AP-LIM-01"
    title = "Flood of one user"
    sources = ("API4", "LLM10", "CWE-770")
    does = "Sends the second user's requests as fast as it can until the advertised limit is passed, 2,000 at most."
    mend = "Limit requests per user, on all addresses and devices together, and count before any work is done."
    order = 82

    async def applies(self, lab: Lab) -> str:
        return (
            ""
            if len(lab.target.users) > 1
            else "The target names no second user, so nobody can flood beside the first."
        )

    async def control(self, lab: Lab) -> Finding | None:
        """The first user has to be served."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        bearer = await lab.bearer(1)
        first = await guarded(lab).send(lab, [bearer])
        limit = advertised(first)
        count = _how_many(lab, limit)
        started = time.monotonic()
        replies = await lab.together([guarded(lab).send(lab, [bearer]) for _ in range(count)])
        seconds = time.monotonic() - started
        admitted = [reply for reply in replies if ok(reply)]
        refused = [reply for reply in replies if reply.status == 429]
        other = await is_open_to_users(lab)
        if other is not None:
            return succeeded("While one user flooded, another one was not served.", *other.evidence)
        figures = {"requests": float(count), "admitted": float(len(admitted)), "seconds": round(seconds, 2)}
        if not refused:
            said = f"although the limit is {limit.quota}" if limit else "and no limit is advertised"
            return succeeded(
                f"All {len(admitted)} requests of one user in {seconds:.1f} s were served, {said}.",
                *replies[:1],
                **figures,
            )
        return _counted(limit, replies, refused, figures)


def _counted(
    limit: Advertised | None, replies: list[Reply], refused: list[Reply], figures: dict[str, float]
) -> Finding:
    admitted = int(figures["admitted"])
    if len(refused) + admitted < len(replies):
        odd = [reply for reply in replies if not ok(reply) and reply.status != 429]
        return inconclusive(f"{len(odd)} requests of the flood were neither served nor refused as too many.", *odd[:3])
    known = limit or advertised(refused[0])
    if known is None:
        return blocked(
            f"One user's flood was stopped after {admitted} requests; others were served.", refused[0], **figures
        )
    most = known.quota + int(figures["seconds"] * known.quota / known.window) + 1
    if admitted > most:
        return succeeded(f"{admitted} requests were served where {most} are allowed.", refused[0], **figures)
    return blocked(
        f"{admitted} of one user's {len(replies)} requests were served, {known.quota} are allowed; others were served.",
        refused[0],
        **figures,
    )


def _how_many(lab: Lab, limit: Advertised | None) -> int:
    """Fewer where each one runs the agent."""
    if limit is not None:
        return min(_MOST, limit.remaining + _BEYOND)
    return _UNKNOWN if lab.target.whoami else _STRAIGHT
