"""AP-HTP-09: media types, charsets and codings that make an inspection look away."""

import gzip

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import Lab
from doorward.probe.surface import chat_request, has_front_chat
from doorward.probe.trials import Trial, judged
from doorward.probe.wire import Header

_TYPES = (
    "text/plain", "text/json", "application/json; charset=utf-7", "application/json; charset=ibm037",
    "application/json; charset=utf-16", "application/json, text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=a", "", "application/octet-stream", "application/json; a=b", "application/jsonp",
)  # fmt: skip


class MediaTypes(Attack):
    """The chat in a body that says to be something else: the agent must not get it."""

    id = "AP-HTP-09"
    title = "Media types that skip the reading of a body"
    sources = ("CWE-436", "API8", "OWASP CRS 920")
    does = "Sends the normal chat under other media types, charsets and content codings."
    mend = "Take exactly the media types that are read, in UTF-8, without a content coding."

    async def applies(self, lab: Lab) -> str:
        return "" if has_front_chat(lab) else "Nothing stands before the agent that could read a body first."

    async def attack(self, lab: Lab) -> Finding:
        chat, bearer = chat_request(lab), await lab.bearer()
        url = chat.origin + chat.path
        tries: list[tuple[str, list[Header], bytes]] = [
            (f"the media type {kind!r}", [("Content-Type", kind)], chat.body) for kind in _TYPES
        ]
        tries.append(("no media type", [], chat.body))
        json_type: Header = ("Content-Type", "application/json")
        wide = chat.body.decode()
        tries.append(("UTF-16", [json_type], wide.encode("utf-16")))
        tries.append(("UTF-32", [json_type], wide.encode("utf-32")))
        for coding, body in (("gzip", gzip.compress(chat.body)), ("deflate", chat.body), ("identity, gzip", chat.body)):
            tries.append((f"the coding {coding}", [json_type, ("Content-Encoding", coding)], body))
        trials = []
        for name, headers, body in tries:
            reply = await lab.wire.send("POST", url, [bearer, *headers], body)
            trials.append(Trial(name, reply, lab.answered(reply)))
        return await judged(
            lab,
            trials,
            held="Only a JSON body that says so, in UTF-8 and not compressed, reached the agent.",
            broken="A body reached the agent although it said to be something else",
        )
