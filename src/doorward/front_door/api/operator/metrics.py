"""``/api/operator/now`` and ``/api/operator/metrics``: the house over the last minute, hour and day."""

from typing import cast

from doorward.front_door.api.parameters import choice
from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.http.routes import Access, Route
from doorward.model.console import HouseNow, Series
from doorward.ports.operator import MetricsView, Window


def metrics_routes(metrics: MetricsView) -> list[Route]:
    """Rates, refusals, latencies, turns, streams and spend."""

    async def now(_: Request) -> Response:
        return json_response(metrics.now())

    async def series(request: Request) -> Response:
        return json_response(await metrics.series(cast("Window", choice(request.query(), "window"))))

    return [
        Route(
            method="GET",
            path="/api/operator/now",
            handler=now,
            access=Access.OPERATOR,
            summary="The house over the last minute: the doors, turns, streams, and what was spent today.",
            responses={200: HouseNow},
        ),
        Route(
            method="GET",
            path="/api/operator/metrics",
            handler=series,
            access=Access.OPERATOR,
            query=("window",),
            summary="The same over the last hour or day. Times are seconds since 1970, rates per second.",
            responses={200: Series},
        ),
    ]
