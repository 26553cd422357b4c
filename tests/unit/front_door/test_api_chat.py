"""POST /api/chat and /api/turns over HTTP."""

import asyncio
from typing import Any
from urllib.parse import urljoin

import msgspec
import pytest
from tests.unit.front_door.api_harness import BEN, SESSION, MemoryChat, front_door

from doorward.errors import AgentFailed, Conflict
from doorward.front_door.api.chat import chat_routes
from doorward.front_door.api.turns import turn_routes
from doorward.http.routes import Route
from doorward.model.chat import TurnEvent
from doorward.model.settings import FrontDoorSettings

pytestmark = pytest.mark.anyio
STREAM = {"accept": "text/event-stream"}


def routes(chat: MemoryChat) -> list[Route]:
    return [*chat_routes(chat, max_message_characters=100, body_limit=4096), *turn_routes(chat)]


def problem(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(body)
    return found


async def test_a_message_is_answered_whole() -> None:
    async with front_door(routes(MemoryChat())) as call:
        status, headers, body = await call("POST", "/api/chat", json={"message": "hello", "session_id": SESSION})
    answer = msgspec.json.decode(body)
    assert status == 200
    assert answer["response"] == "hello"
    assert answer["session_id"] == SESSION == headers["x-session-id"]
    assert answer["turn_id"] == headers["x-turn-id"]
    assert urljoin("/api/chat", headers["location"]) == f"/api/turns/{answer['turn_id']}/events"
    assert urljoin("/v1/api/chat", headers["location"]).startswith("/v1/api/turns/"), "under a prefix too"


async def test_a_message_is_answered_by_numbered_events_when_a_stream_is_asked_for() -> None:
    async with front_door(routes(MemoryChat())) as call:
        status, headers, body = await call("POST", "/api/chat", json={"message": "hello"}, headers=STREAM)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-turn-id"]
    frames = body.decode().split("\n\n")
    assert [frame.split("\n")[0] for frame in frames[:-1]] == ["id: 1", "id: 2", "id: 3"]
    assert frames[1].split("\n")[1] == 'data: {"type":"TEXT_MESSAGE_CONTENT","delta":"hello"}'
    assert frames[-1] == ""


async def test_silence_brings_heartbeats() -> None:
    chat = MemoryChat()
    chat.hold = asyncio.Event()
    async with (
        asyncio.timeout(5),
        front_door(routes(chat)) as call,
        call.open("POST", "/api/chat", json={"message": "hello"}, headers=STREAM) as answer,
    ):
        while (await answer.content.readline()) != b": heartbeat\n":
            pass
        chat.hold.set()
        assert (await answer.content.read()).endswith(b"\n")


async def test_a_client_that_goes_away_stops_listening_and_not_the_turn() -> None:
    chat = MemoryChat()
    chat.hold = asyncio.Event()
    async with front_door(routes(chat)) as call, asyncio.timeout(5):
        async with call.open("POST", "/api/chat", json={"message": "hello"}, headers=STREAM) as answer:
            await answer.content.readline()
            turn_id = answer.headers["x-turn-id"]
            assert chat.listening == 1
            answer.close()
        await chat.left.wait()
        status, _, body = await call("GET", f"/api/turns/{turn_id}")
    assert status == 200
    assert problem(body)["status"] == "running"


async def test_a_failed_turn_is_a_problem_that_says_which_turn() -> None:
    chat = MemoryChat()
    chat.failure = AgentFailed("The agent failed.")
    async with front_door(routes(chat)) as call:
        status, headers, body = await call("POST", "/api/chat", json={"message": "hello"})
    assert status == 502
    assert problem(body)["code"] == "agent_failed"
    assert headers["x-turn-id"] in chat.turns


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"message": ""},
        {"message": " \n"},
        {"message": "x" * 101},
        {"message": ["hello"]},
        {"message": "hello", "session_id": "short"},
        {"message": "hello", "session_id": "a" * 33 + "\n"},
        {"message": "hello", "session_id": "-" + "a" * 33},
        {"message": "hello", "session_id": "a" * 101},
        {"message": "hello", "role": "system"},
        {"message": "hello", "user_id": "ben"},
    ],
)
async def test_a_body_that_does_not_fit_is_refused_and_starts_nothing(sent: dict[str, Any]) -> None:
    """AP-SES-05."""
    chat = MemoryChat()
    async with front_door(routes(chat)) as call:
        status, _, body = await call("POST", "/api/chat", json=sent)
    assert status == 400
    assert problem(body)["code"]
    assert not chat.turns


async def started(call: Any) -> str:
    _, headers, _ = await call("POST", "/api/chat", json={"message": "hello"})
    return str(headers["x-turn-id"])


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("GET", "/events"), ("POST", "/cancel")])
async def test_another_users_turn_is_not_there(method: str, suffix: str) -> None:
    """AP-SES-04."""
    async with front_door(routes(MemoryChat())) as call:
        turn_id = await started(call)
        status, _, body = await call(method, f"/api/turns/{turn_id}{suffix}", user=BEN)
        unknown, _, other = await call(method, f"/api/turns/unknown{suffix}", user=BEN)
    assert status == unknown == 404
    assert {**problem(body), "request_id": ""} == {**problem(other), "request_id": ""}


async def test_a_turn_shows_its_state_and_times() -> None:
    async with front_door(routes(MemoryChat())) as call:
        turn_id = await started(call)
        await call("POST", f"/api/turns/{turn_id}/cancel")
        _, _, body = await call("GET", f"/api/turns/{turn_id}")
    assert problem(body) == {
        "turn_id": turn_id,
        "session_id": SESSION,
        "status": "cancelled",
        "started_at": "2023-11-14T22:13:20.000Z",
        "finished_at": "2023-11-14T22:13:21.500Z",
        "error_code": "turn_cancelled",
        "usage": {"model": "", "input_tokens": 0, "output_tokens": 0},
    }


@pytest.mark.parametrize("way", ["header", "query"])
async def test_a_stream_goes_on_after_the_event_that_was_seen(way: str) -> None:
    async with front_door(routes(MemoryChat())) as call:
        path = f"/api/turns/{await started(call)}/events"
        if way == "header":
            _, _, body = await call("GET", path, headers={"last-event-id": "1", **STREAM})
        else:
            _, _, body = await call("GET", f"{path}?after=1")
    assert [line for line in body.decode().split("\n") if line.startswith("id")] == ["id: 2", "id: 3"]
    assert b"event: reset" not in body


@pytest.mark.parametrize("seen", ["4", "77", "9007199254740992"])
async def test_an_event_that_is_not_in_the_log_resets_the_stream(seen: str) -> None:
    async with front_door(routes(MemoryChat())) as call:
        path = f"/api/turns/{await started(call)}/events"
        _, _, body = await call("GET", path, headers={"last-event-id": seen})
    assert body.startswith(b"event: reset\ndata: {}\n\nid: 1\n")
    assert body.count(b"id: ") == 3


@pytest.mark.parametrize("seen", ["-1", "1.0", "abc", "", "9007199254740993", "٣"])
async def test_a_last_event_id_that_is_no_number_is_refused(seen: str) -> None:
    async with front_door(routes(MemoryChat())) as call:
        path = f"/api/turns/{await started(call)}/events"
        status, _, body = await call("GET", path, params={"after": seen})
    assert (status, problem(body)["code"]) == (400, "invalid_parameter")


async def test_an_event_cannot_break_out_of_its_frame() -> None:
    """AP-TOL-13."""
    chat = MemoryChat()
    async with front_door(routes(chat)) as call:
        turn_id = await started(call)
        chat.log[turn_id] = [TurnEvent(1, b'{"a":\n\ndata: 1,\r\n\r\n"b":2}')]
        _, _, body = await call("GET", f"/api/turns/{turn_id}/events")
    assert body == b'id: 1\ndata: {"a":data: 1,"b":2}\n\n'


async def test_nobody_chats_without_a_token() -> None:
    async with front_door(routes(MemoryChat())) as call:
        status, _, body = await call("POST", "/api/chat", user=None, json={"message": "hello"})
    assert (status, problem(body)["code"]) == (401, "unauthenticated")


async def test_an_idempotency_key_goes_on_with_the_body_as_it_was_understood() -> None:
    chat = MemoryChat()
    key = {"idempotency-key": "~!visible-ASCII-9"}
    async with front_door(routes(chat)) as call:
        for body in (
            b'{"message":"hi","session_id":null}',
            b'{ "session_id" : null, "message": "\\u0068i" }',
            b'{"message":"ho"}',
        ):
            json = {**key, "content-type": "application/json"}
            assert (await call("POST", "/api/chat", data=body, headers=json))[0] == 200
        assert (await call("POST", "/api/chat", json={"message": "hi"}))[0] == 200
    first, second, third, without = [sending.key for sending in chat.sendings]
    assert first is not None
    assert first == second
    assert (first.route, first.key) == ("POST /api/chat", "~!visible-ASCII-9")
    assert third is not None
    assert third.body != first.body
    assert without is None


@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "caf\u00e9"])
async def test_an_idempotency_key_that_is_not_1_to_255_visible_ascii_characters_is_refused(key: str) -> None:
    chat = MemoryChat()
    async with front_door(routes(chat)) as call:
        status, _, body = await call("POST", "/api/chat", json={"message": "hi"}, headers={"idempotency-key": key})
    assert (status, problem(body)["code"]) == (400, "invalid_idempotency_key")
    assert chat.turns == {}


async def test_requests_that_wait_for_one_turn_are_limited_together() -> None:
    """AP-LIM-04: equal sends do not count as turns, yet one user cannot hold any number of them."""
    chat = MemoryChat()
    chat.waiting = asyncio.Event()
    settings = FrontDoorSettings(concurrent_turns=1, waiting_requests=3)
    async with front_door(routes(chat), settings=settings) as call, asyncio.timeout(5):
        asked = [asyncio.create_task(call("POST", "/api/chat", json={"message": "hi"})) for _ in range(3)]
        while len(chat.turns) < 3:  # noqa: ASYNC110  bounded, for another task
            await asyncio.sleep(0.01)
        status, headers, body = await call("POST", "/api/chat", json={"message": "hi"})
        assert (status, problem(body)["code"], headers["retry-after"]) == (429, "too_many_waiting", "1")
        assert (await call("POST", "/api/chat", json={"message": "hi"}, user=BEN, headers=STREAM))[0] == 200
        chat.waiting.set()
        assert {status for status, _, _ in await asyncio.gather(*asked)} == {200}
        assert (await call("POST", "/api/chat", json={"message": "hi"}))[0] == 200


async def test_a_conflict_that_waiting_helps_says_when_to_come_back() -> None:
    chat = MemoryChat()
    chat.failure = Conflict("It runs.", code="idempotency_in_flight", retry_after=1.0)
    async with front_door(routes(chat)) as call:
        status, headers, body = await call("POST", "/api/chat", json={"message": "hi"})
    assert (status, problem(body)["code"], headers["retry-after"]) == (409, "idempotency_in_flight", "1")


async def test_on_busy_is_one_of_three_words_or_the_servers_choice() -> None:
    chat = MemoryChat()
    async with front_door(routes(chat)) as call:
        for on_busy in ("reject", "enqueue", "interrupt", None):
            assert (await call("POST", "/api/chat", json={"message": "hi", "on_busy": on_busy}))[0] == 200
        status, _, body = await call("POST", "/api/chat", json={"message": "hi", "on_busy": "kill"})
    assert [sending.on_busy for sending in chat.sendings] == ["reject", "enqueue", "interrupt", None]
    assert (status, problem(body)["code"]) == (400, "invalid_body")
