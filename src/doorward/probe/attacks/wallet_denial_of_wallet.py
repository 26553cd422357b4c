"""AP-WALLET: how many runs of the agent a flood with one user's token buys."""

import time
from collections.abc import Awaitable, Callable

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, Result
from doorward.probe.lab import Counted, Lab
from doorward.probe.surface import has_front_chat
from doorward.probe.wire import ProbeError, Reply

_REQUESTS = 60
_AT_ONCE = 16


class DenialOfWallet(Attack):
    """The same flood twice: through the front way, where limits are, and straight at the agent, around them."""

    id = "AP-WALLET"
    title = "Denial of wallet"
    sources = ("LLM10", "API4", "AML.T0034", "AML.T0034.002")
    does = "Sends 60 chats with one user's token, 16 at once, through the front door and then straight at the agent."
    mend = "Let the agent take workloads' credentials only, so that every run passes the limits of the front door."
    order = 99

    async def applies(self, lab: Lab) -> str:
        try:
            lab.agent_urls()
        except ProbeError:
            return "No address of the agent is known, so nothing can be sent around the front door."
        return ""

    async def attack(self, lab: Lab) -> Finding:
        bearer = await lab.bearer()
        started = time.monotonic()
        front = await _flood(lab, lambda: lab.chat([bearer])) if has_front_chat(lab) else None
        straight = await _flood(lab, lambda: lab.knock([bearer]))
        runs = _runs(lab, straight)
        figures = {
            "requests": float(_REQUESTS),
            "agent_runs": float(runs),
            "cost": round(runs * lab.target.price_per_run, 4),
            "seconds": round(time.monotonic() - started, 2),
        }
        through = ""
        if front is not None:
            figures["agent_runs_front"] = float(_runs(lab, front))
            through = f" Through the front door it bought {figures['agent_runs_front']:.0f}."
        price = f"{figures['cost']:.2f} {lab.target.currency}"
        shown = tuple(straight.replies[:1] + (front.replies[-1:] if front else []))
        if runs:
            sentence = f"A flood of {_REQUESTS} requests straight at the agent bought {runs} runs ({price}).{through}"
            return Finding(result=Result.SUCCEEDED, sentence=sentence, evidence=shown, figures=figures)
        sentence = f"A flood of {_REQUESTS} requests straight at the agent bought no run.{through}"
        return Finding(result=Result.BLOCKED, sentence=sentence, evidence=shown, figures=figures)


async def _flood(lab: Lab, send: Callable[[], Awaitable[Reply]]) -> Counted:
    async def act() -> list[Reply]:
        return await lab.together([send() for _ in range(_REQUESTS)], at_once=_AT_ONCE)

    return await lab.counted(act)


def _runs(lab: Lab, counted: Counted) -> int:
    """By the counter where there is one, else by the answers."""
    if counted.runs is not None:
        return int(counted.runs)
    return sum(lab.answered(reply) for reply in counted.replies)
