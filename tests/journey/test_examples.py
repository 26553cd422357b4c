"""Agents of other kinds, hosted unmodified by a house that is up: chat from end to end, and errors that are errors."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.house import House, running_house
from tests.journey.talking import chat, messages, streamed, text_of

EXAMPLES = Path(__file__).parents[2] / "examples"
CANARY = "canary-in-an-exception"

GRAPH = f"""
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langgraph.graph import START, MessagesState, StateGraph

    model = FakeListChatModel(responses=["So far so good."])

    async def talk(state: MessagesState):
        answer = await model.ainvoke(state["messages"])
        if "break" in state["messages"][-1].content:
            raise ValueError("{CANARY}")
        return {{"messages": [answer], "turns": 1}}

    graph = StateGraph(MessagesState).add_node("talk", talk).add_edge(START, "talk").compile()
"""

SDK = f"""
    from bedrock_agentcore import BedrockAgentCoreApp

    app = BedrockAgentCoreApp()

    @app.entrypoint
    async def invoke(payload):
        yield "So far "
        yield {{"text": "so good."}}
        if "break" in payload["prompt"]:
            raise ValueError("{CANARY}")
"""


@pytest.fixture(scope="module", params=["graph", "sdk"])
def breakable(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with an agent that fails in the middle of its answer when it is told to break."""
    folder = tmp_path_factory.mktemp(request.param)
    agent = folder / "my_agent.py"
    agent.write_text(textwrap.dedent(GRAPH if request.param == "graph" else SDK))
    with running_house(folder, "--agent", str(agent)) as house:
        yield house


def test_an_agent_of_the_agentcore_sdk_answers_and_knows_its_session(tmp_path: Path) -> None:
    with running_house(tmp_path, "--agent", str(EXAMPLES / "agentcore_sdk" / "agent.py")) as house:
        mine, theirs = house.bearer(0), house.bearer(1)
        with house.client() as client:
            first = chat(client, "three small words", mine)
            session_id = first["session_id"]
            assert first["response"].strip() == "Turn 1: 3 words, 17 characters."
            with streamed(client, "once more", mine, session_id) as (_, stream):
                events = list(stream)
            assert text_of(events).strip() == "Turn 2: 2 words, 9 characters."
            assert len([event for event in events if event.type == "TEXT_MESSAGE_CONTENT"]) > 1
            assert events[-1].type == "RUN_FINISHED"
            assert chat(client, "mine", theirs, session_id)["response"].startswith("Turn 1:")


def test_a_plain_function_answers(tmp_path: Path) -> None:
    with running_house(tmp_path, "--agent", str(EXAMPLES / "plain" / "agent.py")) as house, house.client() as client:
        mine = house.bearer()
        answer = chat(client, "a lighthouse", mine)
        assert answer["response"] == "2 words, 12 characters; the longest word is 'lighthouse'."
        assert [one["status"] for one in messages(client, answer["session_id"], mine)] == ["complete", "complete"]


def test_an_answer_that_comes_to_its_end_is_whole(breakable: House) -> None:
    mine = breakable.bearer()
    with breakable.client() as client:
        assert chat(client, "hello", mine)["response"] == "So far so good."


def test_an_error_in_a_stream_is_an_error_and_the_part_before_it_is_kept(breakable: House) -> None:
    mine = breakable.bearer()
    with breakable.client() as client:
        with streamed(client, "now break", mine) as (response, stream):
            events = list(stream)
        assert text_of(events) == "So far so good."
        assert (events[-1].type, events[-1].data["code"]) == ("RUN_ERROR", "agent_failed")
        assert CANARY not in str(events)
        answer = messages(client, response.headers["x-session-id"], mine)[-1]
        assert (answer["content"], answer["status"]) == ("So far so good.", "partial")
        turn = client.get(f"/api/turns/{response.headers['x-turn-id']}", headers=mine).json()
        assert (turn["status"], turn["error_code"]) == ("failed", "agent_failed")
        again = chat(client, "hello", mine, response.headers["x-session-id"])
        assert again["response"] == "So far so good."


def test_who_waits_for_the_whole_answer_gets_the_error(breakable: House) -> None:
    with breakable.client() as client:
        answer = client.post("/api/chat", json={"message": "now break"}, headers=breakable.bearer())
    assert (answer.status_code, answer.json()["code"]) == (502, "agent_failed")
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text + breakable.said()
    assert "ValueError at " in breakable.said()
