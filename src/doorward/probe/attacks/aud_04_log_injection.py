"""AP-AUD-04: lines and terminal commands that an attacker writes into logs and headers."""

import re
import secrets
from urllib.parse import quote

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, succeeded
from doorward.probe.lab import Lab
from doorward.probe.logs import read_logs
from doorward.probe.oauth import wrong_password
from doorward.probe.surface import guarded, is_open_to_users
from doorward.probe.target import Account
from doorward.probe.wire import Header, Reply

_HEADERS = (
    "User-Agent",
    "X-Request-Id",
    "X-Correlation-Id",
    "Traceparent",
    "Referer",
    "X-Forwarded-For",
    "Last-Event-ID",
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class LogInjection(Attack):
    """What an attacker sends may stand in a log, but escaped and on the line of its own entry."""

    id = "AP-AUD-04"
    title = "Log and header injection"
    sources = ("API8", "CWE-117", "CWE-93", "CWE-150")
    does = "Sends line breaks, terminal commands and bidirectional marks in headers, paths, ids and user names."
    mend = "Write logs in a form that escapes control characters, and refuse them in names, ids and headers."

    async def control(self, lab: Lab) -> Finding | None:
        """A plain request has to be answered."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        marker = f"probe{secrets.token_hex(6)}"
        replies = await _sent(lab, marker)
        split = [reply for reply in replies if _reflects(reply, marker)]
        if split:
            return succeeded("An answer carries a header or a control character that the attacker wrote.", *split[:3])
        logs = await read_logs(lab)
        forged = [line for text in logs.values() for line in text.split("\n") if _is_forged(line, marker)]
        if forged:
            return succeeded(f"{len(forged)} lines of the logs were written by the attacker.", *replies[:2])
        if not logs:
            return blocked(
                "No answer carries what was injected. No log was given, so answers alone were judged.", replies[0]
            )
        return blocked("No line and no terminal command of the attacker's is in an answer or in a log.", replies[0])


async def _sent(lab: Lab, marker: str) -> list[Reply]:
    request, bearer = guarded(lab), await lab.bearer()
    evil = f"a\x1b[31m{marker}\u202e"
    line = f"a%0d%0a{marker}:%20forged"
    replies = []
    for name in _HEADERS:
        for value in (f"{marker}\x1b]0;x\x07", f"{marker}\u202e\u2066", line, f"\\n{marker}", f"a\r\n{marker}: forged"):
            headers: list[Header] = [(name, value)]
            replies.append(await request.send(lab, [bearer, *headers], path=request.path))
    paths = (f"/{quote(evil)}", f"/{line}", f"/x?{line}", f"/x?a={quote(evil)}", f"/%0a{marker}")
    replies += [await request.send(lab, [bearer], path=path) for path in paths]
    replies.append(await lab.chat([bearer], session_id=f"a\n{marker} forged entry that is long enough for an id"))
    if lab.target.sign_in.kind == "code":
        replies.append(await wrong_password(lab, Account(username=f"x\n{marker} forged\x1b[2J")))
        state = f"x\r\n{marker}: forged"
        url = f"{lab.target.sign_in.authorize_endpoint}?client_id=x&redirect_uri=x&state={quote(state)}"
        replies.append(await lab.wire.send("GET", url))
    return replies


def _reflects(reply: Reply, marker: str) -> bool:
    if any(name.lower().startswith(marker) for name, _ in reply.headers):
        return True
    return any(marker in value and _CONTROL.search(value) for _, value in reply.headers)


def _is_forged(line: str, marker: str) -> bool:
    """A line that begins with what was sent after a line break, or that holds a control character with it."""
    return line.startswith(marker) or (marker in line and bool(_CONTROL.search(line.rstrip("\r"))))
