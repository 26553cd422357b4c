"""The caller's side: what it sends through a real door, and what it makes of the answers."""

import asyncio
import socket

import pytest
from aiohttp import web
from tests.unit.agent_door.doors import (
    ALICE,
    ARN,
    CHAT,
    SESSION,
    SESSION_HEADER,
    USER_TOKEN,
    Clock,
    call,
    knocking,
    served,
    world,
)

from doorward.agent_door.knock import Knock
from doorward.errors import (
    AgentFailed,
    AgentTimeout,
    AgentUnreachable,
    ConfigurationError,
    Conflict,
    Forbidden,
    TooManyRequests,
)
from doorward.model.principals import TurnIdentity
from doorward.model.secret import Secret
from doorward.model.settings import AgentSettings

pytestmark = pytest.mark.anyio


async def whole(reply) -> bytes:
    return b"".join([chunk async for chunk in reply.chunks])


async def test_a_signed_call_comes_through_and_its_answer_back(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, knocking(url, house) as knock:
        trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        asked = call(user_id=ALICE.key, turn_token=Secret(house.turn_token()), request_id="r-1", traceparent=trace)

        reply = await knock.invoke(asked)

        assert (reply.status, reply.content_type, reply.session_id) == (200, "application/json", SESSION)
        assert await whole(reply) == b'{"response":"hi"}'
        [(_, _, got)] = house.runtime.runs
        assert (got.payload, got.user_id, got.request_id) == (asked.payload, ALICE.key, "r-1")
        assert (got.accept, got.traceparent) == ("text/event-stream", trace)


async def test_equal_calls_at_once_all_come_through(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, knocking(url, house) as knock:
        replies = await asyncio.gather(*(knock.invoke(call()) for _ in range(10)))

        assert [await whole(reply) for reply in replies] == [b'{"response":"hi"}'] * 10
        assert len(house.runtime.runs) == 10


async def test_a_users_token_is_passed_as_bearer_in_the_patterns_that_do_so(tmp_path):
    async with world(tmp_path) as house, served(house.user_door()) as url, knocking(url, house, None) as knock:
        assert await whole(await knock.invoke(call(bearer=Secret(USER_TOKEN)))) == b'{"response":"hi"}'


async def test_chunks_arrive_while_the_agent_runs_and_closing_them_hangs_up(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, knocking(url, house) as knock:
        house.runtime.answer = [b"data: 1\n\n"]
        house.runtime.blocks = True
        async with asyncio.timeout(10):
            reply = await knock.invoke(call())
            assert await anext(reply.chunks) == b"data: 1\n\n"

            await reply.chunks.aclose()

            await house.runtime.closed.wait()


async def test_an_answer_that_was_never_read_can_be_closed(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, knocking(url, house) as knock:
        house.runtime.blocks = True
        async with asyncio.timeout(10):
            reply = await knock.invoke(call())
            await reply.chunks.aclose()
            await house.runtime.closed.wait()


async def test_an_answer_that_breaks_off_says_so(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, knocking(url, house) as knock:
        house.runtime.breaks = AgentFailed("It died.")
        reply = await knock.invoke(call())

        with pytest.raises(AgentUnreachable):
            await whole(reply)


async def test_stopping_names_session_and_user(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, knocking(url, house) as knock:
        await knock.stop(ARN, SESSION)
        await knock.stop(ARN, SESSION, user_id=ALICE.key, turn_token=Secret(house.turn_token()))

        assert [(agent, session) for agent, _, session in house.runtime.stops] == [("hello", SESSION)] * 2
        assert house.runtime.stops[1][1].owner_key == ALICE.key


async def test_forgetting_stops_and_erases_that_users_session_and_stopping_erases_nothing(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url, knocking(url, house) as knock:
        token = Secret(house.turn_token())
        await knock.stop(ARN, SESSION, user_id=ALICE.key, turn_token=token)
        assert house.runtime.forgotten == []

        await knock.forget(ARN, SESSION, user_id=ALICE.key, turn_token=token)

        [(agent, caller, session)] = house.runtime.forgotten
        assert (agent, session) == ("hello", SESSION)
        assert isinstance(caller, TurnIdentity)
        assert caller.owner_key == ALICE.key
        with pytest.raises(Forbidden):
            await knock.forget(ARN, SESSION, user_id="another-user", turn_token=token)
        assert len(house.runtime.forgotten) == 1


@pytest.mark.parametrize(
    ("error", "seen", "code"),
    [
        (AgentFailed("It failed."), AgentFailed, "agent_failed"),
        (AgentTimeout("Too slow."), AgentTimeout, "agent_timeout"),
        (AgentUnreachable("Gone."), AgentUnreachable, "agent_unreachable"),
        (Conflict("Busy."), Conflict, "session_busy"),
        (TooManyRequests("Slow.", retry_after=7), TooManyRequests, "rate_limited"),
    ],
)
async def test_an_error_behind_the_door_is_the_ports_error_here(tmp_path, error, seen, code):
    async with world(tmp_path) as house, served(house.workload_door()) as url, knocking(url, house) as knock:
        house.runtime.error = error

        with pytest.raises(seen) as caught:
            await knock.invoke(call())

        assert caught.value.code == code


@pytest.mark.parametrize(
    ("status", "seen", "code"),
    [
        (400, AgentFailed, "agent_call_invalid"),
        (401, Forbidden, "agent_door_refused"),
        (402, TooManyRequests, "rate_limited"),
        (403, Forbidden, "agent_door_refused"),
        (404, AgentFailed, "agent_not_found"),
        (409, Conflict, "session_busy"),
        (424, AgentFailed, "agent_failed"),
        (429, TooManyRequests, "rate_limited"),
        (500, AgentFailed, "agent_failed"),
        (503, AgentUnreachable, "agent_unreachable"),
        (302, AgentFailed, "agent_failed"),
    ],
)
async def test_awss_own_answers_are_understood_and_not_retried(status, seen, code):
    asked = []

    async def answer(request):
        asked.append(request.path)
        return web.Response(status=status, text='{"message":"internal detail"}', headers={"location": "/elsewhere"})

    async with other_server(answer) as url, plain_knock(url) as knock:
        with pytest.raises(seen) as caught:
            await knock.invoke(call())

    assert caught.value.code == code
    assert "internal detail" not in caught.value.message
    assert len(asked) == 1


@pytest.mark.parametrize("conflicts", [1, 4])
async def test_a_conflict_that_agentcore_says_will_pass_is_waited_out(conflicts):
    """The user has seen nothing of it, and nothing ran."""
    asked = []

    async def answer(request):
        asked.append((request.headers["authorization"], await request.read()))
        if len(asked) <= conflicts:
            kind = {"x-amzn-errortype": "RetryableConflictException:http://internal.amazon.com/"}
            return web.json_response({"message": "internal detail"}, status=409, headers=kind)
        return web.Response(text='{"response":"hi"}')

    async with other_server(answer) as url, plain_knock(url) as knock:
        assert await whole(await knock.invoke(call())) == b'{"response":"hi"}'
        await knock.stop(ARN, SESSION)

    calls = asked[:-1]
    assert len({signature for signature, _ in calls}) == conflicts + 1, "each is signed anew"
    assert {body for _, body in calls} == {call().payload}


async def test_the_connection_of_a_conflict_is_given_back_before_the_next_knock():
    connections = []

    async def answer(request):
        connections.append(request.transport)
        if len(connections) <= 4:
            return web.Response(status=409, headers={"x-amzn-errortype": "RetryableConflictException"})
        return web.Response(text='{"response":"hi"}')

    async with other_server(answer) as url, plain_knock(url) as knock:
        assert await whole(await knock.invoke(call())) == b'{"response":"hi"}'

    assert (len(connections), len(set(connections))) == (5, 1)


@pytest.mark.parametrize(("kind", "calls"), [("RetryableConflictException", 5), ("ConflictException", 1), ("", 1)])
async def test_a_conflict_that_stays_is_a_busy_session(kind, calls):
    asked = []

    async def answer(request):
        asked.append(request.path)
        headers = {"x-amzn-errortype": kind} if kind else {}
        return web.json_response({"message": "internal detail"}, status=409, headers=headers)

    async with other_server(answer) as url, plain_knock(url) as knock:
        with pytest.raises(Conflict) as caught:
            await knock.invoke(call())

    assert caught.value.code == "session_busy"
    assert len(asked) == calls


@pytest.mark.parametrize(
    ("kind", "code", "refused"),
    [
        ("ResourceNotFoundException", "", False),
        ("ResourceNotFoundException:http://internal.amazon.com/", "", False),
        ("ResourceNotFoundException", "agent_not_found", True),  # our own door: there is no such agent
        ("", "", True),  # something between
    ],
)
async def test_a_session_that_has_ended_by_itself_counts_as_stopped_and_nothing_else_does(kind, code, refused):
    """AgentCore says ResourceNotFoundException of a session that idled out, as most have when they are deleted."""

    async def answer(request):
        return web.json_response(
            {"message": "internal detail", "code": code}, status=404, headers={"x-amzn-errortype": kind} if kind else {}
        )

    async with other_server(answer) as url, plain_knock(url) as knock:
        for ask in (knock.stop, knock.forget):
            asked = ask(ARN, SESSION, user_id=ALICE.key, turn_token=Secret("a token"))
            if refused:
                with pytest.raises(AgentFailed) as caught:
                    await asked
                assert caught.value.code == "agent_not_found"
            else:
                await asked


async def test_nobody_listening_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with plain_knock(f"http://127.0.0.1:{port}") as knock:
        with pytest.raises(AgentUnreachable):
            await knock.invoke(call())


async def test_an_agent_that_takes_too_long_is_a_timeout_before_and_in_the_answer():
    async def silent(request):
        await asyncio.Event().wait()

    async def half(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        await asyncio.Event().wait()

    async with other_server(silent) as url, plain_knock(url, turn_timeout=0.2) as knock:
        with pytest.raises(AgentTimeout):
            await knock.invoke(call())
    async with other_server(half) as url, plain_knock(url, turn_timeout=0.2) as knock:
        reply = await knock.invoke(call())
        with pytest.raises(AgentTimeout):
            await whole(reply)


async def test_without_a_key_nothing_is_sent():
    async with plain_knock("http://127.0.0.1:1", credentials=None) as knock:
        with pytest.raises(ConfigurationError):
            await knock.invoke(call())


@pytest.mark.parametrize("url", ["ftp://door.test", "door.test", ""])
def test_a_url_that_is_none_is_refused_at_the_start(url):
    with pytest.raises(ConfigurationError):
        Knock(url, AgentSettings(), credentials=None, clock=Clock())


async def test_only_what_the_door_needs_is_sent():
    seen = {}

    async def answer(request):
        seen.update({name.lower(): value for name, value in request.headers.items()})
        return web.Response(text="{}")

    async with other_server(answer) as url, plain_knock(url) as knock:
        await whole(await knock.invoke(call()))

    assert seen.keys() == {
        "accept",
        "amz-sdk-invocation-id",
        "authorization",
        "content-length",
        "content-type",
        "host",
        SESSION_HEADER,
        "x-amz-date",
    }


class plain_knock:  # noqa: N801 - used as a function
    def __init__(self, url, *, credentials=CHAT, **settings):
        self.knock = Knock(url, AgentSettings(**settings), credentials=credentials, clock=Clock())

    async def __aenter__(self):
        return self.knock

    async def __aexit__(self, *error):
        await self.knock.close()


class other_server:  # noqa: N801 - used as a function
    """Something that is not our door."""

    def __init__(self, handler):
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handler)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)

    async def __aenter__(self):
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def __aexit__(self, *error):
        await self.runner.cleanup()
