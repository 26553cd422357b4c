"""``GET /api/me`` and ``GET /api/usage``: who is calling, and what they have spent. No model is asked."""

from doorward.front_door.api.parameters import caller
from doorward.front_door.api.shapes import BudgetState, Me, UsageDays, timestamp
from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.http.routes import Access, Route
from doorward.model.budget import BudgetLeft
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


def _budget(left: BudgetLeft) -> BudgetState:
    return BudgetState(
        tokens_per_day=left.tokens_per_day,
        tokens_left=left.tokens_left,
        money_per_day=left.money_per_day,
        money_left=left.money_left,
        resets_at=timestamp(left.resets_at),
    )


def usage_routes(usage: UsageReport) -> list[Route]:
    """What the caller has spent."""

    async def report(request: Request) -> Response:
        days, left = await usage.report(caller(request)), await usage.budget(caller(request))
        found = UsageDays(today=days[0], days=days, budget=None if left is None else _budget(left))
        return json_response(found, headers=_PRIVATE)

    return [
        Route(
            method="GET",
            path="/api/usage",
            handler=report,
            access=Access.USER,
            summary="Turns and tokens, today and by day, and what is left of the budget.",
            responses={200: UsageDays},
        )
    ]
