"""AP-HTP-04: odd spellings of a protected path, and headers that name another one."""

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import Lab
from doorward.probe.surface import guarded, is_open_to_users
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Reply

_HEADERS = ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Original-URI")


class PathConfusion(Attack):
    """Without a token: no spelling may bring what only a token brings."""

    id = "AP-HTP-04"
    title = "Path confusion"
    sources = ("CWE-22", "CWE-444", "RFC 3986 6", "API8")
    does = "Asks for a protected path without a token: dot segments, encodings, matrix parameters, X-Original-URL."
    mend = "Read a path in one way, refuse ambiguous ones, and route and authorize on the same reading."

    async def control(self, lab: Lab) -> Finding | None:
        """The plain path with a token has to be answered."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        request = guarded(lab)
        proper = await request.send(lab, [await lab.bearer()])
        public = await lab.wire.send("GET", request.origin + "/")
        trials = []
        for path in spellings(request.path):
            reply = await request.send(lab, path=path)
            trials.append(Trial(path, reply, _is_like(reply, proper, public)))
        for name in _HEADERS:
            hidden = await request.send(lab, [(name, request.path)], path="/")
            shown = await request.send(lab, [(name, "/")])
            trials.append(Trial(f"{name} on /", hidden, _is_like(hidden, proper, public)))
            trials.append(Trial(f"{name} on the path itself", shown, _is_like(shown, proper, public)))
        return await judged(
            lab,
            trials,
            held="No spelling of a protected path opened it without a token.",
            broken="A protected path was opened without a token",
        )


def spellings(path: str) -> list[str]:
    """Odd spellings of a path with at least one segment; a query stays as it is."""
    bare, mark, query = path.partition("?")
    head, _, last = bare.rpartition("/")
    first = bare.split("/")[1]
    odd = [
        f"/{first}/..{bare}", f"/.{bare}", f"/%2e%2e{bare}", f"/{bare}", f"{head}//{last}", f"{bare}/",
        f"{head}%2f{last}",
        f"{bare};x=1", f"{head};/{last}", f"{bare}%00", f"{bare}%0a", f"{head}\\{last}", bare.upper(), f"{bare}%20",
        f"{bare}.json", f"{head}/%{ord(last[0]):02x}{last[1:]}", f"/%2f{bare[1:]}", f"{bare}%3f", f"{bare}%23",
        f"/x/..%2f{bare[1:]}", f"{head}/%2e/{last}", f"{head}/%252e%252e/{first}/{last}", f"/healthz/..{bare}",
        f"/healthz;{bare}", f"{head}/x/../{last}", f"{bare}/..;/{last}", f"{bare}#", f"/static/..{bare}",
        f"{head}/%c0%ae/{last}",
    ]  # fmt: skip
    return [f"{one}{mark}{query}" for one in odd if one.startswith("/")]


def _is_like(reply: Reply, proper: Reply, public: Reply) -> bool:
    """A success that is not the page that everybody gets, in the form of the answer that a token brings."""
    kinds = [one.header("content-type").partition(";")[0] for one in (reply, proper)]
    return ok(reply) and reply.body != public.body and kinds[0] == kinds[1]
