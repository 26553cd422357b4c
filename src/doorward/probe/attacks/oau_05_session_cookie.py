"""AP-OAU-05: theft, fixation and forgery with the cookie of a browser session."""

import secrets

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, inconclusive
from doorward.probe.lab import Lab
from doorward.probe.oauth import Browser, lacks_sign_in, text_field
from doorward.probe.trials import Trial, judged, ok
from doorward.probe.wire import Header, Reply


class SessionCookie(Attack):
    """Attributes of the cookie, a new id at each sign-in, and no use of it by other sites."""

    id = "AP-OAU-05"
    title = "Browser session: cookie, fixation, CSRF"
    sources = ("RFC 9700 4.7", "API2", "CWE-384", "CWE-352", "CWE-1004")
    does = (
        "Reads the attributes of the session cookie, plants an id before the sign-in, and sends the cookie from afar."
    )
    mend = (
        "HttpOnly, SameSite, Secure and __Host- on the cookie, a new id at each sign-in, a CSRF token on each change."
    )

    async def applies(self, lab: Lab) -> str:
        target = lab.target
        if not (target.session_sign_in and target.front_door and target.whoami):
            return "The target has no browser sessions: no cookie opens it."
        return lacks_sign_in(lab)

    async def control(self, lab: Lab) -> Finding | None:
        """After a sign-in the cookie has to open who-am-I."""
        browser = Browser(lab)
        await browser.sign_in_at_front_door()
        reply = await browser.get(lab.token_url())
        return None if ok(reply) else inconclusive("The cookie of a browser session opens nothing.", reply)

    async def attack(self, lab: Lab) -> Finding:
        browser = Browser(lab)
        signed_in = await browser.sign_in_at_front_door()
        name, value = browser.session_cookie()
        trials = [Trial(words, signed_in, through=True) for words in _weak(signed_in, name, lab.target.front_door)]
        trials += await _fixation(lab, browser, name, value)
        trials += await _forgeries(lab)
        trials.append(Trial("the attributes of the cookie", signed_in))
        return await judged(
            lab,
            trials,
            held="The cookie is out of reach of scripts and other sites, and its id is new at each sign-in.",
            broken="The browser session is open to",
        )


def _weak(reply: Reply, name: str, front_door: str) -> list[str]:
    """What the cookie's attributes lack."""
    line = next((v for k, v in reply.headers if k.lower() == "set-cookie" and v.startswith(f"{name}=")), "")
    given = {part.strip().lower().partition("=")[0]: part.strip().lower() for part in line.split(";")[1:]}
    lacks = []
    if "httponly" not in given:
        lacks.append("scripts that read the cookie (no HttpOnly)")
    if given.get("samesite") not in ("samesite=lax", "samesite=strict"):
        lacks.append("other sites that send the cookie (no SameSite)")
    if "domain" in given:
        lacks.append("sibling hosts that get the cookie (Domain is set)")
    if front_door.startswith("https://"):
        if "secure" not in given:
            lacks.append("plain HTTP that carries the cookie (no Secure)")
        if not name.startswith("__Host-"):
            lacks.append("sibling hosts that plant a cookie (no __Host- prefix)")
    return lacks


async def _fixation(lab: Lab, browser: Browser, name: str, value: str) -> list[Trial]:
    """A planted id, and the id of the session before, must not be the id after a sign-in, nor open anything."""
    planted = secrets.token_urlsafe(32)
    victim = Browser(lab)
    host = next(iter(browser.cookies))
    victim.cookies[host] = {name: planted}
    reply = await victim.sign_in_at_front_door()
    plain = await lab.wire.send("GET", lab.token_url(), [("Cookie", f"{name}={planted}")])
    again = await browser.sign_in_at_front_door()
    old = await lab.wire.send("GET", lab.token_url(), [("Cookie", f"{name}={value}")])
    kept = victim.cookies[host].get(name) == planted
    return [
        Trial("an id planted before the sign-in", reply, kept),
        Trial("an id planted before the sign-in", plain, ok(plain)),
        Trial("an id that stays the same at a second sign-in", again, browser.session_cookie()[1] == value),
        Trial("an old id after a second sign-in", old, ok(old)),
    ]


async def _forgeries(lab: Lab) -> list[Trial]:
    """Changes that a foreign page makes the browser send. A chat is the change that everybody has."""
    browser = Browser(lab)
    await browser.sign_in_at_front_door()
    token = text_field(await browser.get(lab.token_url()), "csrf_token")
    lab.withhold(token, "csrf-token")
    name, value = browser.session_cookie()
    cookie: Header = ("Cookie", f"{name}={value}")
    foreign: Header = ("Origin", "https://evil.example")
    tries: dict[str, list[Header]] = {
        "a chat without the CSRF token": [cookie],
        "a chat with a wrong CSRF token": [cookie, ("X-CSRF-Token", secrets.token_urlsafe(32))],
        "a chat of a foreign page": [cookie, foreign, ("X-CSRF-Token", token)],
        "two cookies of the same name": [("Cookie", f"{name}={value}; {name}={secrets.token_urlsafe(32)}")],
    }
    trials = [Trial(words, reply, ok(reply)) for words, sent in tries.items() for reply in [await lab.chat(sent)]]
    away = await lab.wire.send("GET", lab.token_url(), [cookie, foreign])
    return [
        *trials,
        Trial("reading by a foreign page", away, ok(away) and bool(away.header("access-control-allow-origin"))),
    ]
