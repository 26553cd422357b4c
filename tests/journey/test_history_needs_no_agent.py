"""History, names, search, exports and usage answer while the agent stands still, and none of them runs it."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.journey.house import House, running_house
from tests.journey.talking import chat, eventually, streamed

SOON = 2.0  # seconds in which an answer must come that asks nobody


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose runtime is frozen now and then."""
    with running_house(tmp_path_factory.mktemp("frozen")) as running:
        yield running


@contextmanager
def frozen_agent(house: House) -> Iterator[None]:
    """The runtime process and its worker stand still: whoever asks them waits."""
    pids = [house.pid("runtime"), house.pid("worker")]
    assert all(pids)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: all("T" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3] for pid in pids))
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_all_that_needs_no_reasoning_answers_while_the_agent_cannot(house: House) -> None:
    mine, names = house.bearer(0), ("hello", "doorward-titles")
    with house.client() as client:
        session_id = chat(client, "remember the narwhal", mine)["session_id"]
        turn_id = client.get(f"/api/conversations/{session_id}", headers=mine).json()["messages"][0]["turn_id"]
        eventually(lambda: house.runs("doorward-titles") == 1)
        runs = [house.runs(name) for name in names]
        one = f"/api/conversations/{session_id}"
        with frozen_agent(house):
            new_token = house.bearer(0)  # signing in needs no agent either
            answers = [
                client.get("/api/conversations", headers=new_token, timeout=SOON),
                client.get("/api/conversations?q=narwhal", headers=mine, timeout=SOON),
                client.get(one, headers=mine, timeout=SOON),
                client.patch(one, json={"conversation_name": "Narwhals"}, headers=mine, timeout=SOON),
                client.get(f"{one}/export", headers=mine, timeout=SOON),
                client.get(f"{one}/export?format=markdown", headers=mine, timeout=SOON),
                client.get(f"/api/turns/{turn_id}", headers=mine, timeout=SOON),
                client.get(f"/api/turns/{turn_id}/events", headers=mine, timeout=SOON),
                client.get("/api/usage", headers=mine, timeout=SOON),
                client.get("/api/me", headers=mine, timeout=SOON),
                client.get("/healthz", timeout=SOON),
                client.get("/", timeout=SOON),
                client.delete(one, headers=mine, timeout=SOON),
            ]
        assert [answer.status_code for answer in answers] == [200] * 12 + [204]
        assert "narwhal" in answers[1].text + answers[4].text + answers[5].text
        assert client.get("/readyz").status_code == 200
    assert [house.runs(name) for name in names] == runs


def test_a_turn_that_waits_for_a_frozen_agent_can_be_cancelled(house: House) -> None:
    mine = house.bearer(0)
    with house.client() as client:
        with frozen_agent(house), streamed(client, "hello", mine, str(uuid.uuid4())) as (response, stream):
            assert next(stream).type == "RUN_STARTED"
            started = time.monotonic()
            cancelled = client.post(f"/api/turns/{response.headers['x-turn-id']}/cancel", headers=mine, timeout=SOON)
            assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
            assert [event.type for event in stream] == ["RUN_ERROR"]
            assert time.monotonic() - started < SOON
        assert chat(client, "hello", mine)["response"]


def test_a_house_whose_agent_is_frozen_says_that_it_is_not_ready(house: House) -> None:
    with house.client() as client:
        with frozen_agent(house):
            try:
                answer = client.get("/readyz", timeout=15)
            except httpx2.TimeoutException:
                pytest.fail("a readiness that never answers tells nobody anything")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert "agent_door" in answer.text
