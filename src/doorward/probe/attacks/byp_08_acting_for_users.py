"""AP-BYP-08."""

from doorward.probe.finding import Finding
from doorward.probe.forgery import attacker, take_apart, unsigned
from doorward.probe.lab import Lab
from doorward.probe.signed_call import TURN_HEADER, USER_HEADER, SignedAttack, refused, signed


class ActingForUsers(SignedAttack):
    """A service that names a user it was not asked by."""

    id = "AP-BYP-08"
    title = "A service acts for a user without the user's turn"
    sources = ("ASI03", "API5", "RFC 8693")
    does = "Signs calls that name a user: without a turn token, with a forged one, with the user's own token as one."
    mend = "Ask for a short-lived token of this turn, bound to the user, session and agent, besides the signature."

    async def attack(self, lab: Lab) -> Finding:
        """Everything is signed properly; only the right to act for the user is missing."""
        access = (await lab.tokens()).access.reveal()
        jwt = take_apart(access)
        user = str(jwt.claims.get("sub", "user")) if jwt else lab.target.users[0].username
        turns = {
            "no turn token": "",
            "a turn token that is none": "a.b.c",
            "the user's own token as turn token": access,
        }
        if jwt is not None:
            claims = {**jwt.claims, "aud": lab.target.agent_arn, "owner": user}
            turns["a turn token of the probe's own key"] = attacker().sign({"alg": "RS256", "typ": "JWT"}, claims)
            turns["an unsigned turn token"] = unsigned(jwt)[0].token
        calls = {
            name: signed(lab, more=[(USER_HEADER, user), *([(TURN_HEADER, turn)] if turn else [])])
            for name, turn in turns.items()
        }
        calls["a turn token without a user"] = signed(lab, more=[(TURN_HEADER, access)])
        return await refused(lab, calls, "Calls for a user without authority")
