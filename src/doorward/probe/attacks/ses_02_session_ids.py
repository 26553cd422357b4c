"""AP-SES-02: session ids that can be guessed, or that two users share."""

import math
import re

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.oauth import text_field
from doorward.probe.sessions import a_word, lacks_two_users, recall, tell
from doorward.probe.surface import has_front_chat
from doorward.probe.trials import ok

_IDS = 4
_BITS = 100


class SessionIds(Attack):
    """An id is either impossible to guess or, when a client chose it, a name within its user."""

    id = "AP-SES-02"
    title = "Guessable or shared session ids"
    sources = ("MCP Security Best Practices", "CWE-384", "CWE-340", "API1")
    does = "Uses a session id that the first user chose as the second user, and measures the ids that the target makes."
    mend = "Make ids with 128 random bits, and take a client's id only together with the user who sent it."

    async def applies(self, lab: Lab) -> str:
        if has_front_chat(lab) and not lab.target.chat.session_field:
            return "A chat of the target takes no session id."
        return lacks_two_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        chosen, word = lab.session_id(), a_word()
        mine, theirs = await lab.bearer(), await lab.bearer(1)
        told = await tell(lab, mine, word, chosen)
        known = await recall(lab, mine, chosen)
        if word not in known.text:
            return inconclusive("The agent does not remember within a session, so sessions cannot be told apart.", told)
        asked = await recall(lab, theirs, chosen)
        if word in asked.text:
            return succeeded(
                "The second user was told what the first had said, by using the same session id.", known, asked
            )
        if not ok(asked) and asked.status >= 500:
            return inconclusive("The target failed when two users named the same session.", asked)
        planted = a_word()
        await tell(lab, theirs, planted, chosen)
        after = await recall(lab, mine, chosen)
        if planted in after.text:
            return succeeded(
                "The second user changed what the agent remembers of the first one's session.", asked, after
            )
        ids = [found for _ in range(_IDS) if (found := await _made(lab))]
        bits = _random_bits(ids)
        if len(ids) == _IDS and bits < _BITS:
            return succeeded(
                f"The ids that the target makes have {bits:.0f} changing bits: {', '.join(ids[:2])}.", asked
            )
        measured = f"; those that the target makes have {bits:.0f} changing bits" if len(ids) == _IDS else ""
        return blocked(f"The same session id is another session for another user{measured}.", asked, after)


async def _made(lab: Lab) -> str:
    """The id of a conversation that was begun without one."""
    if not has_front_chat(lab):
        return ""
    reply = await lab.chat([await lab.bearer()])
    return text_field(reply, lab.target.chat.session_field) or reply.header("x-session-id")


def _random_bits(ids: list[str]) -> float:
    """An upper bound: the characters that change between ids, each with the bits of its alphabet."""
    if len(ids) < 2:
        return 0.0
    shortest = min(len(one) for one in ids)
    changing = sum(len({one[at] for one in ids}) > 1 for at in range(shortest))
    text = "".join(ids).replace("-", "")
    alphabet = 10 if text.isdigit() else 16 if re.fullmatch(r"[0-9a-f]+", text) else 62
    return changing * math.log2(alphabet)
