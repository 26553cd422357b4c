"""Ways around or through the agent door: AP-BYP-01 to AP-BYP-08. Each attack has a control that gets in, and a refused
one runs nothing."""

import asyncio
import urllib.parse

import aiohttp
import pytest
from tests.unit.agent_door.doors import (
    ALICE,
    BOB,
    CHAT,
    JOBS,
    PATH,
    SESSION,
    SESSION_HEADER,
    TURN_HEADER,
    USER_HEADER,
    USER_TOKEN,
    http,
    served,
    signed,
    world,
)
from yarl import URL

from doorward.identity.sigv4 import Credentials
from doorward.model.secret import Secret

pytestmark = pytest.mark.anyio

AUTHORIZATION = ("authorization", f"Bearer {USER_TOKEN}")


async def post(client: aiohttp.ClientSession, headers, *, path=PATH, query="qualifier=DEFAULT", body=b"{}"):
    target = URL(f"{str(client._base_url).rstrip('/')}{path}?{query}", encoded=True)
    async with asyncio.timeout(10), client.post(target, headers=headers, data=body) as response:
        return response.status, await response.read()


async def denied(house, client, headers, **request) -> str:
    """Send it; it must be refused as AWS refuses, run nothing and be written down. Returns the ledger's code."""
    before = len(house.runtime.runs)

    status, _ = await post(client, headers, **request)

    assert status == 403
    assert len(house.runtime.runs) == before
    last = (await house.entries())[-1]
    assert last.verdict == "deny"
    return last.code


async def allowed(house, client, headers, **request) -> None:
    before = len(house.runtime.runs)

    status, _ = await post(client, headers, **request)

    assert status == 200
    assert len(house.runtime.runs) == before + 1


@pytest.mark.parametrize(
    "path", [PATH, PATH.replace("invocations", "ws"), "/mcp", "/", "/runtimes/hello/invocations", "/invocations"]
)
async def test_a_users_token_sent_straight_to_the_agent_runs_nothing(tmp_path, path):
    """AP-BYP-01"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        await allowed(house, client, signed(url, house))

        await denied(house, client, [AUTHORIZATION], path=path)


async def test_the_same_token_opens_the_door_where_the_pattern_has_the_gap(tmp_path):
    """AP-BYP-01: what the patterns direct and front-door are kept to show."""
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        await allowed(house, client, [AUTHORIZATION])

        status, _ = await post(client, [("authorization", "Bearer " + USER_TOKEN[::-1])])

        assert status == 401
        assert len(house.runtime.runs) == 1


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([("cookie", f"access_token={USER_TOKEN}")], ""),
        ([("sec-websocket-protocol", f"bearer, {USER_TOKEN}")], ""),
        ([("x-forwarded-access-token", USER_TOKEN)], ""),
        ([("proxy-authorization", f"Bearer {USER_TOKEN}")], ""),
        ([AUTHORIZATION, AUTHORIZATION], ""),
        ([("authorization", USER_TOKEN)], ""),
        ([("authorization", f"bearer {USER_TOKEN}")], ""),
        ([], f"access_token={USER_TOKEN}"),
        ([], f"token={USER_TOKEN}&qualifier=DEFAULT"),
        ([], f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={'0' * 64}"),
    ],
)
@pytest.mark.parametrize("with_signature", [False, True])
async def test_a_users_token_in_any_other_place_runs_nothing(tmp_path, headers, query, with_signature):
    """AP-BYP-02: also next to a good signature."""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        own = list(signed(url, house).items()) if with_signature else []

        await denied(house, client, [*own, *headers], query=query or "qualifier=DEFAULT")

        written = repr(await house.entries())
        assert USER_TOKEN not in written
        await allowed(house, client, signed(url, house, ("amz-sdk-invocation-id", "control")))


async def test_a_workloads_signature_is_no_users_token(tmp_path):
    """AP-BYP-04"""
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        status, _ = await post(client, signed(url, house))

        assert status == 401
        assert house.runtime.runs == []


async def test_a_turn_token_is_neither_a_users_token_nor_a_signature(tmp_path):
    """AP-BYP-04"""
    async with world(tmp_path) as house:
        bearer = [("authorization", f"Bearer {house.turn_token()}")]
        async with served(house.user_door()) as url, http(url) as client:
            assert (await post(client, bearer))[0] == 401
        async with served(house.workload_door()) as url, http(url) as client:
            await denied(house, client, bearer)

        assert house.runtime.runs == []


async def test_a_captured_request_works_once(tmp_path):
    """AP-BYP-05"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        captured = signed(url, house)
        await allowed(house, client, captured)

        assert await denied(house, client, captured) == "signature_replayed"
        assert await denied(house, client, {**captured, "user-agent": "another"}) == "signature_replayed"
        assert [verdict for verdict, _ in await house.verdicts()] == ["allow", "deny", "deny"]


async def test_a_captured_request_works_once_also_after_a_restart(tmp_path):
    """AP-BYP-05"""
    async with world(tmp_path) as house:
        async with served(house.workload_door()) as url, http(url) as client:
            captured = signed(url, house)
            await allowed(house, client, captured)
        house.restart()
        async with served(house.workload_door()) as again, http(again) as client:
            captured_host = {**captured, "host": url.removeprefix("http://")}

            assert await denied(house, client, captured_host) == "signature_replayed"
            await allowed(house, client, signed(again, house))


async def test_of_many_copies_at_once_one_runs(tmp_path):
    """AP-BYP-05"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        captured = signed(url, house)

        answers = await asyncio.gather(*(post(client, captured) for _ in range(20)))

        assert sorted(status for status, _ in answers) == [200] + [403] * 19
        assert len(house.runtime.runs) == 1


@pytest.mark.parametrize(("late", "code"), [(301, "signature_expired"), (-301, "signature_not_yet_valid")])
async def test_a_captured_request_is_worth_nothing_outside_its_window(tmp_path, late, code):
    """AP-BYP-05, F-08"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        captured = signed(url, house)
        house.clock.offset = late

        assert await denied(house, client, captured) == code


@pytest.mark.parametrize(
    "name", ["authorization", "x-amz-date", SESSION_HEADER, USER_HEADER, TURN_HEADER, "content-type", "host"]
)
async def test_a_changed_header_is_refused(tmp_path, name):
    """AP-BYP-06"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        extra = (USER_HEADER, ALICE.key), (TURN_HEADER, house.turn_token()), ("content-type", "application/json")
        good = signed(url, house, *extra)
        changed = good | {name: good[name][:-1] + ("1" if good[name][-1] != "1" else "2")}
        # A port is the last thing in Host, so that the allow-list still lets it pass.

        await denied(house, client, changed)

        await allowed(house, client, good)


@pytest.mark.parametrize("name", ["x-amz-date", SESSION_HEADER, USER_HEADER, TURN_HEADER])
async def test_a_header_taken_off_is_refused(tmp_path, name):
    """AP-BYP-06"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        good = signed(url, house, (USER_HEADER, ALICE.key), (TURN_HEADER, house.turn_token()))

        await denied(house, client, {key: value for key, value in good.items() if key != name})

        await allowed(house, client, good)


async def test_a_changed_path_query_or_body_is_refused(tmp_path):
    """AP-BYP-06"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        good = signed(url, house)

        await denied(house, client, good, path=PATH.replace("hello", "hellp"))
        await denied(house, client, good, path=PATH.replace("%3A", "%3a"))
        await denied(house, client, good, path=urllib.parse.unquote(PATH).replace("/hello", "%2Fhello"))
        await denied(house, client, good, path=PATH.replace("invocations", "stopruntimesession"))
        await denied(house, client, good, query="qualifier=DEFAULU")
        await denied(house, client, good, query="qualifier=DEFAULT&accountId=000000000000")
        await denied(house, client, good, body=b"{ ")
        assert house.runtime.stops == []
        await allowed(house, client, good)


@pytest.mark.parametrize(
    "name", [USER_HEADER, TURN_HEADER, SESSION_HEADER, "x-amzn-bedrock-agentcore-runtime-custom-x"]
)
async def test_a_header_added_outside_the_signature_is_refused(tmp_path, name):
    """AP-BYP-06"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        good = signed(url, house)
        outside = {**good, name: ALICE.key if name == USER_HEADER else SESSION}
        if name == SESSION_HEADER:
            outside["authorization"] = good["authorization"].replace(f";{SESSION_HEADER}", "")

        assert await denied(house, client, outside) == "signature_incomplete"


async def test_internal_headers_of_a_client_have_no_effect(tmp_path):
    """AP-BYP-07: where a user's token opens the door, the server says who the user is."""
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        spoofed = [AUTHORIZATION, (USER_HEADER, BOB.key), (TURN_HEADER, house.turn_token(BOB)), ("txn-token", "x")]

        await allowed(house, client, spoofed)

        _, caller, passed_on = house.runtime.runs[0]
        assert caller == ALICE
        assert passed_on.user_id == ALICE.key
        minted = house.tokens.verify(passed_on.turn_token.reveal(), audience=passed_on.agent)
        assert minted.owner_key == ALICE.key
        assert minted.session_id == passed_on.session_id


@pytest.mark.parametrize("name", [USER_HEADER.replace("-", "_"), "x-amzn_bedrock-agentcore-runtime-user-id"])
async def test_internal_headers_spelled_with_underscores_are_refused(tmp_path, name):
    """AP-BYP-07, AP-HTP-02"""
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        status, _ = await post(client, [AUTHORIZATION, (name, BOB.key)])

        assert status == 400
        assert house.runtime.runs == []


async def test_internal_headers_sent_twice_are_refused(tmp_path):
    """AP-BYP-07, AP-HTP-02"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        good = signed(url, house, (USER_HEADER, ALICE.key), (TURN_HEADER, house.turn_token()))

        status, _ = await post(client, [*good.items(), (USER_HEADER, BOB.key)])

        assert status == 400
        assert house.runtime.runs == []


@pytest.mark.parametrize(
    ("key", "user", "code"),
    [
        (CHAT, None, "turn_token_required"),
        (CHAT, BOB, "turn_token_mismatch"),
        (JOBS, ALICE, "act_for_user_denied"),
        (JOBS, None, "act_for_user_denied"),
    ],
)
async def test_a_service_cannot_act_for_a_user_without_grant_and_turn_token(tmp_path, key: Credentials, user, code):
    """AP-BYP-08"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        token = [] if user is None else [(TURN_HEADER, house.turn_token(user))]

        assert await denied(house, client, signed(url, house, (USER_HEADER, ALICE.key), *token, key=key)) == code

        good = signed(url, house, (USER_HEADER, ALICE.key), (TURN_HEADER, house.turn_token()))
        await allowed(house, client, good)


async def test_a_turn_token_without_a_user_of_another_session_or_for_another_agent_is_refused(tmp_path):
    """AP-BYP-08"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        user = (USER_HEADER, ALICE.key)
        elsewhere = house.turn_token(session="session-0000000000000000000000000002")
        other_agent = house.turn_token(audience="arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/other")
        expired = house.turn_token()

        alone = signed(url, house, (TURN_HEADER, house.turn_token()))
        assert await denied(house, client, alone) == "turn_token_required"
        assert await denied(house, client, signed(url, house, user, (TURN_HEADER, elsewhere))) == "turn_token_mismatch"
        assert await denied(house, client, signed(url, house, user, (TURN_HEADER, other_agent))) == "turn_token_invalid"
        house.clock.offset = 61
        assert await denied(house, client, signed(url, house, user, (TURN_HEADER, expired))) == "turn_token_invalid"


async def test_a_turn_token_of_another_service_is_of_no_use_with_ones_own_key(tmp_path):
    """AP-BYP-08"""
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        captured = house.turn_token(actor="other-service")

        refused = signed(url, house, (USER_HEADER, ALICE.key), (TURN_HEADER, captured))

        assert await denied(house, client, refused) == "turn_token_mismatch"


async def test_an_unknown_key_is_told_nothing_that_a_wrong_secret_is_not(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        unknown = Credentials("AKNOBODY000000000001", CHAT.secret)
        wrong = Credentials(CHAT.key_id, Secret("wrong"))

        answers = [await post(client, signed(url, house, key=key)) for key in (unknown, wrong)]

        assert answers[0] == answers[1]
        assert {entry.principal for entry in await house.entries()} == {""}
