"""What every attack is: its papers, its control and the attack itself."""

from typing import ClassVar

from doorward.probe.finding import Finding, inconclusive, not_applicable
from doorward.probe.lab import Lab
from doorward.probe.wire import ProbeError


class Attack:
    """Base of all attacks. A subclass states its papers and overrides `attack`; `applies` and `control` where needed.

    `id` is the id of the threat catalogue (``AP-BYP-01``). `sources` are ids of published lists and RFCs (``LLM10``,
    ``API2``, ``ASI03``, ``RFC 8725 3.9``). `does` says what the attack does, `mend` what to do when it succeeds.
    `short` attacks are part of the self-test after start-up. `order` sorts: attacks that exhaust limits come last.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    sources: ClassVar[tuple[str, ...]]
    does: ClassVar[str]
    mend: ClassVar[str]
    short: ClassVar[bool] = False
    order: ClassVar[int] = 50

    async def run(self, lab: Lab) -> Finding:
        """Whether it applies, then the control, then the attack. A target that does not answer is `INCONCLUSIVE`."""
        try:
            reason = await self.applies(lab)
            if reason:
                return not_applicable(reason)
            failed = await self.control(lab)
            if failed is not None:
                return failed
            return await self.attack(lab)
        except ProbeError as error:
            return inconclusive(f"The target did not play along: {error}")

    async def prepare(self, lab: Lab) -> None:
        """Called for every attack before the first one runs: one that waits long begins here, in the background."""

    async def applies(self, lab: Lab) -> str:
        """Empty when the target has what this attack is about, else a sentence that says what it lacks."""
        del lab
        return ""

    async def control(self, lab: Lab) -> Finding | None:
        """The same request made properly. None when it succeeds, else the `inconclusive` finding. By default the
        normal chat of the first user has to be answered."""
        return await lab.chat_works()

    async def attack(self, lab: Lab) -> Finding:
        """Do it, and judge by what happened: runs of the agent where they can be counted, not only status codes."""
        raise NotImplementedError
