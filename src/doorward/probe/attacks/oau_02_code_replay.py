"""AP-OAU-02: a code that is redeemed twice."""

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.oauth import Browser, gave_tokens, lacks_sign_in, redeem, refresh, text_field

_RACE = 8


class CodeReplay(Attack):
    """The second redemption must fail and end what the first one gave; of many at once, one may win."""

    id = "AP-OAU-02"
    title = "Replay of an authorization code"
    sources = ("RFC 9700 4.5", "RFC 6749 4.1.2", "API2")
    does = "Redeems a code twice, uses the refresh token of the first time, and redeems one code many times at once."
    mend = "Delete a code as it is redeemed, in one step, and revoke what was given for it when it comes again."

    async def applies(self, lab: Lab) -> str:
        return lacks_sign_in(lab)

    async def attack(self, lab: Lab) -> Finding:
        browser = Browser(lab)
        asked = await browser.ask()
        first = await redeem(lab, asked.code, asked.verifier)
        if not gave_tokens(first):
            return inconclusive("A fresh code gave no tokens.", first)
        again = await redeem(lab, asked.code, asked.verifier)
        if gave_tokens(again):
            return succeeded("A code gave tokens a second time.", first, again)
        token = text_field(first, "refresh_token")
        kept = await refresh(lab, token) if token else None
        if kept is not None and gave_tokens(kept):
            return succeeded("A code that came twice left the tokens of the first time alive.", again, kept)
        raced = await browser.ask()
        race = await lab.together([redeem(lab, raced.code, raced.verifier) for _ in range(_RACE)])
        won = [reply for reply in race if gave_tokens(reply)]
        if len(won) > 1:
            return succeeded(f"One code gave tokens {len(won)} times when redeemed {_RACE} times at once.", *won[:2])
        return blocked(
            "A code is good for one redemption; the second ended the tokens of the first.",
            again,
            *([kept] if kept is not None else []),
            redeemed=float(len(won)),
        )
