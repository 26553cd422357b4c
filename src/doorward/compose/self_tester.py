"""The self-test, in a process of its own: ``python -m doorward.compose.self_tester`` with its orders on stdin.

`compose.self_test` starts it. It runs the short attacks, writes one entry into the gateway's ledger, prints one line,
and removes the conversations that its own chats have made.
"""

import asyncio
import os
import sys
import time
from collections import Counter

import msgspec
from msgspec.structs import replace

from doorward.compose.auditing import SELF_TEST_DOOR, append
from doorward.compose.expecting import GAP
from doorward.compose.probe_house import CANARY, target_of
from doorward.compose.settings import decode_secret
from doorward.model.ledger import LedgerEntry
from doorward.model.settings import Settings
from doorward.probe.catalogue import all_attacks
from doorward.probe.finding import Result
from doorward.probe.lab import Lab
from doorward.probe.runner import Report, attack_all
from doorward.probe.target import Target
from doorward.probe.wire import Bounds, ProbeError

_NICE = 10
_SECONDS = 30.0


def main() -> None:
    """Read the orders, test, write, say."""
    orders = msgspec.json.decode(sys.stdin.buffer.read())
    settings = msgspec.convert(orders["settings"], Settings, dec_hook=decode_secret)
    rehearsed = settings.agent.model == "rehearsal" and not settings.agent.file
    target = target_of(orders["ready"], canary=CANARY if rehearsed else "")
    os.nice(_NICE)  # users come first
    report = asyncio.run(_tested(target))
    asyncio.run(append(settings, entry_of(report, at=time.time())))
    sys.stdout.write(sentence_of(report) + "\n")


def entry_of(report: Report, *, at: float) -> LedgerEntry:
    """What the ledger keeps of it. A test in which nothing was blocked has shown nothing, and counts as failed."""
    failed = LedgerEntry(
        door=SELF_TEST_DOOR,
        verdict="deny",
        code="self_test_failed",
        principal="probe",
        action="self_test",
        resource=_counts(report),
        at=at,
    )
    return replace(failed, verdict="allow", code="self_test_passed") if _passed(report) else failed


def sentence_of(report: Report) -> str:
    """The line for whoever started the house."""
    through = [row.id for row in report.rows if row.result is Result.SUCCEEDED]
    line = f"Self-test: {_counts(report)} in {report.ended - report.started:.1f} s."
    if not through:
        return line if _passed(report) else f"{line} Nothing was shown."
    line += f" What gets through: {', '.join(through)}"
    known = all((id_, report.pattern) in GAP for id_ in through)
    return f"{line} (the known gap of pattern {report.pattern})." if known else f"{line}. Run doorward probe."


def _passed(report: Report) -> bool:
    results = Counter(row.result for row in report.rows)
    return not results[Result.SUCCEEDED] and results[Result.BLOCKED] > 0


def _counts(report: Report) -> str:
    results = Counter(row.result for row in report.rows)
    return ", ".join(f"{results[result]} {result.value}" for result in Result if results[result])


async def _tested(target: Target) -> Report:
    lab = Lab(target, Bounds(seconds=_SECONDS))
    report = await attack_all(lab, [attack for attack in all_attacks() if attack.short])
    await _tidy(lab)
    return report


async def _tidy(lab: Lab) -> None:
    """Nobody wants to find the conversations of a test among their own."""
    target = lab.target
    try:
        for session_id in lab.sessions if target.history else ():
            url = f"{target.front_door}{target.history}/{session_id}"
            await lab.wire.send("DELETE", url, [await lab.bearer()])
    except ProbeError:
        return  # the house went down meanwhile


if __name__ == "__main__":
    main()
