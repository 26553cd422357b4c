"""``/api/operator/settings`` and ``/api/operator/doctor``: the configuration in force, and the check-up."""

import time
from typing import Any, cast

from doorward.front_door.api.operator.shapes import CheckUp, RemarkItem, SettingItem, SettingList
from doorward.front_door.api.shapes import timestamp
from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.http.routes import Access, Route
from doorward.ports.operator import HouseView


def house_routes(house: HouseView) -> list[Route]:
    """What the house is made of, and whether that is safe and complete."""

    async def settings(_: Request) -> Response:
        items = [
            SettingItem(
                key=each.key,
                value=each.value,
                source=each.source,
                origin=each.origin,
                description=each.description,
            )
            for each in house.settings()
        ]
        return json_response(SettingList(settings=items))

    async def doctor(_: Request) -> Response:
        remarks = [RemarkItem(state=cast("Any", each.state), text=each.text) for each in await house.check_up()]
        return json_response(CheckUp(at=timestamp(time.time()), remarks=remarks))

    return [
        Route(
            method="GET",
            path="/api/operator/settings",
            handler=settings,
            access=Access.OPERATOR,
            summary="The configuration in force, with where each value comes from; secrets as stars.",
            responses={200: SettingList},
        ),
        Route(
            method="GET",
            path="/api/operator/doctor",
            handler=doctor,
            access=Access.OPERATOR,
            summary="What doorward doctor says about this house.",
            responses={200: CheckUp},
        ),
    ]
