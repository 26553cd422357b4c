"""Processes that die, are stopped, or crowd: F-01 to F-04, F-15, F-24."""

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.building import ANNA, end_open
from tests.faults.crowd import Crowd, signed_call
from tests.faults.scenario import Figures, scenario
from tests.journey.house import House, running_house
from tests.journey.talking import Headers, chat, eventually, follow, messages, streamed
from tests.journey.test_durability import killed, ready, until_broken
from tests.unit.stores.test_sqlite_crash import run_and_kill

from doorward.model.chat import TurnStatus
from doorward.stores.sqlite.open import open_gateway

AGENT = f"{Path(__file__).parents[2] / 'examples' / 'plain' / 'agent.py'}:stream"
PATIENT = f"{Path(__file__).parents[2] / 'bench' / 'agents.py'}:patient"
SHORTER = " ".join(f"word{number}" for number in range(300))
LONG = " ".join(f"word{number}" for number in range(600))
OPEN = {
    f"DOORWARD_FRONT_DOOR_{name}": "1000000"
    for name in ("USER_REQUESTS", "ADDRESS_REQUESTS", "CONCURRENT_TURNS", "WAITING_REQUESTS", "OPEN_STREAMS")
} | {"DOORWARD_CHAT_NAMES": "first-message", "DOORWARD_BUDGET_USER_TOKENS_PER_DAY": "100000000"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("dying"), "--agent", AGENT, environment=OPEN) as running:
        yield running


@pytest.fixture(scope="module")
def mine(house: House) -> Headers:
    return house.bearer(0)


def reserved(house: House) -> int:
    """How many turns have something set aside of a budget."""
    with closing(sqlite3.connect(house.data / "gateway.db")) as store:
        return int(store.execute("SELECT count(*) FROM budget_reservations").fetchone()[0])


@scenario(
    "F-01",
    injected="kill -9 of the runtime while an answer streams",
    asserted=(
        "the reader has an error event within 2 s, with a turn to look up; the partial answer is stored "
        "as partial; what was reserved is settled; the next message is answered"
    ),
)
def test_the_runtime_dies_in_mid_stream(house: House, mine: Headers, figures: Figures) -> None:
    with house.client() as client:
        with streamed(client, LONG, mine) as (response, stream):
            seen = [next(stream) for _ in range(12)]
            pid = killed(house, "runtime")
            died = time.monotonic()
            seen += list(stream)
            took = time.monotonic() - died
        assert took < 2
        assert (seen[-1].type, seen[-1].data["code"]) == ("RUN_ERROR", "agent_unreachable")
        turn = client.get(f"/api/turns/{response.headers['x-turn-id']}", headers=mine).json()
        assert (turn["status"], turn["error_code"]) == ("failed", "agent_unreachable")
        session = response.headers["x-session-id"]
        assert messages(client, session, mine)[1]["status"] == "partial"
        assert reserved(house) == 0
        eventually(lambda: ready(house) and house.pid("runtime") not in (0, pid), seconds=30)
        assert chat(client, "next", mine, session)["response"] == "1. next\n"
    figures.say(f"error event after {took:.2f} s")


@scenario(
    "F-02",
    injected="kill -9 of the gateway while an answer streams",
    asserted=(
        "the agent goes on and runs once; the reader reads on by the number it has: no gap, nothing "
        "twice; the answer is complete; it is charged once"
    ),
)
def test_the_gateway_dies_in_mid_stream(house: House, mine: Headers, figures: Figures) -> None:
    runs = house.runs()
    with house.client() as client:
        with streamed(client, LONG, mine) as (response, stream):
            seen = [next(stream) for _ in range(12)]
            pid = killed(house, "gateway")
            died = time.monotonic()
            seen += until_broken(stream)
        eventually(lambda: ready(house) and house.pid("gateway") not in (0, pid), seconds=30)
        back = time.monotonic() - died
        turn = response.headers["x-turn-id"]
        rest = follow(client, turn, mine, after=len(seen))
        assert seen + rest == follow(client, turn, mine)
        assert [event.id for event in seen + rest] == list(range(1, len(seen + rest) + 1))
        assert rest[-1].type == "RUN_FINISHED"
        assert house.runs() == runs + 1
        assert messages(client, response.headers["x-session-id"], mine)[1]["status"] == "complete"
        assert reserved(house) == 0
    figures.say(f"served again after {back:.1f} s")


@scenario(
    "F-03",
    injected=(
        "kill -9 of the runtime between the durable use of a signature and the outcome of its run; the "
        "same signed call is sent again"
    ),
    asserted=(
        "it is refused as a replay and nothing runs a second time; the turn it belonged to is not run anew by itself"
    ),
)
def test_what_had_begun_is_never_silently_run_again(house: House, mine: Headers) -> None:
    send = signed_call(house, b'{"prompt": "' + LONG.encode() + b'"}')
    runs = house.runs()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(send)
        eventually(lambda: house.runs() > runs, seconds=20)
        pid = killed(house, "runtime")
        assert first.result(timeout=20) != 200
    eventually(lambda: ready(house) and house.pid("runtime") not in (0, pid), seconds=30)
    assert send() == 403
    assert house.runs() == 0, "nothing ran in the runtime that came after"


@scenario(
    "F-04",
    injected="kill -9 of a process that writes turns and ledger entries, 200 times at random points",
    asserted=(
        "everything that was acknowledged is there, the ledger's chain verifies, no message is torn or out of place"
    ),
    long=True,
)
def test_two_hundred_kills_while_writing(tmp_path: Path, figures: Figures) -> None:
    dice = random.Random(4)
    acknowledged: list[str] = []
    path = tmp_path / "g.db"
    for run in range(200):
        acknowledged += run_and_kill(path, run, dice.randrange(1, 60))

    async def checked() -> None:
        stores = open_gateway(path)
        assert await stores.ledger.verify() is None
        await end_open(stores.turns)
        for kind, name in (line.split() for line in acknowledged):
            turn = await stores.turns.get(ANNA, name)
            assert turn is not None, name
            assert kind != "f" or turn.status is TurnStatus.COMPLETED, name
        cursor = None
        while True:
            page = await stores.conversations.page(ANNA, limit=100, cursor=cursor)
            for conversation in page.items:
                found = await stores.conversations.messages(ANNA, conversation.session_id, limit=10_000, cursor=None)
                assert [one.position for one in found.items] == list(range(1, conversation.message_count + 1))
            cursor = page.next_cursor
            if cursor is None:
                break
        stores.close()
        assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)

    asyncio.run(checked())
    figures.say(f"200 kills, {len(acknowledged):,} acknowledged writes")


@scenario(
    "F-15",
    injected="2,000 idle streams that follow one turn",
    asserted=(
        "each costs at most 40 KiB of the gateway, heartbeats reach them, and a new request is taken "
        "within 100 ms at the 99th percentile"
    ),
    long=True,
)
def test_two_thousand_idle_streams(tmp_path: Path, figures: Figures) -> None:
    limits = OPEN | {"DOORWARD_CHAT_HEARTBEAT": "5"}
    with running_house(tmp_path, "--agent", PATIENT, environment=limits) as crowded:
        mine = crowded.bearer(0)
        with crowded.client() as client, streamed(client, "wait", mine) as (response, stream):
            next(stream)
            crowd = asyncio.run(Crowd(crowded, mine, response.headers["x-turn-id"]).idle(2000))
    figures.say(f"{crowd.bytes_each / 1024:.0f} KiB a stream, p99 {crowd.p99 * 1e3:.0f} ms")
    assert crowd.bytes_each <= 40 * 1024
    assert crowd.heartbeats == 2000
    assert crowd.p99 < 0.1


@scenario(
    "F-24",
    injected="SIGTERM to a gateway with 500 live streams",
    asserted=(
        "every stream gets `server_closing` within the grace, and reads its turn's rest from the next "
        "gateway by its number"
    ),
    long=True,
)
def test_a_gateway_is_replaced_under_live_streams(tmp_path: Path, figures: Figures) -> None:
    limits = OPEN | {"DOORWARD_AGENT_ISOLATION": "shared"}
    with running_house(tmp_path, "--agent", AGENT, environment=limits) as crowded:
        mine = crowded.bearer(0)
        found = asyncio.run(Crowd(crowded, mine, "").replaced(500, SHORTER, lambda: stop_gateway(crowded)))
        assert found.closed == 500
        assert found.whole == 500
        assert crowded.runs() == 500
    figures.say(f"all told within {found.seconds:.1f} s")


def stop_gateway(house: House) -> None:
    os.kill(eventually(lambda: house.pid("gateway")), signal.SIGTERM)
