"""AP-SES-04: reading on in another user's stream."""

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, inconclusive
from doorward.probe.lab import Lab
from doorward.probe.sessions import away_with, begin, lacks_history, turn_path
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Header

_SSE: Header = ("Accept", "text/event-stream")


class ResumedStream(Attack):
    """The events of a turn are its user's, from whatever event on."""

    id = "AP-SES-04"
    title = "Resuming another user's stream"
    sources = ("API1", "CWE-639", "MCP Security Best Practices")
    does = "Asks as the second user, and as nobody, for the events of the first user's turn after several event ids."
    mend = "Find a stream by its user and its id together."

    async def applies(self, lab: Lab) -> str:
        return lacks_history(lab) or ("" if lab.target.turns else "The target's streams cannot be resumed.")

    async def attack(self, lab: Lab) -> Finding:
        conversation = await begin(lab)
        url = turn_path(lab, conversation.turn_id, "/events")
        proper = await lab.wire.send("GET", url, [await lab.bearer(), _SSE, ("Last-Event-ID", "0")])
        if not conversation.turn_id or not ok(proper):
            return inconclusive("The first user cannot read on in an own turn.", proper)
        trials = []
        for last in ("", "0", "1", "2", "999999", "-1", conversation.turn_id):
            resume: list[Header] = [_SSE, ("Last-Event-ID", last)] if last else [_SSE]
            for name, who in (("the second user", [await lab.bearer(1)]), ("nobody", list[Header]())):
                reply = await lab.wire.send("GET", url, [*who, *resume])
                trials.append(Trial(f"{name} after event {last or '(none)'}", reply, ok(reply)))
        query = await lab.wire.send("GET", f"{url}?after=0", [await lab.bearer(1), _SSE])
        trials.append(Trial("the second user by after=0", query, ok(query)))
        await away_with(lab, conversation)
        return await judged(
            lab,
            trials,
            held="Nobody but its user can read on in a turn.",
            broken="A stream was resumed by",
        )
