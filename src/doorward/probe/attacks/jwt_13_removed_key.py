"""AP-JWT-13."""

from doorward.probe.forgery import Forged, Jwt
from doorward.probe.lab import Lab
from doorward.probe.token_attack import TokenAttack


class RemovedKey(TokenAttack):
    """A token whose key the issuer has removed."""

    id = "AP-JWT-13"
    title = "Tokens of a key that was removed"
    sources = ("RFC 9700 4.14", "API2")
    does = "Shows a token that a former key of the issuer signed, which its published set no longer holds."
    mend = "Bound the age of cached keys, and drop verified tokens when the key set changes."

    async def applies(self, lab: Lab) -> str:
        """Nobody but the owner has such a token."""
        if lab.target.retired_token is None:
            return "The target gives no token of a removed key, and the probe cannot make the issuer remove one."
        return await super().applies(lab)

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """The one that was given."""
        del jwt
        given = lab.target.retired_token
        return [] if given is None else [Forged("a token of a removed key", given.reveal())]
