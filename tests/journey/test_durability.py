"""Processes that are killed: what was acknowledged is there, what ran is marked, the ledger holds, and work goes on."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journey.house import House, free_port, running_house
from tests.journey.talking import Event, Headers, chat, eventually, follow, messages, streamed, text_of

AGENT = f"{Path(__file__).parents[2] / 'examples' / 'plain' / 'agent.py'}:stream"
UNLIMITED = {"DOORWARD_FRONT_DOOR_USER_REQUESTS": "1000000", "DOORWARD_FRONT_DOOR_ADDRESS_REQUESTS": "1000000"}
LONG = " ".join(f"word{number}" for number in range(600))  # a word every 10 ms
KILLS = 5


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose processes are killed one after the other."""
    with running_house(tmp_path_factory.mktemp("killed"), "--agent", AGENT, environment=UNLIMITED) as running:
        yield running


@pytest.fixture(scope="module")
def mine(house: House) -> Headers:
    return house.bearer(0)


def verified(data: Path) -> subprocess.CompletedProcess[str]:
    """What `doorward audit verify` says, while the house is up."""
    command = [sys.executable, "-m", "doorward", "audit", "verify", "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=data)


def killed(house: House, name: str) -> int:
    """Kill a process of the house; its id."""
    pid: int = eventually(lambda: house.pid(name))
    os.kill(pid, signal.SIGKILL)
    return pid


def ready(house: House) -> bool:
    try:
        return httpx2.get(f"{house.front_door}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def until_broken(stream: Iterator[Event]) -> list[Event]:
    """What still comes of a stream whose server dies."""
    found = []
    with suppress(httpx2.TransportError):
        found.extend(stream)
    return found


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "handed over"])
def test_a_turn_outlives_its_gateway_and_its_reader_reads_on(house: House, mine: Headers, end: signal.Signals) -> None:
    """F-02, F-16, F-24"""
    runs = house.runs("hello")
    with house.client() as client:
        with streamed(client, LONG, mine) as (response, stream):
            seen = [next(stream) for _ in range(12)]
            pid = eventually(lambda: house.pid("gateway"))
            os.kill(pid, end)
            seen += until_broken(stream)
        if end is signal.SIGTERM:
            assert seen.pop().name == "server_closing"
        eventually(lambda: ready(house) and house.pid("gateway") not in (0, pid), seconds=30)
        turn_id, session_id = response.headers["x-turn-id"], response.headers["x-session-id"]
        turn = client.get(f"/api/turns/{turn_id}", headers=mine).json()
        assert turn["status"] == "running", "the agent goes on"
        rest = follow(client, turn_id, mine, after=len(seen))
        log = follow(client, turn_id, mine)
        assert seen + rest == log, "no gap, nothing twice, and no event was taken back"
        assert [event.id for event in log] == list(range(1, len(log) + 1))
        assert (log[0].type, log[-1].type) == ("RUN_STARTED", "RUN_FINISHED")
        assert text_of(log) == "".join(f"{number}. {word}\n" for number, word in enumerate(LONG.split(), start=1))
        question, answer = messages(client, session_id, mine)
        assert (question["content"], answer["status"], answer["content"]) == (LONG, "complete", text_of(log))
        assert house.runs("hello") == runs + 1
        assert chat(client, "go on", mine, session_id)["response"].startswith("1. go")


def test_a_turn_is_stopped_after_its_gateway_was_killed(house: House, mine: Headers) -> None:
    with house.client() as client:
        with streamed(client, LONG, mine) as (response, stream):
            seen = [next(stream) for _ in range(12)]
            pid = killed(house, "gateway")
            seen += until_broken(stream)
        eventually(lambda: ready(house) and house.pid("gateway") not in (0, pid), seconds=30)
        turn_id, session_id = response.headers["x-turn-id"], response.headers["x-session-id"]
        asked_at = time.monotonic()
        assert client.post(f"/api/turns/{turn_id}/cancel", headers=mine).json()["status"] == "cancelled"
        assert time.monotonic() - asked_at < 1
        assert messages(client, session_id, mine)[1]["status"] == "partial"
        assert chat(client, "go on", mine, session_id)["response"].startswith("1. go")


@dataclass
class Acknowledged:
    """What a client was told: the message is taken, and, when it came that far, the whole answer."""

    session_id: str
    message: str
    answer: str | None = None


class Load:
    """Clients that chat until they are told to stop, and remember what was acknowledged."""

    def __init__(self, house: House, headers: list[Headers]) -> None:
        self.acknowledged: list[tuple[Headers, Acknowledged]] = []
        self.problems: set[Any] = set()
        self._house = house
        self._headers = headers
        self._stop = threading.Event()

    def run(self, number: int) -> None:
        mine = self._headers[number % len(self._headers)]
        turn = 0
        while not self._stop.is_set():
            turn += 1
            try:
                with self._house.client() as client:
                    self._one(client, f"client {number} says a thing {turn} times", mine)
            except httpx2.TransportError:
                time.sleep(0.05)  # the door is shut for a moment: a client waits before it knocks again

    def _one(self, client: httpx2.Client, message: str, mine: Headers) -> None:
        body, accept = {"message": message}, {"accept": "text/event-stream"}
        with client.stream("POST", "/api/chat", json=body, headers={**mine, **accept}) as response:
            if response.status_code != 200:
                self.problems.add(response.status_code)
                return
            told = Acknowledged(response.headers["x-session-id"], message)
            self.acknowledged.append((mine, told))
            text = "".join(response.iter_text())
            if "RUN_FINISHED" in text:
                told.answer = "".join(f"{place}. {word}\n" for place, word in enumerate(message.split(), start=1))

    def stop(self) -> None:
        self._stop.set()


def test_nothing_acknowledged_is_lost_however_often_the_gateway_is_killed_under_load(tmp_path: Path) -> None:
    # A house of its own: each death of a process makes the next start a little later.
    with running_house(tmp_path, "--agent", AGENT, environment=UNLIMITED) as house:
        killed_under_load(house)


def killed_under_load(house: House) -> None:
    chance = random.Random(7)
    load = Load(house, [house.bearer(0), house.bearer(1)])
    with ThreadPoolExecutor(6) as pool:
        clients = [pool.submit(load.run, number) for number in range(6)]
        try:
            for _ in range(KILLS):
                count = len(load.acknowledged)
                eventually(lambda count=count: len(load.acknowledged) > count + 10, seconds=30)
                time.sleep(chance.uniform(0, 0.2))
                killed(house, "gateway")
            eventually(lambda: ready(house), seconds=30)
        finally:
            load.stop()
        for client in clients:
            client.result(timeout=30)
    assert load.problems <= {429, 503}, load.problems
    answered = [told for _, told in load.acknowledged if told.answer is not None]
    assert len(load.acknowledged) > len(answered) > KILLS, "some turns were hit, and some were not"
    with house.client() as client:
        for mine, told in load.acknowledged:
            question, *rest = messages(client, told.session_id, mine)
            assert (question["content"], question["status"]) == (told.message, "complete")
            assert len(rest) == 1
            if told.answer is not None:
                assert (rest[0]["content"], rest[0]["status"]) == (told.answer, "complete")
            turn = client.get(f"/api/turns/{question['turn_id']}", headers=mine).json()
            # Interrupted are at most those that had not reached the runtime when their gateway died.
            assert (turn["status"], rest[0]["status"]) == ("completed", "complete") or (
                (turn["status"], rest[0]["content"]) == ("interrupted", "")
            )
    found = verified(house.data)
    assert found.returncode == 0, found.stdout + found.stderr


def test_who_streams_hears_of_a_killed_runtime_at_once_and_the_next_call_works(house: House, mine: Headers) -> None:
    with house.client() as client:
        with streamed(client, LONG, mine) as (response, stream):
            seen = [next(stream) for _ in range(12)]
            worker, runtime = house.pid("worker"), killed(house, "runtime")
            killed_at = time.monotonic()
            seen += list(stream)
            assert time.monotonic() - killed_at < 2
        assert (seen[-1].type, seen[-1].data["code"]) == ("RUN_ERROR", "agent_unreachable")
        answer = messages(client, response.headers["x-session-id"], mine)[1]
        assert (answer["content"], answer["status"]) == (text_of(seen), "partial")
        eventually(lambda: not Path(f"/proc/{worker}").exists())
        assert chat(client, "next", mine, response.headers["x-session-id"])["response"] == "1. next\n"
    assert house.pid("runtime") not in (0, runtime)
    assert "The runtime process ended (signal SIGKILL); starting it again in" in house.said()
    assert verified(house.data).returncode == 0


def test_who_streams_hears_of_a_killed_worker_at_once_and_the_next_call_works(house: House, mine: Headers) -> None:
    with house.client() as client:
        with streamed(client, LONG, mine) as (response, stream):
            seen = [next(stream) for _ in range(12)]
            worker = killed(house, "worker")
            killed_at = time.monotonic()
            seen += list(stream)
            assert time.monotonic() - killed_at < 2
        assert (seen[-1].type, seen[-1].data["code"]) == ("RUN_ERROR", "agent_unreachable")
        assert chat(client, "next", mine, response.headers["x-session-id"])["response"] == "1. next\n"
    assert house.pid("worker") not in (0, worker)
    assert "worker_restarted" in house.said()
    assert house.metric("doorward_worker_restarts_total") == 1


def test_open_streams_get_a_closing_event_and_the_house_ends_well(house: House, mine: Headers) -> None:
    def listen() -> list[Event]:
        with house.client() as client, streamed(client, LONG, mine) as (_, stream):
            found = [next(stream)]
            opened.release()
            return found + list(stream)

    opened = threading.Semaphore(0)
    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(listen) for _ in range(3)]
        for _ in streams:
            assert opened.acquire(timeout=10)
        house.process.send_signal(signal.SIGTERM)
        ends = [stream.result(timeout=15)[-1] for stream in streams]
    assert {end.data.get("code", end.name) for end in ends} <= {"turn_interrupted", "server_closing"}
    assert house.process.wait(timeout=15) == 0
    with closing(sqlite3.connect(house.data / "gateway.db")) as store:
        turns = store.execute("SELECT status, error_code FROM turns ORDER BY number DESC LIMIT 3").fetchall()
    assert turns == [("interrupted", "turn_interrupted")] * 3, "the agent did not fail: the house went down"
    assert house.said().rstrip().endswith("Stopped.")
    assert "Traceback" not in house.said()


def test_a_house_that_was_killed_whole_leaves_nothing_running_and_starts_again(tmp_path: Path) -> None:
    port = str(free_port())
    with running_house(tmp_path, "--port", port, "--agent", AGENT) as house:
        mine = house.bearer()
        pids = [house.pid(name) for name in ("gateway", "runtime", "worker")]
        with house.client() as client, streamed(client, LONG, mine) as (response, stream):
            seen = [next(stream) for _ in range(12)]
            house.process.kill()
            house.process.wait(timeout=10)
            seen += until_broken(stream)
        eventually(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()], seconds=15)
    with running_house(tmp_path, "--port", port, "--agent", AGENT) as house, house.client() as client:
        question, answer = messages(client, response.headers["x-session-id"], mine)
        assert question["content"] == LONG
        assert answer["content"].startswith(text_of(seen))
        assert answer["status"] == "partial"
        assert verified(house.data).returncode == 0
