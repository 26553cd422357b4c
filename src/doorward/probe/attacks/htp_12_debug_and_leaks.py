"""AP-HTP-12: routes that nobody meant to publish, and errors that say too much."""

import re
import secrets

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import Lab
from doorward.probe.surface import front_origin, guarded, is_open_to_users
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Reply

_DEBUG = (
    "/debug", "/debug/pprof/", "/actuator/env", "/.env", "/.git/config", "/metrics", "/server-status", "/console",
    "/trace", "/graphql", "/phpinfo.php", "/internal", "/__debug__/", "/swagger.json", "/redoc", "/docs", "/config",
    "/admin", "/.aws/credentials", "/backup.sql", "/heapdump", "/env", "/api/debug", "/stats",
)  # fmt: skip
_LEAK = re.compile(
    r"traceback \(most recent|file \"[^\"]+\", line \d|[a-z_]+error: |/site-packages/|\bat [\w.$]+\([\w]+\.java:\d+\)|"
    r"stack ?trace|sqlite3?\.|select .+ from ",
    re.IGNORECASE,
)
_VERSION = re.compile(r"\w+/\d+\.\d+")


class DebugAndLeaks(Attack):
    """Nothing may be served that an unknown path is not, and no error may show code, queries or versions."""

    id = "AP-HTP-12"
    title = "Debug routes and talkative errors"
    sources = ("API8", "API9", "CWE-209")
    does = "Asks for debug routes and documentation, and provokes errors to read stack traces and versions."
    mend = "Serve only routes on a list, and answer errors with a code and a sentence of your own."

    async def control(self, lab: Lab) -> Finding | None:
        """A route that does exist has to be answered."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        origin, bearer = front_origin(lab), await lab.bearer()
        unknown = await lab.wire.send("GET", f"{origin}/probe-{secrets.token_hex(8)}", [bearer])
        # A page that finds its own way answers other paths with itself.
        home = await lab.wire.send("GET", f"{origin}/", [bearer])
        trials = []
        for path in _DEBUG:
            reply = await lab.wire.send("GET", origin + path, [bearer])
            trials.append(Trial(path, reply, ok(reply) and reply.body not in (unknown.body, home.body)))
        for name, reply in (await _provoked(lab)).items():
            trials.append(Trial(f"{name} tells too much", reply, _tells(reply)))
        return await judged(
            lab,
            trials,
            held="Unknown paths are not served, and errors show no code, no query and no version.",
            broken="The target shows more than it should",
        )


async def _provoked(lab: Lab) -> dict[str, Reply]:
    request, bearer = guarded(lab), await lab.bearer()
    raw = lab.wire.raw
    return {
        "an unknown path": await request.send(lab, [bearer], path="/probe-does-not-exist"),
        "a token that is none": await request.send(lab, [("Authorization", "Bearer a.b.c")]),
        "a broken query": await request.send(lab, [bearer], path=request.path.split("?")[0] + "?limit=%ff&limit='\""),
        "a broken session id": await lab.chat([bearer], session_id="'\"--probe"),
        "a broken body": await lab.wire.send(
            "POST", lab.chat_url(), [bearer, ("Content-Type", "application/json")], b"{"
        ),
        "no HTTP at all": await raw(request.origin, b"GET / HTTP/9\r\n\r\n", timeout=2.0, quiet=0.3),
        "a broken header": await raw(request.origin, request.head("a b: c") + b"\r\n", timeout=2.0, quiet=0.3),
    }


def _tells(reply: Reply) -> bool:
    headers = " ".join(value for name, value in reply.headers if name.lower() in ("server", "x-powered-by"))
    return bool(_LEAK.search(reply.text) or _VERSION.search(headers))
