"""Many variations of one attack, judged together. Attacks hand in what they tried; here it becomes one finding."""

from collections.abc import Sequence

from msgspec import Struct

from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.wire import Reply

_SHOWN = 3
_NOT_SPOKEN = (501, 505)  # a method or version of HTTP that the target does not speak: a refusal


class Trial(Struct, frozen=True):
    """One variation: what it was, in words that stand in a sentence; what came back; whether it got through."""

    name: str
    reply: Reply
    through: bool = False


async def judged(lab: Lab, trials: Sequence[Trial], *, held: str, broken: str) -> Finding:
    """`held` is the sentence when nothing got through, `broken` the one before the names of those that did.

    A server error is never a defence, and a dropped connection is one only while the target still answers others.
    """
    through = [trial for trial in trials if trial.through]
    if through:
        return succeeded(
            f"{broken}: {named(through)}.", *_replies(through), tries=float(len(trials)), through=float(len(through))
        )
    failed = [trial for trial in trials if trial.reply.status >= 500 and trial.reply.status not in _NOT_SPOKEN]
    if failed:
        return inconclusive(f"The target failed instead of refusing: {named(failed)}.", *_replies(failed))
    if any(trial.reply.status == 0 for trial in trials):
        alive = await still_works(lab)
        if not alive:
            return succeeded("After the attack the target no longer answers its users.", *_replies(trials))
    return blocked(held, *_replies(trials), tries=float(len(trials)))


async def still_works(lab: Lab) -> bool:
    """Whether the first user is still served."""
    return ok(await lab.present([await lab.bearer()]))


def ok(reply: Reply) -> bool:
    """Whether this is a success."""
    return 200 <= reply.status < 300


def named(trials: Sequence[Trial]) -> str:
    """The names of the first few, and how many more there are."""
    names = list(dict.fromkeys(trial.name for trial in trials))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more


def _replies(trials: Sequence[Trial]) -> list[Reply]:
    return [trial.reply for trial in trials[:_SHOWN]]
