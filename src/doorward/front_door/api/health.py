"""``/healthz`` (the process answers) and ``/readyz`` (its parts answer), for supervisors and load balancers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from doorward.errors import DoorwardError
from doorward.front_door.api.shapes import Health, Readiness
from doorward.http.request import Request
from doorward.http.response import Problem, Response, json_response
from doorward.http.routes import Access, Route

PartCheck = Callable[[], Awaitable[bool]]


class NotReady(DoorwardError):
    """A part does not answer."""

    code = "not_ready"
    status = 503


def health_routes(parts: Mapping[str, PartCheck], *, timeout: float = 2.0) -> list[Route]:
    """Each of `parts` answers True when it is reachable; False, a `DoorwardError`, an `OSError` or more than `timeout`
    seconds mean that it is not."""

    async def healthz(_: Request) -> Response:
        return json_response(Health(status="ok"), headers=[(b"cache-control", b"no-store")])

    async def readyz(_: Request) -> Response:
        answers = await asyncio.gather(*(_answers(check, timeout) for check in parts.values()))
        missing = [name for name, answered in zip(parts, answers, strict=True) if not answered]
        if missing:
            raise NotReady(f"Not ready: {', '.join(missing)}.")
        return json_response(Readiness(status="ready", parts=list(parts)), headers=[(b"cache-control", b"no-store")])

    return [
        Route(
            method="GET",
            path="/healthz",
            handler=healthz,
            access=Access.PUBLIC,
            recorded=False,
            cookie=False,
            summary="Whether the process answers.",
            responses={200: Health},
        ),
        Route(
            method="GET",
            path="/readyz",
            handler=readyz,
            access=Access.PUBLIC,
            recorded=False,
            cookie=False,
            summary="Whether every part answers.",
            responses={200: Readiness, 503: Problem},
        ),
    ]


async def _answers(check: PartCheck, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout):
            return await check()
    except (DoorwardError, OSError, TimeoutError):
        return False
