"""AP-OAU-06: refresh tokens that are used twice, and sessions that outlive their logout."""

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding
from doorward.probe.lab import Lab
from doorward.probe.oauth import Browser, gave_tokens, lacks_sign_in, redeem, refresh, text_field
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Header, ProbeError, Reply


class RefreshAndLogout(Attack):
    """A refresh token used again ends its family; a session that was left opens nothing."""

    id = "AP-OAU-06"
    title = "Refresh reuse and logout"
    sources = ("RFC 9700 4.14", "API2", "CWE-613")
    does = "Uses a refresh token twice and then its successor, and the cookie of a session after signing out."
    mend = "Rotate refresh tokens, revoke the family when an old one comes back, and end sessions on the server."

    async def applies(self, lab: Lab) -> str:
        return lacks_sign_in(lab)

    async def attack(self, lab: Lab) -> Finding:
        trials = [*await _reused(lab), *await _left(lab)]
        if not trials:
            raise ProbeError("it gives no refresh tokens and has no browser sessions")
        return await judged(
            lab,
            trials,
            held="A refresh token that came twice ended its family, and a session that was left is over.",
            broken="Access outlived its end:",
        )


async def _reused(lab: Lab) -> list[Trial]:
    """The control is the first refresh: without it nothing is said about refresh tokens."""
    asked = await Browser(lab).ask()
    first = text_field(await redeem(lab, asked.code, asked.verifier), "refresh_token")
    if not first:
        return []
    proper = await refresh(lab, first)
    if not gave_tokens(proper):
        raise ProbeError(f"a fresh refresh token gave no tokens (status {proper.status})")
    second = text_field(proper, "refresh_token")
    if second in ("", first):
        return [Trial("a refresh token that is never replaced", proper, through=True)]
    again = await refresh(lab, first)
    family = await refresh(lab, second)
    raced = await _race(lab)
    return [
        Trial("a refresh token that was used before", again, gave_tokens(again)),
        Trial("the successor of a refresh token that came twice", family, gave_tokens(family)),
        *([Trial("one refresh token used many times at once", raced[1], through=True)] if len(raced) > 1 else []),
    ]


async def _race(lab: Lab) -> list[Reply]:
    asked = await Browser(lab).ask()
    token = text_field(await redeem(lab, asked.code, asked.verifier), "refresh_token")
    replies = await lab.together([refresh(lab, token) for _ in range(6)])
    return [reply for reply in replies if gave_tokens(reply)]


async def _left(lab: Lab) -> list[Trial]:
    target = lab.target
    if not (target.session_sign_in and target.session_sign_out and target.front_door and target.whoami):
        return []
    browser = Browser(lab)
    await browser.sign_in_at_front_door()
    name, value = browser.session_cookie()
    cookie: Header = ("Cookie", f"{name}={value}")
    before = await lab.wire.send("GET", lab.token_url(), [cookie])
    if not ok(before):
        raise ProbeError(f"the cookie of a browser session opens nothing (status {before.status})")
    origin = target.front_door.rstrip("/")
    token = text_field(before, "csrf_token")
    lab.withhold(token, "csrf-token")
    headers = [cookie, ("X-CSRF-Token", token), ("Origin", origin)]
    left = await lab.wire.send("POST", origin + target.session_sign_out, headers)
    after = await lab.wire.send("GET", lab.token_url(), [cookie])
    if not 200 <= left.status < 400:
        raise ProbeError(f"signing out was refused (status {left.status})")
    return [Trial("the cookie of a session that was left", after, ok(after))]
