"""AP-BYP-09."""

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.forgery import take_apart, unsigned
from doorward.probe.lab import Lab
from doorward.probe.token_attack import has_front_door
from doorward.probe.wire import Header, ProbeError, Reply

_EACH = 5


class CostOfRefusals(Attack):
    """What the other bypasses cost the owner."""

    id = "AP-BYP-09"
    title = "Denial of wallet around the front door"
    sources = ("LLM10", "AML.T0034", "API4")
    does = "Calls the agent directly with a user's token, a forged one and none, and the front door with bad ones."
    mend = "Refuse before the agent runs, at the agent too, and enforce budgets in both places."
    order = 70

    async def attack(self, lab: Lab) -> Finding:
        """Count the runs that these calls bought; each of them should have been refused, or limited, before a run."""
        good, bad = await lab.bearer(), ("Authorization", await _forged(lab))
        direct = await lab.counted(lambda: _at_agent(lab, [[good], [bad], []]))
        front = await lab.counted(lambda: _at_front_door(lab, [[bad], []]))
        replies = [*direct.replies, *front.replies]
        answered = sum(lab.answered(reply) for reply in replies)
        runs = answered if direct.runs is None or front.runs is None else direct.runs + front.runs
        cost = round(runs * lab.target.price_per_run, 4)
        if runs or answered:
            opened = [reply for reply in replies if lab.answered(reply)]
            price = f"{cost} {lab.target.currency} at {lab.target.price_per_run} each"
            sentence = f"{runs:.0f} of {len(replies)} calls that no limit saw ran the agent: {price}."
            return succeeded(sentence, *opened[:2], agent_runs=runs, calls=len(replies), cost=cost)
        failed = [reply for reply in replies if reply.status >= 500]
        if failed:
            return inconclusive("The agent did not run, but an error of the server came back.", *failed[:2])
        return blocked(
            f"{len(replies)} refused calls bought no run of the agent.", *replies[:1], agent_runs=0, calls=len(replies)
        )


async def _forged(lab: Lab) -> str:
    jwt = take_apart((await lab.tokens()).access.reveal())
    return "Bearer probe" if jwt is None else f"Bearer {unsigned(jwt)[0].token}"


async def _at_agent(lab: Lab, credentials: list[list[Header]]) -> list[Reply]:
    try:
        lab.agent_urls()
    except ProbeError:
        return []
    return await lab.together([lab.knock(headers) for headers in credentials for _ in range(_EACH)], at_once=4)


async def _at_front_door(lab: Lab, credentials: list[list[Header]]) -> list[Reply]:
    if not has_front_door(lab):
        return []
    return await lab.together([lab.chat(headers) for headers in credentials for _ in range(_EACH)], at_once=4)
