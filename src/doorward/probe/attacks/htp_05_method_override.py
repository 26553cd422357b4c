"""AP-HTP-05: methods and health checkers that authentication forgets."""

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import Lab
from doorward.probe.surface import guarded, is_open_to_users
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Header, Reply

_AGENTS = ("ELB-HealthChecker/2.0", "kube-probe/1.29", "GoogleHC/1.0", "Amazon-Route53-Health-Check-Service")
_METHODS = ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "PATCH", "PUT", "DELETE", "QUERY", "get", "FOO")
_OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


class MethodOverride(Attack):
    """Without a token: no method, override or user agent may open a protected route."""

    id = "AP-HTP-05"
    title = "Methods and health checks around authentication"
    sources = ("GHSA-5hvv-m4w4-gf6v", "API2", "CWE-650")
    does = "Asks for a protected route without a token as a health checker, with other methods and with overrides."
    mend = "Tie exceptions from authentication to routes, never to a method or a header that a client sends."

    async def control(self, lab: Lab) -> Finding | None:
        """The usual method with a token has to be answered."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        request = guarded(lab)
        trials = [
            Trial(f"the user agent {agent}", reply, ok(reply))
            for agent in _AGENTS
            for reply in [await request.send(lab, [("User-Agent", agent)])]
        ]
        for method in _METHODS:
            reply = await request.send(lab, method=method)
            trials.append(Trial(f"the method {method}", reply, _is_served(method, reply)))
        for name in _OVERRIDES:
            headers: list[Header] = [(name, request.method)]
            reply = await request.send(lab, headers, method="OPTIONS" if request.method == "POST" else "POST")
            trials.append(Trial(name, reply, ok(reply) and bool(reply.body)))
        return await judged(
            lab,
            trials,
            held="No method and no health checker's name opened a protected route.",
            broken="A protected route was opened without a token by",
        )


def _is_served(method: str, reply: Reply) -> bool:
    """OPTIONS may be answered to everybody, as long as nothing of the resource comes."""
    return ok(reply) and (method != "OPTIONS" or bool(reply.body))
