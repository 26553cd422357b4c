"""Cross-origin requests: exact answers, also on errors."""

import pytest
from tests.unit.front_door.rig import ALICE, front_door

pytestmark = pytest.mark.anyio

LISTED = "https://app.example"
OWN = "http://127.0.0.1:8000"


def preflight(origin: str, method: str = "POST") -> list[str]:
    return [
        f"Origin: {origin}",
        f"Access-Control-Request-Method: {method}",
        "Access-Control-Request-Headers: authorization",
    ]


async def test_a_preflight_of_a_listed_origin_is_answered_exactly_and_not_recorded() -> None:
    async with front_door(allowed_origins=(LISTED,)) as rig:
        reply = await rig.request("OPTIONS", "/api/chat", *preflight(LISTED))
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == LISTED
    assert reply.headers["access-control-allow-methods"] == "POST"
    assert "authorization" in reply.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in reply.headers
    assert reply.headers["vary"] == "origin"
    assert rig.ledger.entries_ == []
    assert rig.handlers.runs == 0


async def test_a_preflight_for_what_does_not_exist_is_404_and_405() -> None:
    async with front_door(allowed_origins=(LISTED,)) as rig:
        assert (await rig.request("OPTIONS", "/nothing", *preflight(LISTED))).status == 404
        assert (await rig.request("OPTIONS", "/api/chat", *preflight(LISTED, "DELETE"))).status == 405
        assert (await rig.request("OPTIONS", "/api/chat", ALICE)).status == 405


async def test_errors_carry_the_headers_too() -> None:
    async with front_door(allowed_origins=(LISTED,)) as rig:
        origin = f"Origin: {LISTED}"
        replies = [
            await rig.request("GET", "/api/me", origin),
            await rig.request("GET", "/nothing", origin),
            await rig.request("GET", "/broken", origin),
            await rig.request("GET", "/a//b", origin),
        ]
    assert [reply.status for reply in replies] == [401, 404, 500, 400]
    assert {reply.headers["access-control-allow-origin"] for reply in replies} == {LISTED}


async def test_the_wildcard_never_goes_with_credentials() -> None:
    async with front_door(allowed_origins=("*",), allow_credentials=True) as rig:
        reply = await rig.request("GET", "/api/me", "Origin: https://any.example", ALICE)
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in reply.headers
        cookie = await rig.request("GET", "/api/me", "Origin: https://any.example", "Cookie: s=alice")
        assert cookie.code == "cross_site_request"


async def test_a_listed_origin_with_credentials_may_use_the_session() -> None:
    async with front_door(allowed_origins=(LISTED,), allow_credentials=True) as rig:
        reply = await rig.request("GET", "/api/me", f"Origin: {LISTED}", "Cookie: s=alice")
    assert reply.status == 200
    assert reply.headers["access-control-allow-credentials"] == "true"


async def test_a_route_for_any_origin_answers_all_without_credentials_and_public_reading_stays_unreadable() -> None:
    async with front_door() as rig:
        form = "Content-Type: application/x-www-form-urlencoded"
        foreign = "Origin: https://any.example"
        token = await rig.request("POST", "/token", foreign, form, body=b"code=a")
        assert (token.status, token.headers["access-control-allow-origin"]) == (200, "*")
        public = await rig.request("GET", "/", foreign)
        assert public.status == 200
        assert "access-control-allow-origin" not in public.headers


async def test_our_own_pages_are_not_foreign_under_either_name() -> None:
    async with front_door() as rig:
        assert (await rig.request("GET", "/api/me", f"Origin: {OWN}", ALICE)).status == 200
        local = [f"Host: localhost:{rig.port}", f"Origin: http://localhost:{rig.port}"]
        assert (await rig.request("GET", "/api/me", *local, ALICE)).status == 200
