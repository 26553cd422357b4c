"""A turn is charged once, for what was reported, whatever its provider does, and ends at its caps (F-21, AP-LIM-05)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.journey.house import House, running_house
from tests.journey.openai_server import OpenAIServer, openai_server_in_a_thread
from tests.journey.talking import Headers, eventually, messages

CONFIG = """
[agent]
model_attempts = 2
model_deadline = 20.0
model_stall_timeout = 1.0
model_breaker_failures = 1000
turn_tokens = 70
[budget]
user_tokens_per_day = 1000000
reserve_tokens = 4000
[chat]
names = "first-message"
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with openai_server_in_a_thread() as server:
        yield server


@pytest.fixture(scope="module")
def house(provider: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("charged")
    variables = {"DOORWARD_AGENT_MODEL_URL": provider.url}
    with running_house(folder, "--model", "openai:local-model", config=CONFIG, environment=variables) as started:
        yield started


@pytest.fixture(scope="module")
def mine(house: House) -> Headers:
    return house.bearer()


def charged(house: House, mine: Headers, message: str) -> tuple[dict[str, Any], int, dict[str, Any]]:
    """The answer to a message in a new conversation, what it cost in tokens, and its turn."""
    with house.client() as client:

        def left() -> int:
            tokens: int = client.get("/api/usage", headers=mine).json()["budget"]["tokens_left"]
            return tokens

        before = left()
        answer = client.post("/api/chat", json={"message": message}, headers=mine)
        turn = client.get(f"/api/turns/{answer.headers['x-turn-id']}", headers=mine).json()
        return answer.json() | {"status": answer.status_code}, before - left(), turn


def test_a_turn_that_was_tried_again_is_charged_once(house: House, mine: Headers, provider: OpenAIServer) -> None:
    provider.faults, sent = ["500"], len(provider.requests)
    answer, cost, turn = charged(house, mine, "good day")
    assert (answer["status"], answer["response"]) == (200, "The server heard: good day ")
    assert (cost, len(provider.requests) - sent) == (18, 2)
    assert (turn["usage"]["input_tokens"], turn["usage"]["output_tokens"]) == (11, 7)


def test_a_provider_that_is_down_costs_nothing(house: House, mine: Headers, provider: OpenAIServer) -> None:
    provider.faults = ["503", "429"]
    answer, cost, turn = charged(house, mine, "good day")
    assert (answer["status"], answer["code"], turn["error_code"]) == (502, "model_unavailable", "model_unavailable")
    assert cost == 0
    assert "canary" not in str(answer) + house.said()
    eventually(lambda: house.metric('doorward_model_failures_total{code="model_unavailable"}') >= 3)


def test_an_answer_that_stopped_is_kept_and_costs_what_was_set_aside(
    house: House, mine: Headers, provider: OpenAIServer
) -> None:
    provider.faults = ["half"]
    answer, cost, turn = charged(house, mine, "good day")
    assert (answer["status"], answer["code"], cost) == (504, "model_timeout", 4000)
    with house.client() as client:
        *_, last = messages(client, turn["session_id"], mine)
    assert (last["content"], last["status"]) == ("half an ", "partial")


def test_a_turn_that_goes_on_for_ever_ends_at_its_cost(house: House, mine: Headers, provider: OpenAIServer) -> None:
    """Each call of the model costs 18 tokens: the fourth is beyond 70."""
    sent = len(provider.requests)
    answer, cost, turn = charged(house, mine, "loop for ever")
    assert (answer["status"], answer["code"], turn["error_code"]) == (502, "turn_cost_exceeded", "turn_cost_exceeded")
    assert cost == 4000
    assert turn["usage"]["input_tokens"] + turn["usage"]["output_tokens"] == 72
    # The agent is stopped, not only left alone.
    assert len(provider.requests) - sent <= 6
    answer, cost, _ = charged(house, mine, "good day")
    assert (answer["status"], cost) == (200, 18)
