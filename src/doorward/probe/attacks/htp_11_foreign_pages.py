"""AP-HTP-11: pages of other sites, and names that were made to point here."""

from urllib.parse import urlsplit

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import Lab
from doorward.probe.surface import Guarded, guarded, is_open_to_users
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Header, Reply

_UPGRADE: tuple[Header, ...] = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "cHJvYmUtcHJvYmUtcHJvYg=="),
)


class ForeignPages(Attack):
    """A foreign origin must not be allowed to read, and a foreign name must not be answered."""

    id = "AP-HTP-11"
    title = "Foreign origins and DNS rebinding"
    sources = ("MCP Security Best Practices", "API8", "CWE-942", "CWE-350")
    does = "Sends the Origin of other sites, preflights, foreign Host names and a cross-site WebSocket handshake."
    mend = "Keep lists of the origins that may call and of the host names that are answered; refuse all others."

    async def control(self, lab: Lab) -> Finding | None:
        """The same request without a foreign name has to be answered."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        request, bearer = guarded(lab), await lab.bearer()
        trials = []
        for origin in _origins(request):
            read = await request.send(lab, [bearer, ("Origin", origin)])
            trials.append(Trial(f"a page of {origin}", read, ok(read) and _may_read(read, origin)))
            asked = await request.send(
                lab,
                [("Origin", origin), ("Access-Control-Request-Method", request.method),
                 ("Access-Control-Request-Headers", "authorization")],
                method="OPTIONS",
            )  # fmt: skip
            trials.append(Trial(f"a preflight of {origin}", asked, ok(asked) and _may_read(asked, origin)))
        for host in ("evil.example", "127.0.0.1.evil.example", f"evil.example:{urlsplit(request.origin).port or 80}"):
            reply = await request.send(lab, [("Host", host), bearer])
            trials.append(Trial(f"the host name {host}", reply, ok(reply)))
        if lab.target.websocket_url:
            url = lab.target.websocket_url.replace("ws", "http", 1)
            reply = await lab.wire.send(
                "GET", url, [bearer, ("Origin", "https://evil.example"), *_UPGRADE], timeout=3.0
            )
            trials.append(Trial("a WebSocket of https://evil.example", reply, reply.status == 101))
        return await judged(
            lab,
            trials,
            held="Pages of other origins may not read, and foreign host names are not answered.",
            broken="The target serves",
        )


def _origins(request: Guarded) -> list[str]:
    own = urlsplit(request.origin)
    return [
        "https://evil.example",
        "null",
        f"{own.scheme}://{own.hostname}.evil.example",
        f"{own.scheme}://evil{own.hostname}",
        f"{own.scheme}://{own.hostname}:1",
    ]


def _may_read(reply: Reply, origin: str) -> bool:
    return reply.header("access-control-allow-origin") in (origin, "*")
