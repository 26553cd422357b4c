"""The runner: the order of the checks, and what happens when nobody says yes or a check fails."""

import pytest
from tests.unit.front_door.rig import ALICE, front_door

from doorward.front_door.access import Access
from doorward.front_door.check import Answer
from doorward.front_door.door import CHECKS
from doorward.front_door.visit import Visit

pytestmark = pytest.mark.anyio


class Broken:
    """A check that fails."""

    async def check(self, visit: Visit) -> Answer:
        raise RuntimeError("canary")


def test_the_order_is_the_one_that_is_promised() -> None:
    assert [check.__name__ for check in CHECKS] == [
        "RequestId", "Size", "Path", "Host", "Cors", "KnownBadInputs", "AddressLimit", "KnownRoute",
        "Authenticate", "Csrf", "Access", "UserLimits", "Query", "Body",
    ]  # fmt: skip


async def test_when_no_check_allows_the_answer_is_no() -> None:
    async with front_door() as rig:
        rig.door.checks = tuple(check for check in rig.door.checks if not isinstance(check, Access))
        reply = await rig.request("GET", "/api/me", ALICE)
    assert (reply.status, reply.code, rig.handlers.runs) == (403, "forbidden", 0)


async def test_a_check_that_fails_lets_nobody_in() -> None:
    async with front_door() as rig:
        rig.door.checks = (*rig.door.checks, Broken())
        reply = await rig.request("GET", "/", ALICE)
    assert (reply.status, reply.code, rig.handlers.runs) == (500, "internal_error", 0)
    assert b"canary" not in reply.raw
