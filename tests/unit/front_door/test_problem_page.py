"""A problem for a person who navigates, and for everybody else."""

import pytest
from tests.unit.front_door.rig import ALICE, front_door

pytestmark = pytest.mark.anyio
NAVIGATES = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"


async def test_who_navigates_reads_a_page_and_the_same_status() -> None:
    async with front_door() as rig:
        reply = await rig.request("GET", "/nothing", NAVIGATES)
    assert (reply.status, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert reply.headers["cache-control"] == "no-store"
    assert b"There is nothing here." in reply.raw
    assert b"not_found" in reply.raw


async def test_the_page_runs_nothing_and_is_framed_by_nobody() -> None:
    """AP-TOL-11, AP-HTP-12."""
    async with front_door() as rig:
        reply = await rig.request("GET", "/<script>", NAVIGATES)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert b"<script" not in reply.raw


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html", ""])
async def test_a_program_gets_problem_details(accept: str) -> None:
    async with front_door() as rig:
        reply = await rig.request("GET", "/nothing", f"Accept: {accept}")
    assert (reply.headers["content-type"], reply.code) == ("application/problem+json", "not_found")


async def test_what_is_no_problem_and_what_is_no_navigation_stay_as_they_are() -> None:
    async with front_door() as rig:
        found = await rig.request("GET", "/api/me", NAVIGATES, ALICE)
        sent = await rig.request("POST", "/nothing", NAVIGATES)
    assert (found.status, found.headers["content-type"]) == (200, "application/json")
    assert sent.headers["content-type"] == "application/problem+json"
