"""AP-BYP-05."""

from msgspec.structs import replace

from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.signed_call import SignedAttack, send, signed

_COPIES = 6


class Replay(SignedAttack):
    """A captured signed call, sent again."""

    id = "AP-BYP-05"
    title = "Replay of a captured signed call"
    sources = ("API2", "RFC 9449 11.1", "ASI07")
    does = "Sends a service's signed call twice, with another unsigned header, to another operation, and six at once."
    mend = "Remember each signature, durably, for as long as its time allows it."

    async def attack(self, lab: Lab) -> Finding:
        """Of each call one copy may run the agent."""
        call, race = signed(lab), signed(lab)
        stop = replace(call, url=call.url.replace("/invocations", "/stopruntimesession"))
        first = await send(lab, call)
        copies = {
            "the same bytes": call,
            "another User-Agent": call.with_header("User-Agent", "somebody else"),
            "another operation": stop,
        }
        counted = await lab.counted(lambda: lab.together([send(lab, copy) for copy in copies.values()]))
        racing = await lab.counted(lambda: lab.together([send(lab, race) for _ in range(_COPIES)]))
        again = [name for name, reply in zip(copies, counted.replies, strict=True) if 200 <= reply.status < 300]
        if again or lab.ran(counted):
            return succeeded(f"A captured call was taken again: {'; '.join(again)}.", first, *counted.replies[:2])
        ran = sum(lab.answered(reply) for reply in racing.replies)
        if ran > 1 or (racing.runs or 0) > 1:
            return succeeded(f"Of {_COPIES} copies at once {ran} were answered.", *racing.replies[:3])
        if not lab.answered(first) or ran != 1:
            return inconclusive("A first, proper call was not answered.", first, *racing.replies[:1])
        if any(reply.status >= 500 for reply in [*counted.replies, *racing.replies]):
            return inconclusive("No copy was answered twice, but an error came back.", *racing.replies[:2])
        sentence = f"Copies were refused one by one, and of {_COPIES} at once one was answered. No restart was tried."
        return blocked(sentence, first, counted.replies[0])
