"""AP-JWT-06."""

from doorward.probe.forgery import Forged, Json, Jwt, without
from doorward.probe.lab import Lab
from doorward.probe.token_attack import ClaimsAttack, signer_of


class Audience(ClaimsAttack):
    """Tokens that were made for somebody else."""

    id = "AP-JWT-06"
    title = "Tokens for another audience or client"
    sources = ("RFC 8725 3.9", "RFC 9700 2.3", "API2")
    does = "Shows tokens with a wrong, missing, empty or mixed audience and a foreign client, and the user's ID token."
    mend = "Compare the audience exactly, and take tokens of known clients only."
    short = True

    async def forge(self, lab: Lab, jwt: Jwt) -> list[Forged]:
        """The ID token is a genuine token for another audience; the others are made."""
        signer = await signer_of(lab)
        forged = [Forged(name, signer.sign(jwt.header, claims)) for name, claims in _claims(jwt.claims).items()]
        id_token = (await lab.tokens()).id
        if id_token is not None:
            forged.append(Forged("the ID token, whose audience is the client", id_token.reveal()))
        return forged


def _claims(claims: Json) -> dict[str, Json]:
    audience = claims.get("aud", claims.get("client_id", ""))
    wrong: dict[str, object] = {
        "another audience": "https://other.example",
        "an empty audience": "",
        "an empty list": [],
        "a list of others": ["other"],
        "the audience in another case": str(audience).swapcase(),
        "the audience and a slash": f"{audience}/",
        "the audience as a part": f"x{audience}x",
        "the audience as a member": {"aud": audience},
        "a number": 0,
        "true": True,
        "null": None,
        "a list in a list": [[audience]],
    }
    made = {}
    if "aud" in claims:
        made = {name: {**claims, "aud": value} for name, value in wrong.items()}
        made["no audience"] = without(claims, "aud")
    for name in ("client_id", "azp"):
        if name in claims:
            made[f"another {name}"] = {**claims, name: "somebody-else"}
            made[f"{name} as a list"] = {**claims, name: [claims[name], "somebody-else"]}
    made["another azp beside the client"] = {**claims, "azp": "somebody-else"}
    return made
