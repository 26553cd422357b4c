"""Agents hosted by the real runtime: real worker processes, real sockets, the real store."""

import asyncio
import os
import signal
import sys
import textwrap
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest
import structlog

from doorward.errors import AgentFailed, AgentTimeout, AgentUnreachable, ConfigurationError, Conflict, NotFound
from doorward.model.principals import TurnIdentity, Workload
from tests.journey.hosting import (
    ANN,
    BOB,
    EXAMPLES,
    SESSION,
    Hosted,
    call,
    eventually,
    hosted,
    killed,
    mode_of,
    read,
    runs,
    until,
    written,
)

pytestmark = pytest.mark.anyio

HELLO = EXAMPLES / "hello" / "agent.py"
SDK = EXAMPLES / "agentcore_sdk" / "agent.py"
PLAIN = EXAMPLES / "plain" / "agent.py"

SDK_HEAD = "from bedrock_agentcore import BedrockAgentCoreApp\napp = BedrockAgentCoreApp()\n"
COUNTER = """
    import asyncio
    import pathlib

    async def main(message: str):
        marks = pathlib.Path(message)
        try:
            for number in range(100000):
                marks.write_text(str(number))
                yield f"{number} "
                await asyncio.sleep(0.01)
        finally:
            marks.write_text("stopped")
"""

SDK_COUNTER = SDK_HEAD + textwrap.dedent(COUNTER).replace(
    "async def main(message: str)", "@app.entrypoint\nasync def main(payload)"
).replace("(message)", "(payload['prompt'])")


def turn(turn_id: str) -> TurnIdentity:
    """A turn of Ann's in the session."""
    return TurnIdentity(
        issuer=ANN.issuer,
        subject=ANN.subject,
        actor="chat",
        session_id=SESSION,
        turn_id=turn_id,
        audience="agent",
        expires_at=0,
    )


async def stopped(marks: Path) -> None:
    await eventually(lambda: marks.read_text() == "stopped", seconds=1)


async def test_a_langgraph_agent_streams_its_text_in_order(tmp_path: Path) -> None:
    async with hosted(HELLO, tmp_path) as house:
        events = await house.answer("please stream 300 words")
        deltas = [event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT"]
        assert "".join(deltas).split() == [str(number) for number in range(1, 301)]
        assert len(deltas) == 300
        assert [event["type"] for event in events[:1] + events[-2:]] == [
            "TEXT_MESSAGE_START",
            "TEXT_MESSAGE_END",
            "CUSTOM",
        ]
        assert events[-1]["name"] == "usage"
        assert events[-1]["value"]["model"] == "rehearsal"
        assert events[-1]["value"]["outputTokens"] == 300


async def test_the_calls_of_tools_and_their_results_are_events(tmp_path: Path) -> None:
    async with hosted("", tmp_path) as house:
        events = await house.answer("What is the time in Tokyo?")
        events = [event for event in events if event.get("name") != "usage"]
        types = [event["type"] for event in events]
        assert types[:4] == ["TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_RESULT"]
        start, arguments, end, result = events[:4]
        assert start["toolCallName"] == "current_time"
        assert arguments["delta"] == '{"timezone": "Tokyo"}'
        assert start["toolCallId"] == arguments["toolCallId"] == end["toolCallId"] == result["toolCallId"]
        assert "Asia/Tokyo" in result["content"]
        text = "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")
        assert text == result["content"]


async def test_an_agent_remembers_across_workers_and_restarts_but_not_across_users(tmp_path: Path) -> None:
    """AP-SES-02, AP-SES-06: the same session id of another user is another session."""
    async with hosted(HELLO, tmp_path) as house:
        await house.answer("My name is Ada.")
        assert await house.text("What is my name?", who=BOB) == "You have not told me your name."
        await killed(house)
        assert await house.text("What is my name?") == "Your name is Ada."
    async with hosted(HELLO, tmp_path) as house:
        assert await house.text("What is my name?") == "Your name is Ada."
        assert await house.text("What did I say?", who=turn("turn-1")) == "You said: What is my name?"
        assert "nothing" in await house.text("What did I say?", who=Workload(key_id="k", name="batch"))


async def test_a_turn_that_failed_or_was_cancelled_leaves_no_trace_in_the_memory(tmp_path: Path) -> None:
    async with hosted(HELLO, tmp_path) as house:
        await house.answer("My name is Ada.")
        with pytest.raises(AgentFailed):
            await house.run("My name is Eve, please fail")
        reply = await house.run("My name is Mallory, please stream 100000 words")
        await until(reply, b"10 ")
        await reply.chunks.aclose()  # type: ignore[attr-defined]
        assert await house.text("What is my name?") == "Your name is Ada."


async def test_an_agent_of_the_agentcore_sdk_is_hosted_unmodified(tmp_path: Path) -> None:
    """AP-SES-02: it keys its memory by session id alone, and still two users do not share one."""
    async with hosted(SDK, tmp_path) as house:
        assert "".join(await house.answer("one two")).strip() == "Turn 1: 2 words, 7 characters."
        assert "".join(await house.answer("one two")).startswith("Turn 2:")
        assert "".join(await house.answer("one two", who=BOB)).startswith("Turn 1:")


async def test_plain_functions_answer_whole_or_in_pieces(tmp_path: Path) -> None:
    async with hosted(PLAIN, tmp_path) as house:
        assert await house.answer("a longer word") == {
            "response": "3 words, 13 characters; the longest word is 'longer'."
        }
    async with hosted(f"{PLAIN}:stream", tmp_path) as house:
        assert await house.text("a b") == "1. a\n2. b\n"


@pytest.mark.parametrize(
    "code",
    [
        "def main(prompt): return prompt.upper()",
        "async def main(payload): return payload['prompt'].upper()",
        "def invoke(message, context, spare=1): return message.upper() if context.user and context.session_id else 1",
        "import sdk_like\nasync def invoke(message): return sdk_like.up(message)",
        SDK_HEAD + "agent = 1\n@app.entrypoint\ndef answer(payload): return payload['prompt'].upper()",
        SDK_HEAD + "@app.entrypoint\nasync def answer(payload): return payload['prompt'].upper()",
    ],
)
async def test_functions_of_every_kind_are_hosted(tmp_path: Path, code: str) -> None:
    (tmp_path / "sdk_like.py").write_text("def up(text): return text.upper()\n")
    async with hosted(written(tmp_path, code), tmp_path) as house:
        assert await house.answer("hello") == "HELLO"


async def test_a_generator_that_is_not_async_streams(tmp_path: Path) -> None:
    code = "def main(message):\n    for word in message.split():\n        yield word\n    yield {'response': 'done'}\n"
    async with hosted(written(tmp_path, code), tmp_path) as house:
        events = await house.answer("a b")
        assert [event.get("delta") for event in events if "delta" in event] == ["a", "b"]
        assert events[-1] == {"response": "done"}


async def test_a_caller_that_takes_no_stream_gets_one_value(tmp_path: Path) -> None:
    async with hosted(f"{PLAIN}:stream", tmp_path) as house:
        reply = await house.run("a b", accept="application/json")
        assert (reply.content_type, reply.session_id) == ("application/json", SESSION)
        assert await read(reply) == {"response": "1. a\n2. b\n"}


@pytest.mark.parametrize("prompt", [None, 7, ["text"], {"toolUse": 1}])
async def test_a_prompt_that_is_no_text_does_not_reach_the_agent(tmp_path: Path, prompt: object) -> None:
    code = "def main(message):\n    return 'reached'\n"
    async with hosted(written(tmp_path, code), tmp_path) as house:
        with pytest.raises(AgentFailed):
            await house.run(prompt)
        assert await house.answer("text") == "reached"


async def test_a_failure_before_the_first_byte_is_an_error_without_its_text(tmp_path: Path) -> None:
    """AP-AUD-07: what an exception says may hold the prompt; neither the caller nor the log gets it."""
    code = "def main(message):\n    raise ValueError('canary ' + message)\n"
    with structlog.testing.capture_logs() as logs:
        async with hosted(written(tmp_path, code), tmp_path) as house:
            with pytest.raises(AgentFailed) as failed:
                await house.run("canary-in-the-prompt")
            assert failed.value.message == "The agent failed."
    assert "canary" not in str(logs)
    lines = [entry["line"] for entry in logs if entry["event"] == "worker_output"]
    assert lines == [f"agent failed: ValueError at {tmp_path}/agent.py:2 in main"]


async def test_a_failure_in_mid_stream_is_the_last_event(tmp_path: Path) -> None:
    code = "async def main(message):\n    yield 'one'\n    raise ValueError(message)\n"
    async with hosted(written(tmp_path, code), tmp_path) as house:
        events = await house.answer("canary")
        assert events[-1] == {"type": "RUN_ERROR", "message": "The agent failed.", "code": "agent_failed"}
        assert "one" in str(events)
        assert "canary" not in str(events)


async def test_a_failing_sdk_agent_is_an_error_and_its_text_stays_inside(tmp_path: Path) -> None:
    code = (
        "from bedrock_agentcore import BedrockAgentCoreApp\napp = BedrockAgentCoreApp()\n"
        "@app.entrypoint\ndef answer(payload):\n    raise ValueError('canary')\n"
    )
    with structlog.testing.capture_logs() as logs:
        async with hosted(written(tmp_path, code), tmp_path) as house:
            with pytest.raises(AgentFailed, match=r"^The agent failed\.$"):
                await house.run("x")
    assert "canary" not in str(logs)
    assert "ValueError" in str(logs)


@pytest.mark.parametrize("code", [COUNTER, SDK_COUNTER])
async def test_hanging_up_stops_the_run_within_a_second(tmp_path: Path, code: str) -> None:
    async with hosted(written(tmp_path, code), tmp_path) as house:
        marks = tmp_path / "marks"
        async with aclosing((await house.run(str(marks))).chunks) as chunks:  # type: ignore[type-var]
            await anext(chunks)
        await stopped(marks)
        async with aclosing((await house.run(str(marks))).chunks) as chunks:  # type: ignore[type-var]
            assert await anext(chunks)


async def test_a_caller_that_gives_up_before_the_first_byte_stops_the_run(tmp_path: Path) -> None:
    code = """
        import asyncio, pathlib
        async def main(message):
            try:
                pathlib.Path(message).write_text("running")
                await asyncio.sleep(60)
            finally:
                pathlib.Path(message).write_text("stopped")
    """
    async with hosted(written(tmp_path, code), tmp_path) as house:
        marks = tmp_path / "marks"
        task = asyncio.create_task(house.run(str(marks)))
        await eventually(marks.exists)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await stopped(marks)


async def test_stopping_a_session_ends_what_runs_in_it_and_nothing_else(tmp_path: Path) -> None:
    async with hosted(written(tmp_path, COUNTER), tmp_path) as house:
        mine = await house.run(str(tmp_path / "mine"))
        other = await house.run(str(tmp_path / "other"), who=BOB)
        await until(mine, b"TEXT_MESSAGE_CONTENT")
        assert await house.host.stop("hello", ANN, SESSION)
        with pytest.raises(AgentFailed) as failed:
            await until(mine, b"never")
        assert failed.value.code == "session_stopped"
        await stopped(tmp_path / "mine")
        assert not await house.host.stop("hello", ANN, SESSION)
        await until(other, b"10 ")
        await other.chunks.aclose()  # type: ignore[attr-defined]


async def test_a_turn_that_stops_late_does_not_stop_the_next_turn_of_its_session(tmp_path: Path) -> None:
    async with hosted(written(tmp_path, COUNTER), tmp_path) as house:
        now = await house.run(str(tmp_path / "marks"), who=turn("turn-2"))
        await until(now, b"TEXT_MESSAGE_CONTENT")
        assert not await house.host.stop("hello", turn("turn-1"), SESSION)
        await until(now, b"10 ")
        assert await house.host.stop("hello", turn("turn-2"), SESSION)
        with pytest.raises(AgentFailed):
            await until(now, b"never")


async def test_what_runs_at_shutdown_may_end_by_itself(tmp_path: Path) -> None:
    async with hosted(written(tmp_path, COUNTER), tmp_path) as house:
        reply = await house.run(str(tmp_path / "marks"))
        draining = asyncio.create_task(house.host.drain(30))
        await until(reply, b"10 ")
        assert not draining.done()
        await reply.chunks.aclose()  # type: ignore[attr-defined]
        async with asyncio.timeout(5):
            await draining
        endless = await house.run(str(tmp_path / "marks"))
        await house.host.drain(0.05)
        await endless.chunks.aclose()  # type: ignore[attr-defined]


async def test_a_worker_that_hangs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-21: one agent that blocks its process must not be the end of the house."""
    monkeypatch.setattr("doorward.runtime.connection.PING_SECONDS", 0.3)
    monkeypatch.setattr("doorward.runtime.keeper.DYING_SECONDS", 0.1)
    code = """
        import time
        async def main(message):
            if message == "block":
                time.sleep(600)
            return message
    """
    async with hosted(written(tmp_path, code), tmp_path, turn_timeout=0.5) as house, asyncio.timeout(30):
        hung = house.host.worker_pids[0]
        with pytest.raises(AgentTimeout):
            await house.answer("block")
        while (after := await asyncio.gather(house.answer("hi"), return_exceptions=True)) != ["hi"]:
            assert isinstance(after[0], AgentTimeout | AgentUnreachable)
        assert not runs(hung)


async def test_a_session_runs_one_call_at_a_time(tmp_path: Path) -> None:
    async with hosted(written(tmp_path, COUNTER), tmp_path) as house:
        reply = await house.run(str(tmp_path / "marks"))
        with pytest.raises(Conflict) as refused:
            await house.run(str(tmp_path / "marks"))
        assert refused.value.code == "session_busy"
        await reply.chunks.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("prompt", ["please wait 30 seconds", "please stream 100000 words"])
async def test_a_turn_that_takes_too_long_is_ended(tmp_path: Path, prompt: str) -> None:
    async with hosted(HELLO, tmp_path, turn_timeout=0.3) as house:
        with pytest.raises(AgentTimeout):
            await house.answer(prompt)


async def test_an_answer_that_is_too_large_is_cut_off(tmp_path: Path) -> None:
    """AP-TOL-13"""
    code = "def main(message):\n    while True:\n        yield 'x' * 100000\n"
    async with hosted(written(tmp_path, code), tmp_path, max_response_bytes=1_000_000) as house:
        with pytest.raises(AgentFailed) as failed:
            await house.answer("x")
        assert failed.value.code == "response_too_large"


async def test_a_killed_worker_is_noticed_in_mid_stream_and_replaced(tmp_path: Path) -> None:
    """F-01"""
    with structlog.testing.capture_logs() as logs:
        async with hosted(f"{PLAIN}:stream", tmp_path) as house:
            reply = await house.run("word " * 10000)
            await until(reply, b"5. word")
            os.kill(house.host.worker_pids[0], signal.SIGKILL)
            with pytest.raises(AgentUnreachable):
                await until(reply, b"never")
            assert await house.text("a b") == "1. a\n2. b\n"
            await killed(house)
            assert await house.text("a b") == "1. a\n2. b\n"
    assert [entry["event"] for entry in logs].count("worker_restarted") == 2


async def test_the_environment_of_the_worker_is_scrubbed(tmp_path: Path) -> None:
    """AP-RUN-01, AP-RUN-05"""
    code = """
        import os, sys
        def main(message):
            return {"environ": dict(os.environ), "argv": sys.orig_argv, "cwd": os.getcwd()}
    """
    environment = {"PATH": "/usr/bin", "CANARY": "canary", "GIVEN": "given", "TZ": "UTC"}
    async with hosted(
        written(tmp_path, code), tmp_path, environment=environment, pass_environment=("GIVEN", "ABSENT")
    ) as house:
        seen = await house.answer("x")
        assert set(seen["environ"]) <= {"PATH", "TZ", "GIVEN", "HOME", "TMPDIR", "LC_CTYPE"}
        assert seen["environ"]["GIVEN"] == "given"
        assert seen["environ"]["HOME"] == seen["environ"]["TMPDIR"] == seen["cwd"]
        assert seen["argv"][1:] == ["-P", "-m", "doorward.runtime.worker"]
    assert not os.path.exists(seen["cwd"])  # noqa: PTH110, ASYNC240


async def test_no_token_of_a_user_reaches_the_agent(tmp_path: Path) -> None:
    """AP-BYP-07, AP-RUN-05: the headers are ours alone; the turn token is there, the user's token is not."""
    code = """
        from bedrock_agentcore import BedrockAgentCoreApp
        app = BedrockAgentCoreApp()
        @app.entrypoint
        def answer(payload, context):
            return {"headers": dict(context.request.headers), "session": context.session_id}
    """
    async with hosted(written(tmp_path, code), tmp_path) as house:
        seen = await house.answer("x")
        headers = seen["headers"]
        assert "canary-bearer" not in str(seen)
        assert not [name for name in headers if name == "authorization" or name.startswith("x-doorward")]
        assert headers["x-amzn-bedrock-agentcore-runtime-custom-turn-token"] == "the-turn-token"
        assert headers["x-amzn-bedrock-agentcore-runtime-request-id"] == "request-1"
        assert seen["session"].startswith(SESSION)


@pytest.mark.parametrize("headers", [{}, {"x-doorward-worker": "guess"}, {"authorization": "Bearer x"}])
async def test_a_worker_refuses_whoever_does_not_know_its_secret(tmp_path: Path, headers: dict[str, str]) -> None:
    """AP-BYP-01"""
    code = "def main(message):\n    open('reached', 'w').close()\n    return 1\n"
    async with hosted(written(tmp_path, code), tmp_path) as house:
        worker = house.host._workers._keeper.serving()  # type: ignore[union-attr]
        assert worker is not None
        assert mode_of(Path(worker.socket_path)) == 0o600
        assert mode_of(Path(worker.socket_path).parent) == 0o700
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=worker.socket_path)) as http:
            for path in ("/invocations", "/titles/invocations", "/ping", "/other"):
                async with http.post(f"http://w{path}", headers=headers, data=b'{"prompt": "x"}') as response:
                    assert response.status == 403
        assert not list(Path(worker.socket_path).parent.rglob("reached"))


async def test_the_titles_agent_names_a_conversation(tmp_path: Path) -> None:
    async with hosted(PLAIN, tmp_path) as house:
        given = call({"prompt": 'what is the "weather" in Boston today, please?', "answer": "Rain."})
        reply = await house.host.run("doorward-titles", ANN, given)
        assert await read(reply) == {"name": "What is the weather in Boston"}
        with pytest.raises(NotFound):
            await house.host.run("another", ANN, given)


async def test_the_ping_says_busy_while_something_runs_and_its_time_moves_only_then(tmp_path: Path) -> None:
    async with hosted(written(tmp_path, COUNTER), tmp_path) as house:
        worker = house.host._workers._keeper.serving()  # type: ignore[union-attr]
        assert worker is not None
        first, second = await worker.ping(), await worker.ping()
        assert first == second
        assert first is not None
        assert first["status"] == "Healthy"
        reply = await house.run(str(tmp_path / "marks"))
        assert (await worker.ping() or {})["status"] == "HealthyBusy"
        await reply.chunks.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import missing_package\n",
            r"agent\.py, line 1: ModuleNotFoundError: No module named 'missing_package'\. .*doorward\[langgraph\]",
        ),
        ("x = 1\ndef agent(:\n", r"agent\.py, line 2: SyntaxError"),
        ("x = 1\n", r"agent\.py: NotAnAgent: There is no agent in it; looked for agent, graph, app, main, invoke"),
        ("def main(question):\n    return 1\n", r"agent\.py, line 1: UnknownParameter: main asks for question"),
        ("def agent(model):\n    return [][1]\n", r"agent\.py, line 2: IndexError"),
        ("import sys\nsys.exit('no')\n", r"agent\.py, line 2: SystemExit: no"),
        ("import os\nos._exit(3)\n", r"ended while it loaded"),
    ],
)
async def test_a_file_that_cannot_be_hosted_is_named_with_its_line(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        async with hosted(written(tmp_path, code), tmp_path):
            pass


async def test_a_worker_does_not_outlive_its_runtime(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.journey.hosting import hosted\n"
        "async def main():\n"
        f"    async with hosted({str(PLAIN)!r}, Path({str(tmp_path)!r})) as house:\n"
        "        print(house.host.worker_pids[0], flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    runtime = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=root
    )
    assert runtime.stdout is not None
    async with asyncio.timeout(20):
        while not (line := await runtime.stdout.readline()).strip().isdigit():
            assert line
    pid = int(line)
    runtime.kill()
    await runtime.wait()
    await eventually(lambda: not runs(pid), seconds=2)


async def test_what_an_agent_prints_is_one_line_of_the_log_each(tmp_path: Path) -> None:
    """AP-AUD-04"""
    code = "def main(message):\n    print('one\\x1b[31m\\rtwo')\n    print('y' * 5000)\n    return 1\n"
    with structlog.testing.capture_logs() as logs:
        async with hosted(written(tmp_path, code), tmp_path) as house:
            await house.answer("x")
    lines = [entry["line"] for entry in logs if entry["event"] == "worker_output"]
    assert lines == ["one\\x1b[31m\\rtwo", "y" * 2000]


async def test_many_sessions_run_at_once(tmp_path: Path) -> None:
    async with hosted(HELLO, tmp_path) as house, asyncio.TaskGroup() as group:
        tasks = [group.create_task(one_of_many(house, number)) for number in range(20)]
    assert [task.result() for task in tasks] == [f"Your name is Name{number}." for number in range(20)]


async def one_of_many(house: Hosted, number: int) -> str:
    session = f"{SESSION}-{number}"
    await read(await house.host.run("hello", ANN, call({"prompt": f"my name is Name{number}"}, session=session)))
    events = await read(await house.host.run("hello", ANN, call({"prompt": "what is my name?"}, session=session)))
    return "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")
