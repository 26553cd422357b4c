"""A model behind an OpenAI-compatible URL: a real HTTP server of its own, a real client in the worker, no patching."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from tests.journey.house import House, free_port, running_house
from tests.journey.talking import Headers, chat, eventually, messages, streamed, text_of

KEY = "canary-model-key"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class Server:
    """POST /v1/chat/completions as OpenAI documents it: JSON, or a stream of chunks that ends in [DONE].

    It calls the tool `current_time` when it is asked for the time, tells what the tool said, and names conversations.
    """

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}/v1"
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()

    async def __call__(self, scope, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        asked = json.loads(body)
        assert (scope["method"], scope["path"]) == ("POST", "/v1/chat/completions")
        self.asked.append(asked)
        self.keys.add(dict(scope["headers"])[b"authorization"].decode())
        if "please fail" in str(asked["messages"][-1]["content"]):
            await self._send(send, 500, b"application/json", b'{"error": {"message": "canary-of-the-provider"}}')
        elif asked.get("stream"):
            await self._send(send, 200, b"text/event-stream", b"".join(self._chunks(asked)))
        else:
            answer = {**self._frame(asked, "chat.completion"), "usage": USAGE}
            answer["choices"] = [{"index": 0, "message": self._message(asked), "finish_reason": "stop"}]
            await self._send(send, 200, b"application/json", json.dumps(answer).encode())

    async def _send(self, send, status: int, kind: bytes, body: bytes) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": body})

    def _frame(self, asked: dict[str, Any], kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{len(self.asked)}", "object": kind, "created": 1, "model": asked["model"]}

    def _message(self, asked: dict[str, Any]) -> dict[str, Any]:
        last = asked["messages"][-1]
        text = str(last["content"])
        if "Name the conversation" in str(asked["messages"][0]["content"]):
            return {"role": "assistant", "content": '"A Fine Name"'}
        if last["role"] == "tool":
            return {"role": "assistant", "content": f"The clock says: {text}"}
        if "time" in text:
            function = {"name": "current_time", "arguments": '{"timezone": "UTC"}'}
            return {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
        return {"role": "assistant", "content": f"Heard: {text}"}

    def _chunks(self, asked: dict[str, Any]) -> Iterator[bytes]:
        message = self._message(asked)
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": word} for word in message.get("content", "").replace(" ", " \0").split("\0")]
        for call in message.get("tool_calls", []):
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            start = {"index": 0, "id": call["id"], "type": "function", "function": {"name": name, "arguments": ""}}
            deltas.append({"tool_calls": [start]})
            deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in arguments]
        frame = self._frame(asked, "chat.completion.chunk")
        for delta in deltas:
            yield _event({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        reason = "tool_calls" if "tool_calls" in message else "stop"
        yield _event({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if asked.get("stream_options", {}).get("include_usage"):
            yield _event({**frame, "choices": [], "usage": USAGE})
        yield b"data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


@pytest.fixture(scope="module")
def model() -> Iterator[Server]:
    app = Server()
    port = int(app.url.removesuffix("/v1").rpartition(":")[2])
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    eventually(lambda: server.started)
    yield app
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def openai_house(model: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    variables = {
        "DOORWARD_AGENT_MODEL_URL": model.url,
        "DOORWARD_AGENT_PASS_ENVIRONMENT": "OPENAI_API_KEY",
        "OPENAI_API_KEY": KEY,
    }
    folder = tmp_path_factory.mktemp("openai")
    with running_house(folder, "--model", "openai:anything", environment=variables) as house:
        yield house


@pytest.fixture(scope="module")
def mine(openai_house: House) -> Headers:
    return openai_house.bearer()


def test_the_models_words_stream_through_and_its_tokens_are_counted(openai_house: House, mine: Headers) -> None:
    with openai_house.client() as client:
        before = client.get("/api/usage", headers=mine).json()["today"]
        with streamed(client, "good morning", mine) as (response, stream):
            events = list(stream)
        turn = client.get(f"/api/turns/{response.headers['x-turn-id']}", headers=mine).json()
        me = client.get("/api/me", headers=mine).json()
    assert text_of(events) == "Heard: good morning"
    assert len([event for event in events if event.type == "TEXT_MESSAGE_CONTENT"]) == 3
    assert turn["usage"] == {"model": "anything", "input_tokens": 11, "output_tokens": 7}

    def spent() -> list[int]:
        with openai_house.client() as client:
            after = client.get("/api/usage", headers=mine).json()["today"]
        return [after[key] - before[key] for key in ("turns", "input_tokens", "output_tokens")]

    # The name of the conversation costs tokens too, and is no turn.
    eventually(lambda: spent() == [1, 22, 14])
    assert (me["model"], me["rehearsal"]) == ("openai:anything", False)


def test_a_tool_that_the_model_calls_is_run_and_its_answer_comes_back(
    openai_house: House, mine: Headers, model: Server
) -> None:
    with openai_house.client() as client, streamed(client, "what time is it", mine) as (response, stream):
        events = list(stream)
    types = [event.type for event in events]
    order = ["RUN_STARTED", "TOOL_CALL_START", "TOOL_CALL_END", "TOOL_CALL_RESULT", "TEXT_MESSAGE_START"]
    assert [types.index(name) for name in order] == sorted(types.index(name) for name in order)
    arguments = "".join(event.data["delta"] for event in events if event.type == "TOOL_CALL_ARGS")
    assert json.loads(arguments) == {"timezone": "UTC"}
    assert text_of(events).startswith("The clock says: In ")
    tools = [tool["function"]["name"] for tool in model.asked[-1].get("tools", model.asked[-2].get("tools", []))]
    assert "current_time" in tools
    with openai_house.client() as client:
        turn = client.get(f"/api/turns/{response.headers['x-turn-id']}", headers=mine).json()
    assert (turn["usage"]["input_tokens"], turn["usage"]["output_tokens"]) == (22, 14)


def test_the_model_is_given_the_conversation_so_far_and_names_it(
    openai_house: House, mine: Headers, model: Server
) -> None:
    with openai_house.client() as client:
        session_id = chat(client, "the first remark", mine)["session_id"]

        def name() -> str:
            found = client.get("/api/conversations", headers=mine).json()["conversations"]
            return next(item["conversation_name"] for item in found if item["session_id"] == session_id)

        eventually(lambda: name() == "A Fine Name")
        chat(client, "the second remark", mine, session_id)
        contents = [one["content"] for one in model.asked[-1]["messages"]]
        assert contents[-3:] == ["the first remark", "Heard: the first remark", "the second remark"]
        assert len(messages(client, session_id, mine)) == 4


def test_the_key_is_passed_on_and_written_nowhere(openai_house: House, model: Server) -> None:
    assert model.keys == {f"Bearer {KEY}"}
    assert KEY not in openai_house.said()
    assert not [file for file in openai_house.data.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]


def test_a_model_that_fails_is_an_error_without_the_providers_words(openai_house: House, mine: Headers) -> None:
    with openai_house.client() as client:
        answer = client.post("/api/chat", json={"message": "please fail"}, headers=mine)
    assert answer.status_code == 502
    assert "canary-of-the-provider" not in answer.text + openai_house.said()
