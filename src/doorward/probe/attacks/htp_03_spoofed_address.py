"""AP-HTP-03: made-up client addresses against limits that count addresses."""

import secrets

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.oauth import wrong_password
from doorward.probe.target import Account
from doorward.probe.wire import Header, Reply

_TRIES = 9
_NAMES = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP")


class SpoofedAddress(Attack):
    """Guesses at one password, each from another made-up address: the pause after a few must come all the same."""

    id = "AP-HTP-03"
    title = "Made-up client addresses"
    sources = ("API4", "CWE-290", "RFC 7239 8.1")
    does = "Guesses the password of a user who does not exist, and names another client address with each guess."
    mend = "Believe X-Forwarded-For only from proxies that you run, and then only the hop that they saw."
    order = 88

    async def applies(self, lab: Lab) -> str:
        if lab.target.sign_in.kind != "code":
            return "The target has no sign-in form, where a limit per address could be met within the bounds of a run."
        return ""

    async def attack(self, lab: Lab) -> Finding:
        spoofed = await _guesses(lab, spoof=True)
        if spoofed[-1].status == 429:
            return blocked(
                f"The guesses were stopped after {len(spoofed) - 1}, whatever address they named.",
                *spoofed[-2:],
                guesses=float(len(spoofed) - 1),
            )
        plain = await _guesses(lab, spoof=False)
        if plain[-1].status == 429:
            return succeeded(
                f"Guesses are stopped after {len(plain) - 1}, but not when each names another address.",
                spoofed[-1],
                plain[-1],
                guesses=float(len(spoofed)),
            )
        return inconclusive(f"{_TRIES} guesses at a password were not stopped, spoofed or not.", spoofed[-1])


async def _guesses(lab: Lab, *, spoof: bool) -> list[Reply]:
    """Guesses until one is refused as one too many."""
    account = Account(username=f"probe-{secrets.token_hex(6)}")
    replies: list[Reply] = []
    for number in range(1, _TRIES + 1):
        replies.append(await wrong_password(lab, account, _headers(number) if spoof else []))
        if replies[-1].status == 429:
            break
    return replies


def _headers(number: int) -> list[Header]:
    address = f"203.0.113.{number}"
    return [(name, f"for={address}" if name == "Forwarded" else address) for name in _NAMES]
