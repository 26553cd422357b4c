"""AP-OAU-01: the authorization code flow without what makes it safe."""

import secrets
from urllib.parse import urlsplit

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, inconclusive
from doorward.probe.lab import Lab
from doorward.probe.oauth import Browser, gave_tokens, lacks_sign_in, redeem
from doorward.probe.sign_in import pkce
from doorward.probe.trials import Trial, judged
from doorward.probe.wire import Reply


class CodeFlow(Attack):
    """PKCE left out, weak or wrong; a state that is missing, foreign or used."""

    id = "AP-OAU-01"
    title = "Code flow without PKCE or state"
    sources = ("RFC 9700 4.5", "RFC 9700 4.7", "RFC 9700 4.8", "RFC 7636")
    does = "Asks for codes without PKCE or with method plain, redeems with wrong verifiers, and bends the state."
    mend = "Demand PKCE with S256 of every client, and take a state once, from the browser that it was made for."

    async def applies(self, lab: Lab) -> str:
        return lacks_sign_in(lab)

    async def control(self, lab: Lab) -> Finding | None:
        """The whole flow with PKCE S256 has to give tokens."""
        asked = await Browser(lab).ask()
        reply = await redeem(lab, asked.code, asked.verifier)
        return None if gave_tokens(reply) else inconclusive("The proper flow gave no tokens.", reply)

    async def attack(self, lab: Lab) -> Finding:
        trials = [*await _weak_requests(lab), *await _wrong_verifiers(lab), *await _bent_states(lab)]
        return await judged(
            lab,
            trials,
            held="No code was given or redeemed without PKCE S256, and no state was taken that was not the browser's.",
            broken="The flow went through with",
        )


async def _weak_requests(lab: Lab) -> list[Trial]:
    """A request without a proper challenge must give no code, or at least one that is worth nothing."""
    _, challenge = pkce()
    verifier = secrets.token_urlsafe(48)
    changes = {
        "no PKCE": ({"code_challenge": "", "code_challenge_method": ""}, ""),
        "PKCE method plain": ({"code_challenge": verifier, "code_challenge_method": "plain"}, verifier),
        "PKCE without a method": ({"code_challenge": verifier, "code_challenge_method": ""}, verifier),
        "a challenge too short": ({"code_challenge": challenge[:10]}, challenge[:10]),
        "response type token": ({"response_type": "token"}, ""),
    }
    trials = []
    browser = Browser(lab)
    for name, (change, proof) in changes.items():
        asked = await browser.ask(**change)
        given = asked.code and gave_tokens(await redeem(lab, asked.code, proof))
        implicit = "access_token=" in urlsplit(asked.reply.header("location")).fragment
        trials.append(Trial(name, asked.reply, bool(given) or implicit))
    return trials


async def _wrong_verifiers(lab: Lab) -> list[Trial]:
    trials = []
    browser = Browser(lab)
    other = secrets.token_urlsafe(48)
    for name, verifier in (("no verifier", ""), ("an empty verifier", " "), ("another verifier", other)):
        asked = await browser.ask()
        reply = await redeem(lab, asked.code, verifier)
        trials.append(Trial(name, reply, gave_tokens(reply)))
    asked = await browser.ask()
    reply = await redeem(lab, asked.code, asked.verifier, redirect_uri="https://evil.example/")
    trials.append(Trial("another redirect_uri at the token endpoint", reply, gave_tokens(reply)))
    return trials


async def _bent_states(lab: Lab) -> list[Trial]:
    """The front door's own callback, where it has one: a success is a redirect that sets a session."""
    if not lab.target.session_sign_in or not lab.target.front_door:
        return []
    trials = []
    for name in ("no state", "a foreign state", "a state of another browser", "a state used before"):
        browser = Browser(lab)
        callback = await browser.callback_url()
        if isinstance(callback, Reply):
            return []
        state = callback.partition("state=")[2].partition("&")[0]
        if name == "no state":
            reply = await browser.get(callback.replace(f"state={state}", "x=1"))
        elif name == "a foreign state":
            reply = await browser.get(callback.replace(state, secrets.token_urlsafe(32)))
        elif name == "a state of another browser":
            reply = await Browser(lab).get(callback)
        else:
            before = {key: dict(jar) for key, jar in browser.cookies.items()}
            await browser.get(callback)
            browser.cookies = before
            reply = await browser.get(callback)
        trials.append(Trial(name, reply, _signed_in(reply)))
    return trials


def _signed_in(reply: Reply) -> bool:
    values = [value for name, value in reply.headers if name.lower() == "set-cookie"]
    return reply.status < 400 and any(len(value.split(";")[0].partition("=")[2]) > 16 for value in values)
