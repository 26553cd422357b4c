"""A credential has one place: the Authorization header. Requests that carry one elsewhere are refused (AP-BYP-02)."""

from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Deny, Verdict

_ELSEWHERE = frozenset(
    {
        "cookie",
        "proxy-authorization",
        "sec-websocket-protocol",
        "x-access-token",
        "x-amz-security-token",
        "x-api-key",
        "x-auth-token",
        "x-forwarded-access-token",
        "x-id-token",
    }
)
_PARAMETERS = ("access_token", "authorization", "id_token", "jwt", "token", "x-amz-")


class OnePlace:
    """Services have no cookies, no session tokens and no presigned URLs, so none is overlooked here."""

    async def check(self, visit: Visit) -> Verdict | None:
        request = visit.request
        query = request.query_string.lower().decode("latin-1")
        names = [pair.partition("=")[0] for pair in query.split("&")]
        if not _ELSEWHERE.isdisjoint(request.headers) or any(name.startswith(_PARAMETERS) for name in names):
            return Deny(code="credential_misplaced", detail="A credential is taken in the Authorization header only.")
        return None
