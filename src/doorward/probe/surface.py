"""The request that attacks on the HTTP surface vary: the cheapest one of the target that needs a user's token."""

import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from doorward.probe.finding import Finding, inconclusive
from doorward.probe.lab import JSON, SESSION_HEADER, Lab
from doorward.probe.trials import ok
from doorward.probe.wire import Header, Reply


class Guarded(Struct, frozen=True, kw_only=True):
    """A request without its credential. `path` begins with a slash and may have a query."""

    method: str
    origin: str
    path: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""

    async def send(self, lab: Lab, headers: Iterable[Header] = (), **changes: str) -> Reply:
        """Send it with these headers before its own; `changes` replace method, origin or path."""
        changed = replace(self, **changes)
        url = changed.origin + changed.path
        return await lab.wire.send(changed.method, url, [*headers, *self.headers], self.body)

    def head(self, *lines: str) -> bytes:
        """The first bytes of it on the wire: request line, Host, then these lines."""
        first = [f"{self.method} {self.path} HTTP/1.1", f"Host: {urlsplit(self.origin).netloc}"]
        return "".join(f"{line}\r\n" for line in [*first, *lines]).encode()


def guarded(lab: Lab) -> Guarded:
    """Who-am-I where there is one, else the chat."""
    url = lab.token_url()
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    path = url[len(origin) :] or "/"
    if lab.target.whoami:
        return Guarded(method="GET", origin=origin, path=path)
    return chat_request(lab)


def chat_request(lab: Lab, prompt: str = "") -> Guarded:
    """The target's chat."""
    url = lab.chat_url()
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    straight = not has_front_chat(lab)
    name = "prompt" if straight else lab.target.chat.prompt_field
    headers: list[Header] = [JSON, ("Accept", "application/json")]
    if straight:
        headers.append((SESSION_HEADER, lab.session_id()))
    body = json.dumps({name: prompt or lab.target.chat.prompt}).encode()
    return Guarded(method="POST", origin=origin, path=url[len(origin) :] or "/", headers=tuple(headers), body=body)


def has_front_chat(lab: Lab) -> bool:
    """Whether users chat through something that stands before the agent."""
    return bool(lab.target.front_door) and lab.target.pattern != "direct"


async def is_open_to_users(lab: Lab) -> Finding | None:
    """The control: this request with a user's token is answered, and without it is not."""
    request = guarded(lab)
    proper = await request.send(lab, [await lab.bearer()])
    if not ok(proper):
        return inconclusive("The same request made properly was not answered.", proper)
    return None


async def takes_anybody(lab: Lab) -> Reply | None:
    """The answer to the guarded request without any token, when the target gives one; else None."""
    reply = await guarded(lab).send(lab)
    return reply if ok(reply) else None


def front_origin(lab: Lab) -> str:
    """Where users arrive: the front door, or the agent itself."""
    if lab.target.front_door:
        return lab.target.front_door.rstrip("/")
    return guarded(lab).origin
