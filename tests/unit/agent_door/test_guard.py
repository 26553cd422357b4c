"""The agent door as a server: what it answers, whom it lets in, what it writes down."""

import asyncio

import aiohttp
import pytest
from tests.unit.agent_door.doors import (
    ALICE,
    ARN,
    JOBS,
    ORIGIN,
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

from doorward.agent_door.guard import AgentDoor
from doorward.errors import (
    AgentFailed,
    AgentTimeout,
    AgentUnreachable,
    Conflict,
    NotFound,
    StoreUnavailable,
    TooManyRequests,
)
from doorward.http.limiter import RateLimiter
from doorward.model.principals import TurnIdentity, Workload

pytestmark = pytest.mark.anyio
BEARER = {"authorization": f"Bearer {USER_TOKEN}"}


async def post(session: aiohttp.ClientSession, headers, *, path=PATH, query="qualifier=DEFAULT", body=b"{}"):
    target = URL(str(session._base_url).rstrip("/") + path + (f"?{query}" if query else ""), encoded=True)
    async with session.post(target, headers=headers, data=body) as response:
        return response.status, response.headers, await response.read()


async def test_a_signed_invocation_runs_the_agent_and_is_in_the_ledger(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        status, headers, body = await post(client, signed(url, house))

        assert (status, body) == (200, b'{"response":"hi"}')
        assert headers[SESSION_HEADER] == SESSION
        [(agent, caller, passed_on)] = house.runtime.runs
        assert agent == "hello"
        assert isinstance(caller, Workload)
        assert caller.name == "chat"
        assert passed_on.agent == ARN
        assert passed_on.payload == b"{}"
        assert passed_on.user_id is None
        [entry] = await house.entries()
        assert (entry.door, entry.verdict, entry.principal) == ("agent_door", "allow", "chat")
        assert (entry.action, entry.resource) == ("InvokeAgentRuntime", ARN)


async def test_a_turn_for_a_user_reaches_the_runtime_with_its_token(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        token = house.turn_token()

        status, _, _ = await post(client, signed(url, house, (USER_HEADER, ALICE.key), (TURN_HEADER, token)))

        assert status == 200
        [(_, caller, passed_on)] = house.runtime.runs
        assert isinstance(caller, TurnIdentity)
        assert caller.owner_key == passed_on.user_id == ALICE.key
        assert passed_on.turn_token is not None
        assert passed_on.turn_token.reveal() == token
        [entry] = await house.entries()
        assert (entry.on_behalf_of, entry.turn_id) == (ALICE.key, "turn-1")


async def test_a_session_is_made_when_none_is_named(tmp_path):
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        status, headers, _ = await post(client, BEARER)

        assert status == 200
        assert len(headers[SESSION_HEADER]) == 36
        assert house.runtime.runs[0][2].session_id == headers[SESSION_HEADER]


@pytest.mark.parametrize("name", ["short", "-" + "a" * 35, "a" * 101, "a_" + "b" * 34, "../" + "a" * 33])
async def test_a_session_id_of_another_form_is_refused(tmp_path, name):
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        status, headers, _ = await post(client, {**BEARER, SESSION_HEADER: name})

        assert (status, headers["x-amzn-errortype"]) == (400, "ValidationException")
        assert house.runtime.runs == []


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (AgentFailed("It failed."), 424, "RuntimeClientError"),
        (AgentTimeout("Too slow."), 424, "RuntimeClientError"),
        (AgentUnreachable("Not there."), 500, "InternalServerException"),
        (Conflict("Busy."), 409, "ConflictException"),
        (NotFound("No."), 404, "ResourceNotFoundException"),
        (TooManyRequests("Slow down.", retry_after=7), 429, "ThrottlingException"),
        (StoreUnavailable("No store."), 503, "ServiceUnavailableException"),
    ],
)
async def test_a_failure_of_the_runtime_has_awss_form(tmp_path, error, status, kind):
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        house.runtime.error = error

        got, headers, body = await post(client, signed(url, house))

        assert (got, headers["x-amzn-errortype"]) == (status, kind)
        assert error.message.encode() in body
        assert headers.get("retry-after") == ("7" if status == 429 else None)


@pytest.mark.parametrize(
    "path",
    [
        PATH.replace("invocations", "commands"),
        PATH.replace("invocations", "ws"),
        PATH + "/.well-known/agent-card.json",
        "/mcp",
        "/",
        "/metrics",
    ],
)
async def test_every_other_operation_is_denied_even_when_signed(tmp_path, path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        status, headers, _ = await post(client, signed(url, house, path=path), path=path)

        assert (status, headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
        assert await house.verdicts() == [("deny", "operation_denied")]


@pytest.mark.parametrize(
    "path", [PATH + "/", PATH.replace("/runtimes", "//runtimes"), PATH.replace("hello", "%2e%2e/x")]
)
async def test_a_path_that_reads_two_ways_is_refused(tmp_path, path):
    """AP-HTP-04"""
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        status, _, _ = await post(client, BEARER, path=path)

        assert status in (400, 403)
        assert house.runtime.runs == []


async def test_health_is_told_to_everybody_and_not_written_down(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        async with client.get("/ping") as response:
            assert await response.json() == {"status": "Healthy"}
        house.runtime.is_ready = False
        async with client.get("/ping") as response:
            assert response.status == 503

        assert await house.entries() == []


async def test_the_id_form_needs_the_account(tmp_path):
    short = "/runtimes/hello/invocations"
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        with_account, _, _ = await post(client, BEARER, path=short, query="accountId=000000000000")
        without, _, _ = await post(client, BEARER, path=short, query="")
        other, _, _ = await post(client, BEARER, path=short, query="accountId=000000000001")

        assert (with_account, without, other) == (200, 403, 403)
        assert len(house.runtime.runs) == 1


@pytest.mark.parametrize(
    ("old", "new"), [("us-east-1", "eu-west-1"), ("000000000000", "999999999999"), ("hello", "other")]
)
async def test_an_agent_without_a_grant_is_denied_wherever_it_is(tmp_path, old, new):
    path = PATH.replace(old, new)
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        status, _, _ = await post(client, signed(url, house, path=path), path=path)

        assert status == 403
        assert await house.verdicts() == [("deny", "invoke_denied")]


async def test_an_agent_that_does_not_exist_is_told_to_who_may_invoke_it(tmp_path):
    path = PATH.replace("hello", "gone")
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        status, _, _ = await post(client, signed(url, house, path=path), path=path)

        assert status == 404


async def test_a_payload_beyond_the_limit_is_refused(tmp_path):
    async with world(tmp_path, max_payload_bytes=10) as house, served(house.user_door()) as url, http(url) as client:
        status, headers, _ = await post(client, BEARER, body=b"x" * 11)

        assert (status, headers["x-amzn-errortype"]) == (413, "ValidationException")


async def test_an_answer_beyond_the_limit_is_cut_and_cannot_be_taken_for_whole(tmp_path):
    async with world(tmp_path, max_response_bytes=10) as house, served(house.user_door()) as url, http(url) as client:
        house.runtime.answer = [b"12345", b"678901"]

        with pytest.raises(aiohttp.ClientPayloadError):
            await post(client, BEARER)
        assert house.runtime.closed.is_set()


async def test_an_answer_that_breaks_off_cannot_be_taken_for_whole(tmp_path):
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        house.runtime.breaks = AgentUnreachable("The worker died.")

        with pytest.raises(aiohttp.ClientPayloadError):
            await post(client, BEARER)


async def test_chunks_are_passed_on_as_they_come_and_a_client_that_leaves_hangs_up(tmp_path):
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        house.runtime.answer = [b"data: 1\n\n"]
        house.runtime.blocks = True
        async with asyncio.timeout(10):
            response = await client.post(URL(url + PATH, encoded=True), headers=BEARER, data=b"{}")
            assert await response.content.readany() == b"data: 1\n\n"
            await house.runtime.started.wait()
            assert not house.runtime.closed.is_set()

            response.close()

            await house.runtime.closed.wait()


async def test_stopping_reaches_the_runtime_as_the_same_caller(tmp_path):
    path = PATH.replace("invocations", "stopruntimesession")
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        headers = signed(url, house, (USER_HEADER, ALICE.key), (TURN_HEADER, house.turn_token()), path=path)

        status, answered, _ = await post(client, headers, path=path)

        assert (status, answered[SESSION_HEADER]) == (200, SESSION)
        [(agent, caller, session)] = house.runtime.stops
        assert (agent, session) == ("hello", SESSION)
        assert isinstance(caller, TurnIdentity)
        assert house.runtime.runs == []


async def test_a_stop_without_a_session_is_refused(tmp_path):
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        status, _, _ = await post(client, BEARER, path=PATH.replace("invocations", "stopruntimesession"))

        assert status == 400


async def test_a_callers_request_id_is_kept_only_under_its_signature(tmp_path):
    name = "x-amzn-bedrock-agentcore-runtime-request-id"
    async with world(tmp_path) as house:
        async with served(house.workload_door()) as url, http(url) as client:
            _, under_signature, _ = await post(client, signed(url, house, (name, "request-7")))
        async with served(house.user_door()) as url, http(url) as client:
            _, from_a_browser, _ = await post(client, {**BEARER, name: "request-7"})

        assert under_signature["x-amzn-requestid"] == "request-7"
        assert from_a_browser["x-amzn-requestid"] != "request-7"


async def test_a_preflight_from_the_front_doors_page_is_answered_and_errors_carry_cors_too(tmp_path):
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        asks = {"origin": ORIGIN, "access-control-request-method": "POST"}
        async with client.options(URL(url + PATH, encoded=True), headers=asks) as response:
            assert response.status == 204
            assert response.headers["access-control-allow-origin"] == ORIGIN
            assert "authorization" in response.headers["access-control-allow-headers"]
        status, headers, _ = await post(client, {"origin": ORIGIN})

        assert status == 401
        assert headers["www-authenticate"].startswith("Bearer")
        assert headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["http://evil.test", "null", ORIGIN + ".evil.test"])
async def test_a_foreign_origin_is_refused_with_a_good_token(tmp_path, origin):
    """AP-HTP-11"""
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        status, headers, _ = await post(client, {**BEARER, "origin": origin})

        assert status == 403
        assert "access-control-allow-origin" not in headers
        assert house.runtime.runs == []


async def test_a_foreign_host_is_refused(tmp_path):
    async with world(tmp_path) as house, served(house.user_door()) as url, http(url) as client:
        status, _, _ = await post(client, {**BEARER, "host": "rebound.test"})

        assert status == 421


@pytest.mark.parametrize("kind", ["workload", "user"])
async def test_without_a_ledger_nothing_runs(tmp_path, kind):
    """AP-AUD-05"""
    async with world(tmp_path) as house:
        door = house.workload_door() if kind == "workload" else house.user_door()
        async with served(door) as url, http(url) as client:
            house.database.close()

            status, headers, _ = await post(client, signed(url, house) if kind == "workload" else BEARER)

            assert (status, headers["x-amzn-errortype"]) == (503, "ServiceUnavailableException")
            assert house.runtime.runs == []


async def test_when_nobody_allows_the_answer_is_no(tmp_path):
    async with world(tmp_path) as house:
        async with served(AgentDoor(house.parts(), edge=(), checks=())) as url, http(url) as client:
            status, _, body = await post(client, {})

        assert status == 403
        assert b"nobody_allowed" in body
        assert house.runtime.runs == []


async def test_a_workload_without_the_second_grant_still_runs_for_itself(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        status, _, _ = await post(client, signed(url, house, key=JOBS))

        assert status == 200


async def test_a_target_that_was_read_before_is_still_checked_whole(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, http(url) as client:
        first, _, _ = await post(client, signed(url, house))
        async with client.get(URL(f"{url}{PATH}?qualifier=DEFAULT", encoded=True), headers=BEARER) as response:
            with_get = response.status
        unsigned, _, _ = await post(client, {})
        again, _, _ = await post(client, signed(url, house, ("amz-sdk-invocation-id", "2")))

        assert (first, with_get, unsigned, again) == (200, 403, 403, 200)
        assert len(house.runtime.runs) == 2


async def test_strangers_fill_the_ledger_up_to_a_limit_only_and_our_own_services_are_recorded_all_the_same(tmp_path):
    async with world(tmp_path) as house:
        door = house.workload_door()
        door._strangers = RateLimiter(3, 60.0)
        async with served(door) as url, http(url) as client:
            for _ in range(10):
                status, _, _ = await post(client, BEARER)
                assert status == 403
            status, _, _ = await post(client, signed(url, house))
        assert status == 200
        verdicts = await house.verdicts()
        assert [verdict for verdict, _ in verdicts] == ["deny", "deny", "deny", "allow"]
