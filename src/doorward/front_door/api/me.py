"""``GET /api/me`` and ``GET /api/usage``: who is calling, and what they have spent. No model is asked."""

from doorward.front_door.api.parameters import caller
from doorward.front_door.api.shapes import Me, UsageDays
from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.http.routes import Access, Route
from doorward.model.settings import Pattern
from doorward.model.sign_in import BrowserSession
from doorward.ports.services import UsageReport

_PRIVATE = [(b"cache-control", b"no-store")]


def me_routes(pattern: Pattern, model: str) -> list[Route]:
    """Who is signed in. `model` is the setting ``agent.model``."""

    async def me(request: Request) -> Response:
        user, session = caller(request), request.session
        found = Me(
            issuer=user.issuer,
            subject=user.subject,
            username=user.username,
            email=user.email,
            roles=sorted(user.roles),
            actor_id=user.key,
            pattern=pattern,
            model=model,
            rehearsal=model == "rehearsal",
            csrf_token=session.csrf_token.reveal() if isinstance(session, BrowserSession) else None,
        )
        return json_response(found, headers=_PRIVATE)

    return [
        Route(
            method="GET",
            path="/api/me",
            handler=me,
            access=Access.USER,
            summary="Who is signed in; a browser session gets its CSRF token here.",
            responses={200: Me},
        )
    ]


def usage_routes(usage: UsageReport) -> list[Route]:
    """What the caller has spent."""

    async def report(request: Request) -> Response:
        days = await usage.report(caller(request))
        return json_response(UsageDays(today=days[0], days=days), headers=_PRIVATE)

    return [
        Route(
            method="GET",
            path="/api/usage",
            handler=report,
            access=Access.USER,
            summary="Turns and tokens, today and by day.",
            responses={200: UsageDays},
        )
    ]
