"""F-21, F-22: a provider or tool that says 429 or 500, hangs, talks nonsense or never ends; real HTTP, real workers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from doorward.errors import AgentFailed
from doorward.model.principals import User
from doorward.telemetry.metrics import REGISTRY
from tests.journey.hosting import ANN, BOB, Hosted, call, hosted, read, written
from tests.journey.openai_server import OpenAIServer, openai_server

pytestmark = pytest.mark.anyio

PATIENCE = 40.0


@asynccontextmanager
async def house_of(folder: Path, **settings: Any) -> AsyncIterator[tuple[OpenAIServer, Hosted]]:
    async with (
        openai_server() as server,
        hosted("", folder, model="openai:local-model", model_url=server.url, **settings) as house,
    ):
        yield server, house


def failures(code: str) -> float:
    return REGISTRY.get_sample_value("doorward_model_failures_total", {"code": code}) or 0.0


async def code_of(house: Hosted, prompt: str = "good day", **options: Any) -> tuple[str, str]:
    """The code that a run failed with, and the text that it had."""
    try:
        events = await house.answer(prompt, **options)
    except AgentFailed as error:
        return error.code, ""
    last = events[-1]
    text = "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")
    return (last["code"] if last["type"] == "RUN_ERROR" else ""), text


async def test_what_passes_is_tried_again_and_reported_once(tmp_path: Path) -> None:
    async with house_of(tmp_path) as (server, house):
        before = failures("model_unavailable")
        server.faults = ["500", "429"]
        events = await house.answer("good day")
        assert next(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT") == "The "
        assert len(server.requests) == 3
        assert failures("model_unavailable") == before + 2
        spent = [event["value"] for event in events if event.get("name") == "usage"]
        assert [(one["inputTokens"], one["outputTokens"]) for one in spent] == [(11, 7)]

        server.faults = ["429/1"]
        assert (await code_of(house))[0] == ""
        assert server.at[-1] - server.at[-2] >= 1.0

        # A provider that asks to wait longer than there is time for is not waited for.
        began = time.monotonic()
        server.faults = ["429/600"]
        assert await code_of(house) == ("model_unavailable", "")
        assert time.monotonic() - began < PATIENCE

        server.faults = ["503"] * 3
        sent = len(server.requests)
        assert await code_of(house) == ("model_unavailable", "")
        assert len(server.requests) == sent + 3

        server.faults = ["401"]
        assert await code_of(house) == ("model_failed", "")
        assert len(server.requests) == sent + 4

        server.faults = ["500"]
        reply = await house.host.run("doorward-titles", ANN, call({"prompt": "good day", "answer": "yes"}))
        assert (await read(reply))["name"] == "A named conversation"


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        ("hang", "model_timeout", ""),
        ("half", "model_timeout", "half an "),
        ("cut", "model_failed", "half an "),
        ("html", "model_garbled", ""),
        ("garbage", "model_garbled", ""),
    ],
)
async def test_whatever_else_goes_wrong_ends_in_time_with_its_own_code_and_is_not_tried_again(
    ill_house: tuple[OpenAIServer, Hosted], fault: str, code: str, text: str
) -> None:
    server, house = ill_house
    sent = len(server.requests)
    began = time.monotonic()
    server.faults = [fault]
    assert await code_of(house) == (code, text)
    assert len(server.requests) == sent + 1
    assert time.monotonic() - began < PATIENCE
    assert await house.text("good day") == "The server heard: good day "


async def test_an_answer_without_end_is_cut_and_what_there_was_is_kept(
    ill_house: tuple[OpenAIServer, Hosted],
) -> None:
    server, house = ill_house
    server.faults = ["endless"]
    code, text = await code_of(house)
    assert code == "model_answer_too_large"
    assert 0 < len(text) <= 20_000
    assert await house.text("good day") == "The server heard: good day "


async def test_a_caller_without_a_stream_hears_the_same_code(ill_house: tuple[OpenAIServer, Hosted]) -> None:
    server, house = ill_house
    server.faults = ["garbage"]
    with pytest.raises(AgentFailed) as caught:
        await house.run("good day", accept="application/json")
    assert (caught.value.code, caught.value.message) == ("model_garbled", "The agent failed.")


async def test_a_model_that_stays_down_is_not_asked_any_more_until_a_probe_gets_through(tmp_path: Path) -> None:
    async with house_of(
        tmp_path, model_attempts=1, model_breaker_failures=3, model_breaker_pause=2.0, isolation="shared"
    ) as (server, house):
        server.ill = "503"
        for who in (ANN, BOB, ANN):
            assert await code_of(house, who=who) == ("model_unavailable", "")
        assert REGISTRY.get_sample_value("doorward_model_breaker_open") == 1
        sent, began = len(server.requests), time.monotonic()
        for who in (ANN, BOB, ANN, BOB):
            assert await code_of(house, who=who) == ("model_unavailable", "")
        quick = time.monotonic() - began
        if quick < 2.0:  # on a machine that stood still, a probe may have gone out
            assert len(server.requests) == sent
        server.ill = ""
        while (await code_of(house))[0]:
            assert time.monotonic() - began < PATIENCE
        assert time.monotonic() - began >= 1.5
        assert REGISTRY.get_sample_value("doorward_model_breaker_open") == 0
        assert (await code_of(house, who=BOB))[0] == ""


TOOLS = """
    import asyncio
    import time
    from langchain.agents import create_agent

    def huge(timezone: str) -> str:
        "Gives far too much."
        return "a lot of it " * 5_000_000

    def stuck(timezone: str) -> str:
        "Never comes back."
        time.sleep(3600)

    async def waiting(timezone: str) -> str:
        "Never comes back, politely."
        await asyncio.sleep(3600)

    def agent(model):
        return create_agent(model, tools=[huge, stuck, waiting])
"""


async def test_a_tool_that_gives_too_much_or_never_ends_is_cut_and_the_turn_goes_on(tmp_path: Path) -> None:
    """F-22: what the model hears of it is what the events say."""
    async with (
        openai_server() as server,
        hosted(
            written(tmp_path, TOOLS),
            tmp_path,
            model="openai:local-model",
            model_url=server.url,
            tool_timeout=1.0,
            tool_max_characters=1000,
        ) as house,
    ):
        late = "Error: the tool did not finish within 1 seconds."
        cut = "[cut: the result had more than 1000 characters]"
        for tool, says in (("huge", cut), ("stuck", late), ("waiting", late)):
            began = time.monotonic()
            events = await house.answer(f"at what time does {tool} end?", who=user(tool))
            (result,) = [event["content"] for event in events if event["type"] == "TOOL_CALL_RESULT"]
            assert result.endswith(says)
            assert len(result) <= 1000
            assert server.requests[-1]["messages"][-1]["content"] == result
            assert [event for event in events if event["type"] == "TEXT_MESSAGE_END"]
            assert time.monotonic() - began < PATIENCE

        # However many threads of the worker are held by tools that never end, the model is asked all the same.
        asked = [code_of(house, "at what time does stuck end?", who=user(str(number))) for number in range(40)]
        async with asyncio.timeout(PATIENCE):
            assert set(await asyncio.gather(*asked)) == {("", f"The server heard: {late} ")}
            assert await house.text("good day") == "The server heard: good day "


async def test_a_graph_that_never_ends_stops_at_its_steps(tmp_path: Path) -> None:
    """AP-LIM-05: the model calls its tool for ever."""
    async with house_of(tmp_path, turn_steps=7) as (server, house):
        code, _ = await code_of(house, "loop for ever")
        assert code == "turn_steps_exceeded"
        assert len(server.requests) <= 4
        assert (await code_of(house))[0] == ""


def user(name: str) -> User:
    return User(issuer="https://issuer", subject=name, username=name)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def ill_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[OpenAIServer, Hosted]]:
    """One house for all: its breaker never opens."""
    async with house_of(
        tmp_path_factory.mktemp("ill"),
        model_deadline=3.0,
        model_stall_timeout=1.0,
        model_max_characters=20_000,
        model_breaker_failures=1000,
    ) as made:
        yield made
