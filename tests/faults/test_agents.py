"""Agents, providers and tools that fail: F-21, F-22, F-23, F-27."""

import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.attack.hostile import FIRST, OTHER, fields
from tests.faults.scenario import Figures, scenario
from tests.journey.house import House, running_house
from tests.journey.openai_server import OpenAIServer, openai_server_in_a_thread
from tests.journey.talking import Headers, chat, follow, text_of

from doorward.runtime.worker.confine.landlock import abi

CONFIG = """
[agent]
model_attempts = 2
model_deadline = 10.0
model_stall_timeout = 1.0
model_max_characters = 20000
model_breaker_failures = 1000
tool_timeout = 2.0
tool_max_characters = 1000
[budget]
user_tokens_per_day = 10000000
reserve_tokens = 4000
[chat]
names = "first-message"
[front_door]
user_requests = 100000
address_requests = 100000
concurrent_turns = 200
"""
TOOLS = '''
    import time
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    @tool
    def huge(timezone: str) -> str:
        """Say very much."""
        return "x" * 60_000_000

    @tool
    def endless(timezone: str) -> str:
        """Never come to an end."""
        while True:
            time.sleep(1)

    def agent(model, checkpointer):
        return create_agent(model, tools=[huge, endless], checkpointer=checkpointer)
'''


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with openai_server_in_a_thread() as server:
        yield server


@pytest.fixture(scope="module")
def house(provider: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("failing")
    agent = folder / "agent.py"
    agent.write_text(textwrap.dedent(TOOLS))
    variables = {"DOORWARD_AGENT_MODEL_URL": provider.url}
    with running_house(
        folder, "--agent", str(agent), "--model", "openai:local-model", config=CONFIG, environment=variables
    ) as running:
        yield running


@pytest.fixture(scope="module")
def mine(house: House) -> Headers:
    return house.bearer()


def left(house: House, mine: Headers) -> int:
    with house.client() as client:
        found: int = client.get("/api/usage", headers=mine).json()["budget"]["tokens_left"]
    return found


@scenario(
    "F-21",
    injected=("a provider that says 500, 429 with Retry-After, hangs, breaks off, talks garbage and never stops"),
    asserted=(
        "what passes is tried again and charged once for what was reported; what does not ends in time "
        "with a code of its own and costs no more than was reserved; the next message is answered"
    ),
)
def test_a_provider_that_fails(house: House, mine: Headers, provider: OpenAIServer, figures: Figures) -> None:
    slowest = 0.0
    expected = {
        ("500",): "", ("429/1",): "", ("500", "500"): "model_unavailable", ("hang",): "model_timeout",
        ("garbage", "garbage"): "model_garbled", ("cut",): "model_failed", ("endless",): "model_answer_too_large",
    }  # fmt: skip
    for faults, code in expected.items():
        before = left(house, mine)
        provider.faults = list(faults)
        begun = time.monotonic()
        with house.client() as client:
            answer = client.post("/api/chat", json={"message": "good day"}, headers=mine, timeout=60)
            slowest = max(slowest, time.monotonic() - begun)
            assert answer.json().get("code", "") == code, (faults, answer.text)
            spent = before - left(house, mine)
            assert spent == 18 if not code else 0 <= spent <= 4000, (faults, spent)
            provider.faults = []
            assert "The server heard" in chat(client, "and now", mine)["response"]
    assert slowest < 30
    figures.say(f"7 kinds of failure, the slowest turn took {slowest:.1f} s")


@scenario(
    "F-22",
    injected="a tool that returns 60 MB, and one that never returns",
    asserted=(
        "the result is cut and says so, the other is an error that the model hears of; the turn ends and "
        "the house serves on"
    ),
)
def test_a_tool_that_never_ends(house: House, mine: Headers, provider: OpenAIServer, figures: Figures) -> None:
    provider.faults = []
    begun = time.monotonic()
    with house.client() as client:
        large = chat(client, "the time by huge, please", mine)
        events = follow(client, large["turn_id"], mine)
        assert "[cut" in large["response"] or "[cut" in str([event.data for event in events])
        assert len(text_of(events)) < 10_000
        stuck = chat(client, "the time by endless, please", mine)
        assert stuck["response"]
        assert "The server heard" in chat(client, "and now", mine)["response"]
    took = time.monotonic() - begun
    assert took < 30
    figures.say(f"both turns within {took:.1f} s")


@scenario(
    "F-23",
    injected="one session takes all the memory it can, in one process and in twenty",
    asserted="that session ends; another session, the warm process and the house go on",
)
@pytest.mark.skipif(abi() < 6, reason="this kernel cannot confine sessions")
def test_a_session_that_takes_all_the_memory() -> None:
    with fields("session") as field, field.house.client() as client:
        calm = field.tries("about", OTHER)["got"]
        for bomb in ("memory_bomb", "memory_bombs"):
            client.post("/api/chat", json={"message": bomb, "session_id": FIRST}, headers=field.mine, timeout=60)
            again = field.tries("about", OTHER)["got"]
            assert (again["pid"], again["parent"]) == (calm["pid"], calm["parent"])
        assert field.tries("about")["got"]["parent"] == calm["parent"]


@scenario(
    "F-27",
    injected="100 new conversations of one user at once, on a house that keeps 16 sessions",
    asserted=(
        "all are answered, no more than 16 processes are alive, and another user's new conversation is "
        "answered before the storm is over"
    ),
)
def test_a_storm_of_cold_starts(tmp_path: Path, figures: Figures) -> None:
    agent = f"{Path(__file__).parents[2] / 'examples' / 'plain' / 'agent.py'}:stream"
    limits = {
        f"DOORWARD_FRONT_DOOR_{name}": "1000000"
        for name in ("USER_REQUESTS", "ADDRESS_REQUESTS", "CONCURRENT_TURNS", "WAITING_REQUESTS")
    } | {"DOORWARD_AGENT_SESSIONS": "16", "DOORWARD_AGENT_SESSION_QUEUE": "100", "DOORWARD_CHAT_NAMES": "first-message"}
    with running_house(tmp_path, "--agent", agent, environment=limits) as stormy, ExitStack() as clients:
        mine, others = stormy.bearer(0), stormy.bearer(1)
        # To make a client takes longer than to ask: made one by one, they would be no storm.
        crowd = [clients.enter_context(stormy.client()) for _ in range(100)]
        other = clients.enter_context(stormy.client())

        def one(number: int) -> float:
            assert chat(crowd[number], f"storm {number}", mine)["response"]
            return time.monotonic()

        with ThreadPoolExecutor(100) as pool:
            begun = time.monotonic()
            storm = [pool.submit(one, number) for number in range(100)]
            assert chat(other, "me too", others)["response"]
            mid = time.monotonic()
            over = max(answer.result(timeout=60) for answer in storm)
        assert stormy.metric("doorward_sessions_alive") <= 16
        assert mid < over
    figures.say(f"100 answered within {over - begun:.1f} s, the other user after {mid - begun:.1f} s")
