"""AP-HTP-07: clients that take their time."""

import time

from doorward.probe import slow
from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.surface import is_open_to_users

_KEY = "slow-clients"


class SlowClients(Attack):
    """Slow headers and slow bodies: each connection has to be closed, and others must not wait meanwhile."""

    id = "AP-HTP-07"
    title = "Slow clients"
    sources = ("API4", "CWE-400", "RFC 9112 9.5")
    does = (
        "Opens connections that send their headers or their body one byte at a time, and waits for them to be closed."
    )
    mend = "Give headers and bodies deadlines of their own, in front of the server if it has none."
    order = 89

    async def prepare(self, lab: Lab) -> None:
        """Begin early: what takes long can run beside the other attacks."""
        await lab.once(_KEY, lambda: slow.start(lab))

    async def control(self, lab: Lab) -> Finding | None:
        """Other clients have to be served in the meantime."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        clients = await lab.once(_KEY, lambda: slow.start(lab))
        started = time.monotonic()
        waited = await is_open_to_users(lab)
        seconds = time.monotonic() - started
        if waited is not None or seconds > slow.PATIENCE / 3:
            return succeeded(f"While {2 * slow.EACH} slow clients were connected, others were not served in time.")
        results = await clients.results()
        still = [one for one in results if not one.closed]
        if still:
            names = " and ".join(sorted({one.name for one in still}))
            return succeeded(
                f"{len(still)} of {len(results)} connections with {names} were still open after {slow.PATIENCE:.0f} s.",
                still[0].reply,
                connections=float(len(results)),
                open=float(len(still)),
            )
        longest = max(one.reply.seconds for one in results)
        if await is_open_to_users(lab) is not None:
            return inconclusive("Users were no longer served afterwards.")
        return blocked(
            f"All {len(results)} slow connections were closed, the last after {longest:.1f} s; others did not wait.",
            results[0].reply,
            results[1].reply,
            connections=float(len(results)),
            longest=round(longest, 1),
        )
