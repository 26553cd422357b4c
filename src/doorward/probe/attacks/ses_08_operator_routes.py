"""AP-SES-08: routes of operators, called by a user."""

import secrets

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import JSON, Lab
from doorward.probe.surface import front_origin, is_open_to_users
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Header

_PATHS = (
    "/api/admin", "/api/admin/users", "/api/users", "/api/ledger", "/api/audit", "/api/approvals", "/api/operator",
    "/api/settings", "/api/config", "/api/keys", "/api/agents", "/api/workloads", "/api/policies", "/api/metrics",
    "/admin", "/admin/users", "/operator", "/ledger", "/audit", "/users", "/manage", "/v1/admin", "/api/v1/users",
    "/api/conversations/all", "/api/turns", "/api/shutdown",
    "/api/operator/now", "/api/operator/metrics", "/api/operator/ledger", "/api/operator/ledger/export.csv",
    "/api/operator/ledger/export.json", "/api/operator/ledger/chains", "/api/operator/ledger/chains/verify",
    "/api/operator/requests/a", "/api/operator/users", "/api/operator/users/a/disable", "/api/operator/users/a/roles",
    "/api/operator/turns", "/api/operator/turns/a/stop", "/api/operator/settings", "/api/operator/doctor",
    "/api/operator/sessions", "/api/operator/agents",
)  # fmt: skip
_CLAIMS: tuple[Header, ...] = (
    ("X-Role", "operator"),
    ("X-Roles", "operator,admin"),
    ("X-Forwarded-Groups", "operator"),
    ("X-Admin", "true"),
)


class OperatorRoutes(Attack):
    """A plain user, also one who claims a role in headers, is served nothing that is an operator's."""

    id = "AP-SES-08"
    title = "Operator routes for a plain user"
    sources = ("API5", "CWE-285", "ASI03")
    does = "Calls the usual paths of administrators with a plain user's token, with role headers and other methods."
    mend = "Let each route state who may use it, and answer no where it states nothing."

    async def control(self, lab: Lab) -> Finding | None:
        """The same user has to be served where users are."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        origin, bearer = front_origin(lab), await lab.bearer()
        unknown = await lab.wire.send("GET", f"{origin}/api/probe-{secrets.token_hex(8)}", [bearer])
        trials = []
        for path in _PATHS:
            plain = await lab.wire.send("GET", origin + path, [bearer])
            claimed = await lab.wire.send("GET", origin + path, [bearer, *_CLAIMS])
            made = await lab.wire.send("POST", origin + path, [bearer, JSON], b"{}")
            for name, reply in ((path, plain), (f"{path} with role headers", claimed), (f"POST {path}", made)):
                trials.append(Trial(name, reply, ok(reply) and reply.body != unknown.body))
        return await judged(
            lab,
            trials,
            held=f"None of {len(_PATHS)} paths of operators was served to a plain user.",
            broken="A plain user was served",
        )
