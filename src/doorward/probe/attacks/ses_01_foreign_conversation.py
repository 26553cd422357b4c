"""AP-SES-01: another user's conversation, by every verb."""

import json
import uuid

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, inconclusive
from doorward.probe.lab import Lab
from doorward.probe.sessions import (
    Conversation,
    away_with,
    begin,
    lacks_history,
    patch,
    path_of,
    recall,
    state_of,
    turn_path,
)  # fmt: skip
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Header, Reply

_TAKEN = "taken over"


class ForeignConversation(Attack):
    """The second user tries everything with a conversation of the first, whose data must stay as it was."""

    id = "AP-SES-01"
    title = "Another user's conversation"
    sources = ("API1", "CWE-639", "LLM02")
    does = "As the second user reads, appends to, renames, exports, searches, cancels and deletes the first one's."
    mend = "Ask the store for (owner, id) together, and answer another user's id as one that does not exist."

    async def applies(self, lab: Lab) -> str:
        return lacks_history(lab)

    async def attack(self, lab: Lab) -> Finding:
        conversation = await begin(lab)
        before = await state_of(lab, conversation)
        if before[0] != 200 or conversation.word.encode() not in before[1]:
            return inconclusive("The first user cannot read an own conversation.", conversation.told)
        trials = [*await _by_verb(lab, conversation), *await _by_search(lab, conversation)]
        after = await state_of(lab, conversation)
        if after != before:
            changed = await lab.wire.send("GET", path_of(lab, conversation), [await lab.bearer()])
            trials.append(Trial("a change that the owner sees", changed, through=True))
        elif await _was_renamed(lab):
            trials.append(Trial("a new name that the owner sees", trials[0].reply, through=True))
        await away_with(lab, conversation)
        return await judged(
            lab,
            trials,
            held="For every verb another user's conversation does not exist, and it stayed as it was.",
            broken="The second user got at the first user's conversation by",
        )


async def _by_verb(lab: Lab, conversation: Conversation) -> list[Trial]:
    """Each verb on the first user's ids and on ids that do not exist: the answers must be alike."""
    bearer = await lab.bearer(1)
    theirs = await _answers(lab, bearer, conversation)
    missing = Conversation(
        session_id=str(uuid.uuid4()), turn_id=_other_id(conversation.turn_id), word="", told=conversation.told
    )
    nobodys = await _answers(lab, bearer, missing)
    trials = []
    for name, reply in theirs.items():
        told_apart = reply.status != nobodys[name].status
        through = ok(reply) or conversation.word in reply.text
        trials.append(Trial(name if through or not told_apart else f"{name} (it exists)", reply, through or told_apart))
    appended = await recall(lab, bearer, conversation.session_id)
    trials.append(Trial("appending", appended, conversation.word in appended.text))
    await away_with(lab, conversation, user=1)
    return trials


async def _answers(lab: Lab, bearer: Header, one: Conversation) -> dict[str, Reply]:
    send = lab.wire.send
    rename = json.dumps({"conversation_name": _TAKEN}).encode()
    answers = {
        "reading": await send("GET", path_of(lab, one), [bearer]),
        "export": await send("GET", path_of(lab, one, "/export"), [bearer]),
        "renaming": await patch(lab, bearer, one, rename),
        "deleting": await send("DELETE", path_of(lab, one), [bearer]),
    }
    if lab.target.turns and one.turn_id:
        answers["the turn"] = await send("GET", turn_path(lab, one.turn_id), [bearer])
        answers["the turn's events"] = await send("GET", turn_path(lab, one.turn_id, "/events"), [bearer])
        answers["cancelling"] = await send("POST", turn_path(lab, one.turn_id, "/cancel"), [bearer])
    return answers


async def _by_search(lab: Lab, conversation: Conversation) -> list[Trial]:
    url, bearer = path_of(lab, "").rstrip("/"), await lab.bearer(1)
    trials = []
    for name, query in (("the list", ""), ("searching", f"?q={conversation.word}")):
        reply = await lab.wire.send("GET", url + query, [bearer])
        found = conversation.word in reply.text or conversation.session_id in reply.text
        trials.append(Trial(name, reply, ok(reply) and found))
    return trials


async def _was_renamed(lab: Lab) -> bool:
    listed = await lab.wire.send("GET", path_of(lab, "").rstrip("/"), [await lab.bearer()])
    return _TAKEN in listed.text


def _other_id(turn_id: str) -> str:
    """An id of the same form that does not exist."""
    return turn_id[:-12] + "".join("0" if item.isalnum() else item for item in turn_id[-12:])
