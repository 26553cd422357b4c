"""The smaller resources: me, usage, health, and POST /chat in the patterns two-doors and front-door."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.unit.front_door.api_harness import ANN, SESSION, TodayOnly, front_door

from doorward.errors import AgentUnreachable, Forbidden
from doorward.front_door.api.health import health_routes
from doorward.front_door.api.me import me_routes, usage_routes
from doorward.front_door.api.pass_through import PassThrough, pass_through_routes
from doorward.front_door.api.simple_chat import simple_chat_routes
from doorward.http.routes import Route
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.budget import BudgetLeft
from doorward.model.chat import Usage
from doorward.model.principals import User
from doorward.model.secret import Secret
from doorward.model.sign_in import BrowserSession
from doorward.ports.services import Answer

pytestmark = pytest.mark.anyio


def decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)


async def test_me_says_who_is_signed_in_and_what_answers() -> None:
    async with front_door(me_routes("conversations", "rehearsal")) as call:
        _, headers, body = await call("GET", "/api/me")
    assert decoded(body) == {
        "issuer": ANN.issuer,
        "subject": "ann",
        "username": "ann",
        "email": "ann@example.test",
        "roles": ["operator"],
        "actor_id": ANN.key,
        "pattern": "conversations",
        "model": "rehearsal",
        "rehearsal": True,
        "csrf_token": None,
    }
    assert headers["cache-control"] == "no-store"


async def test_usage_shows_what_is_left_of_the_budget() -> None:
    usage = TodayOnly()
    usage.left = BudgetLeft(
        tokens_per_day=1000, tokens_left=250, money_per_day=None, money_left=None, resets_at=1_767_398_400.0
    )
    async with front_door(usage_routes(usage)) as call:
        _, _, body = await call("GET", "/api/usage")
    assert decoded(body)["budget"] == {
        "tokens_per_day": 1000,
        "tokens_left": 250,
        "money_per_day": None,
        "money_left": None,
        "resets_at": "2026-01-03T00:00:00.000Z",
    }


async def test_usage_shows_today_and_each_day() -> None:
    async with front_door(usage_routes(TodayOnly())) as call:
        _, _, body = await call("GET", "/api/usage")
    assert decoded(body)["today"] == {"day": "2026-01-02", "turns": 3, "input_tokens": 10, "output_tokens": 20}
    assert len(decoded(body)["days"]) == 1


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def unreachable() -> bool:
    raise AgentUnreachable("No connection.")


async def test_health_needs_nobody_and_readiness_needs_every_part() -> None:
    async with front_door(health_routes({"store": yes, "agent_door": yes})) as call:
        assert (await call("GET", "/healthz", user=None))[0] == 200
        status, _, body = await call("GET", "/readyz", user=None)
        head = await call("HEAD", "/readyz", user=None)
    assert (status, decoded(body)) == (200, {"status": "ready", "parts": ["store", "agent_door"]})
    assert (head[0], head[2]) == (200, b"")


@pytest.mark.parametrize("check", [no, unreachable])
async def test_a_part_that_does_not_answer_makes_the_house_not_ready(check: Any) -> None:
    async with front_door(health_routes({"store": yes, "agent_door": check})) as call:
        status, _, body = await call("GET", "/readyz", user=None)
        alive, _, _ = await call("GET", "/healthz", user=None)
    assert (status, decoded(body)["code"], alive) == (503, "not_ready", 200)
    assert "agent_door" in decoded(body)["detail"]
    assert "store" not in decoded(body)["detail"]


class EchoRelay:
    async def send(self, user: User, message: str, session_id: str | None, request_id: str) -> Answer:
        assert request_id
        return Answer(
            response=f"{user.username}: {message}", session_id=session_id or SESSION, turn_id="t", usage=Usage()
        )


async def test_two_doors_answers_a_message() -> None:
    async with front_door(simple_chat_routes(EchoRelay(), max_message_characters=50, body_limit=4096)) as call:
        status, _, body = await call("POST", "/chat", json={"message": "hello"})
        refused, _, _ = await call("POST", "/chat", json={"prompt": "hello"})
    assert (status, decoded(body)) == (200, {"response": "ann: hello", "session_id": SESSION})
    assert refused == 400


class RecordingAgent:
    """Answers with `chunks` under `content_type`, and keeps the calls."""

    def __init__(self, content_type: str, chunks: list[bytes], failure: Exception | None = None) -> None:
        self.calls: list[AgentCall] = []
        self._content_type = content_type
        self._chunks = chunks
        self._failure = failure
        self.hung_up = False

    async def invoke(self, call: AgentCall) -> AgentReply:
        self.calls.append(call)
        if self._failure is not None:
            raise self._failure
        return AgentReply(status=200, content_type=self._content_type, session_id=call.session_id, chunks=self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            for chunk in self._chunks:
                yield chunk
        finally:
            self.hung_up = True

    async def stop(self, agent: str, session_id: str) -> None: ...

    async def forget(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> None: ...


async def sessions_token(session: BrowserSession) -> Secret:
    return Secret(f"token-of-{session.subject}")


def passing(agent: RecordingAgent, *, most: int = 1000) -> list[Route]:
    return pass_through_routes(
        PassThrough(
            agent=agent,
            arn="arn:agent",
            access_token=sessions_token,
            max_prompt_characters=50,
            body_limit=4096,
            max_response_bytes=most,
        )
    )


async def test_front_door_passes_the_callers_own_token_and_the_answer_on() -> None:
    agent = RecordingAgent("application/json", [b'{"response":', b'"hi"}'])
    async with front_door(passing(agent)) as call:
        status, headers, body = await call("POST", "/chat", json={"prompt": "hello", "session_id": SESSION})
    assert (status, body) == (200, b'{"response":"hi"}')
    assert headers["x-session-id"] == SESSION
    (sent,) = agent.calls
    assert sent.bearer is not None
    assert sent.bearer.reveal() == "token-of-ann"
    assert (sent.payload, sent.accept, sent.session_id) == (b'{"prompt":"hello"}', "application/json", SESSION)
    assert sent.user_id is None


async def test_front_door_passes_a_stream_on_as_it_comes() -> None:
    agent = RecordingAgent("text/event-stream", [b'data: "a"\n\n', b'data: "b"\n\n'])
    async with front_door(passing(agent)) as call:
        _, headers, body = await call("POST", "/chat", json={"prompt": "x"}, headers={"accept": "text/event-stream"})
    assert headers["content-type"] == "text/event-stream"
    assert body == b'data: "a"\n\ndata: "b"\n\n'
    assert agent.calls[0].accept == "text/event-stream"
    assert len(agent.calls[0].session_id) >= 33


async def test_what_an_agent_answers_cannot_become_a_page_on_our_origin() -> None:
    """AP-TOL-11."""
    agent = RecordingAgent("text/html", [b"<script>alert(1)</script>"])
    async with front_door(passing(agent)) as call:
        _, headers, _ = await call("POST", "/chat", json={"prompt": "x"})
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"


async def test_an_answer_that_is_too_large_is_a_failure_of_the_agent() -> None:
    agent = RecordingAgent("application/json", [b"x" * 600, b"x" * 600])
    async with front_door(passing(agent)) as call:
        status, _, body = await call("POST", "/chat", json={"prompt": "x"})
        assert agent.hung_up
    assert (status, decoded(body)["code"]) == (502, "answer_too_large")


async def test_a_refusal_of_the_agent_door_is_passed_on_as_a_problem() -> None:
    agent = RecordingAgent("application/json", [], Forbidden("The agent door refused.", code="agent_door_refused"))
    async with front_door(passing(agent)) as call:
        status, _, body = await call("POST", "/chat", json={"prompt": "x"})
    assert (status, decoded(body)["code"]) == (403, "agent_door_refused")
