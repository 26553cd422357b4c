"""AP-OAU-03: redirects that leave the site."""

from urllib.parse import urlsplit

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, inconclusive
from doorward.probe.lab import Lab
from doorward.probe.oauth import EVIL, Browser, lacks_sign_in, leads_to, metadata
from doorward.probe.trials import Trial, judged
from doorward.probe.wire import Reply

_RETURNS = (
    f"https://{EVIL}/", f"//{EVIL}/", f"/\\{EVIL}/", f"\\\\{EVIL}/", f"/\t/{EVIL}/", f"/%09/{EVIL}/", f"/%2f{EVIL}/",
    f"///{EVIL}/", f"/..;/{EVIL}", f"/.//{EVIL}/", f"https:{EVIL}", f"javascript:alert(1)//{EVIL}", f"/%5c{EVIL}/",
    f"@{EVIL}/", f"/\r\nLocation: https://{EVIL}/", f" //{EVIL}/", f"/x/..//{EVIL}/",
)  # fmt: skip


class RedirectTricks(Attack):
    """No answer may send the browser, let alone a code, to a place that is not registered."""

    id = "AP-OAU-03"
    title = "Redirect tricks"
    sources = ("RFC 9700 4.1", "RFC 9700 4.11", "CWE-601")
    does = "Bends redirect_uri, the return address of the browser sign-in and the address after logout."
    mend = "Compare redirect URIs character for character, and take only plain relative paths to return to."

    async def applies(self, lab: Lab) -> str:
        return lacks_sign_in(lab)

    async def control(self, lab: Lab) -> Finding | None:
        """The registered redirect URI has to get a code."""
        asked = await Browser(lab).ask()
        return None if asked.code else inconclusive("The registered redirect URI got no code.", asked.reply)

    async def attack(self, lab: Lab) -> Finding:
        browser = Browser(lab)
        await browser.ask()
        registered = lab.target.sign_in.redirect_uri
        trials = []
        for uri in bent_uris(registered):
            asked = await browser.ask(redirect_uri=uri)
            location = asked.reply.header("location")
            trials.append(Trial(f"redirect_uri {uri!r}", asked.reply, _leaves(registered, location)))
        trials += [*await _return_tricks(lab, browser), *await _logout_tricks(lab, browser)]
        return await judged(
            lab,
            trials,
            held="Nothing led to an address that is not registered or not on this site.",
            broken="The browser was sent away with",
        )


def bent_uris(registered: str) -> list[str]:
    """Addresses close to the registered one, none of them equal to it."""
    parts = urlsplit(registered)
    base = f"{parts.scheme}://{parts.netloc}"
    return [
        f"https://{EVIL}/", f"{registered}/x", f"{registered}?x=1", f"{registered}#x", f"{registered}/../x", f"{base}/",
        f"{parts.scheme}://{parts.netloc}@{EVIL}{parts.path}", f"{parts.scheme}://{EVIL}#{base}{parts.path}",
        f"{parts.scheme}://{parts.hostname}.{EVIL}{parts.path}", f"{registered.upper()}", f"{registered}%0d%0aX: y",
        f"{base}/..;{parts.path}", f"{base}\\@{EVIL}{parts.path}", f"//{EVIL}{parts.path}", f" {registered}",
        f"{registered} https://{EVIL}/", f"{parts.scheme}://{parts.hostname}:1{parts.path}", f"{registered}%2f..",
        "javascript:alert(1)", f"data:text/html,{EVIL}",
    ]  # fmt: skip


def _leaves(registered: str, location: str) -> bool:
    """Whether a redirect goes anywhere but to the registered address, with a query added at most."""
    if not location:
        return False
    bare = location.partition("?")[0].partition("#")[0]
    return bare != registered.partition("?")[0] or "#" in location


async def _return_tricks(lab: Lab, browser: Browser) -> list[Trial]:
    """Whoever refuses at the beginning has held; else it is where the browser ends that counts."""
    if not lab.target.session_sign_in or not lab.target.front_door:
        return []
    front = lab.target.front_door.rstrip("/")
    own = {urlsplit(front).netloc, ""}
    trials = []
    for value in _RETURNS:
        reply = await browser.sign_in_at_front_door(return_to=value)
        trials.append(Trial(f"return_to {value!r}", reply, _goes_off(front, reply, own)))
    return trials


async def _logout_tricks(lab: Lab, browser: Browser) -> list[Trial]:
    end = (await metadata(lab)).get("end_session_endpoint", "")
    if not end or urlsplit(end).netloc != urlsplit(lab.target.sign_in.authorize_endpoint).netloc:
        return []
    own = {urlsplit(end).netloc, ""}
    trials = []
    for name in ("post_logout_redirect_uri", "logout_uri", "redirect_uri"):
        query = f"?client_id={lab.target.sign_in.client_id}&{name}=https%3A%2F%2F{EVIL}%2F"
        reply = await browser.get(end + query)
        trials.append(Trial(f"{name} at logout", reply, _goes_off(end, reply, own)))
    return trials


def _goes_off(base: str, reply: Reply, own: set[str]) -> bool:
    location = reply.header("location")
    return 300 <= reply.status < 400 and bool(location) and leads_to(base, location) not in own
