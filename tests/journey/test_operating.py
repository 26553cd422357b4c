"""Operators see the sessions, end one, and stop an agent so that nothing of it runs: over real HTTP, real processes."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doorward.agent_door.knock import Knock
from doorward.agent_door.operator_knock import OperatorKnock
from doorward.errors import Forbidden
from doorward.identity.key_files import load_or_create_workload
from doorward.identity.sigv4 import Credentials
from doorward.model.agent import AgentCall
from doorward.model.settings import AgentSettings
from doorward.runtime.tree import below, processes
from tests.journey.hosting import runs
from tests.journey.house import House, running_house
from tests.journey.talking import Event, Headers, chat, eventually, messages, streamed

AGENT = f"{Path(__file__).parents[2] / 'examples' / 'plain' / 'agent.py'}:stream"
LONG = " ".join(["word"] * 3000)
ARN = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/hello"
SESSIONS = "/api/operator/sessions"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"DOORWARD_FRONT_DOOR_ADDRESS_REQUESTS": "100000", "DOORWARD_FRONT_DOOR_USER_REQUESTS": "100000"}
    with running_house(tmp_path_factory.mktemp("operating"), "--agent", AGENT, environment=limits) as running:
        yield running


@pytest.fixture(scope="module")
def mine(house: House) -> Headers:
    return house.bearer(0)


@pytest.fixture(scope="module")
def operator(house: House) -> Iterator[httpx2.Client]:
    with house.client(headers=house.bearer(2)) as client:
        yield client


@contextmanager
def talking(house: House, mine: Headers, count: int) -> Iterator[list[tuple[str, str, Future[list[Event]]]]]:
    """So many turns that run: session, turn, and what their readers will have seen."""
    with ThreadPoolExecutor(count) as pool:
        begun = []
        for _ in range(count):
            opened: Future[tuple[str, str]] = Future()

            def listen(opened: Future[tuple[str, str]] = opened) -> list[Event]:
                with house.client() as client, streamed(client, LONG, mine) as (response, stream):
                    found = [next(stream) for _ in range(5)]
                    opened.set_result((response.headers["x-session-id"], response.headers["x-turn-id"]))
                    return found + list(stream)

            events = pool.submit(listen)
            begun.append((*opened.result(timeout=20), events))
        yield begun


def test_a_session_is_seen_and_ended_and_its_conversation_goes_on(
    house: House, mine: Headers, operator: httpx2.Client
) -> None:
    with talking(house, mine, 2) as ((session, turn, events), (other, _, others)):
        seen: dict[str, Any] = {one["session_id"]: one for one in operator.get(SESSIONS).json()["sessions"]}
        assert (seen[session]["turn_id"], seen[session]["idle_seconds"]) == (turn, 0)
        pid = seen[session]["process"]
        assert runs(pid)
        assert seen[other]["process"] != pid
        begun = time.monotonic()
        assert operator.delete(f"{SESSIONS}/{seen[session]['owner']}/{session}").status_code == 204
        assert time.monotonic() - begun < 2
        assert not runs(pid)
        last = events.result(timeout=10)[-1]
        assert (last.type, last.data["code"]) == ("RUN_ERROR", "agent_unreachable")
        assert runs(seen[other]["process"]), "another's goes on"
        assert not others.done()
        with house.client() as client:
            assert messages(client, session, mine)[1]["status"] == "partial"
            assert chat(client, "go on", mine, session)["response"].startswith("1. go")
        assert operator.delete(f"{SESSIONS}/{seen[session]['owner']}/{'0' * 36}").status_code == 404
        assert operator.delete(f"{SESSIONS}/{'0' * 32}/{other}").status_code == 404
        assert operator.delete(f"{SESSIONS}/{seen[other]['owner']}/{other}").status_code == 204
        others.result(timeout=10)


def test_within_two_seconds_of_the_switch_nothing_of_the_agent_runs_until_it_is_allowed(
    house: House, mine: Headers, operator: httpx2.Client
) -> None:
    """AP-ROG-01"""
    with talking(house, mine, 3) as begun:
        runtime = house.pid("runtime")
        agents = [pid for pid in below([runtime], processes()) if pid != runtime]
        assert len(agents) > 3
        started = time.monotonic()
        stopped = operator.post("/api/operator/agents/hello/stop").json()
        eventually(lambda: not [pid for pid in agents if runs(pid)], seconds=2)
        assert time.monotonic() - started < 2
        assert stopped["agents"][0]["stopped_at"]
        assert [events.result(timeout=10)[-1].type for _, _, events in begun] == ["RUN_ERROR"] * 3
    assert below([runtime], processes()) == [runtime]
    refused(house, mine)

    os.kill(runtime, signal.SIGKILL)
    eventually(lambda: house.pid("runtime") not in (0, runtime), seconds=20)
    eventually(lambda: operator.get("/readyz").status_code == 200, seconds=20)
    refused(house, mine)
    assert operator.get(SESSIONS).json()["agents"][0]["stopped_at"] == stopped["agents"][0]["stopped_at"]

    allowed = operator.post("/api/operator/agents/hello/allow").json()
    assert allowed["agents"] == [{"name": "hello", "stopped_at": None}]
    with house.client() as client:
        assert chat(client, "again", mine)["response"] == "1. again\n"
    for name in ("another", "%7F"):
        assert operator.post(f"/api/operator/agents/{name}/stop").status_code in (400, 404)


def refused(house: House, mine: Headers) -> None:
    runs_before = house.runs()
    with house.client() as client:
        answer = client.post("/api/chat", json={"message": "hello"}, headers=mine)
    assert (answer.status_code, answer.json()["code"]) == (502, "agent_stopped")
    assert house.runs() == runs_before


def test_the_key_that_runs_agents_cannot_operate_and_the_one_that_operates_runs_none(house: House) -> None:
    """AP-BYP-08"""

    async def tries() -> None:
        for name, other in (("chat", False), ("operator", True)):
            key = load_or_create_workload(house.data / "keys", name)
            credentials = Credentials(key.access_key_id, key.secret_access_key)
            knock = Knock(house.ready["agent_door"], AgentSettings(), credentials=credentials, clock=time.time)
            desk = OperatorKnock(knock, ARN)
            call = AgentCall(agent=ARN, session_id="0" * 36, payload=b"{}")
            attempts = [knock.invoke(call), knock.stop(ARN, "0" * 36)] if other else [
                desk.state(), desk.end_session("0" * 32, "0" * 36), desk.stop_agent("hello"), desk.allow_agent("hello")
            ]  # fmt: skip
            for attempt in attempts:
                with pytest.raises(Forbidden):
                    await attempt
            await knock.close()

    asyncio.run(tries())


def test_what_operators_do_stands_in_the_ledgers_of_both_doors(house: House, operator: httpx2.Client) -> None:
    entries = operator.get("/api/operator/ledger", params={"limit": 100}).json()["entries"]
    acts = {(entry["door"], entry["action"]) for entry in entries if entry["verdict"] == "allow"}
    assert ("agent_door", "ListSessions") in acts
    assert any(door == "front_door" and "/api/operator/sessions" in action for door, action in acts)
