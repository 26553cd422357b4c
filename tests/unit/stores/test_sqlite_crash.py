"""Acknowledged means durable: a process that is killed at any point loses nothing that it had acknowledged."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.building import ANNA, end_open

from doorward.model.chat import TurnStatus
from doorward.stores.sqlite.open import open_gateway

pytestmark = pytest.mark.anyio

# Says on its output what it has been told is durable: a turn begun ("b") or finished ("f").
WRITER = """
import asyncio, sys
from pathlib import Path
from doorward.stores.sqlite.database import Tuning
from doorward.stores.sqlite.open import open_gateway
from tests.contract.building import end_open, entry, new_turn, result_of

async def one(stores, run, worker):
    for number in range(100_000):
        name = f"{run}-{worker}-{number}"
        turn = new_turn(f"s{run}-{worker}", turn_id=name, message_id=name)
        stores.ledger.enqueue(entry(turn_id=name))
        await stores.turns.begin(turn)
        sys.stdout.write(f"b {name}\\n"); sys.stdout.flush()
        await stores.turns.finish(result_of(turn))
        sys.stdout.write(f"f {name}\\n"); sys.stdout.flush()

async def main():
    stores = open_gateway(Path(sys.argv[1]), tuning=Tuning(wal_cap=200_000))
    await end_open(stores.turns)
    await asyncio.gather(*(one(stores, sys.argv[2], worker) for worker in range(4)))

asyncio.run(main())
"""


def run_and_kill(path: Path, run: int, lines: int) -> list[str]:
    """Start the writer, let it acknowledge at least so many writes, kill it, and return all it had acknowledged."""
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(run)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.stdout.close()
    process.wait(10)
    return [line.strip() for line in said if line.endswith("\n")]


async def test_a_process_killed_at_any_point_loses_nothing_it_had_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "g.db"
    dice = random.Random(20)
    acknowledged: list[str] = []
    for run in range(10):
        acknowledged += run_and_kill(path, run, dice.randrange(1, 150))

    stores = open_gateway(path)
    assert await stores.ledger.verify() is None
    recorded = {each.entry.turn_id for each in await stores.ledger.entries(limit=1_000_000)}
    await end_open(stores.turns)
    for kind, name in (line.split() for line in acknowledged):
        turn = await stores.turns.get(ANNA, name)
        assert turn is not None, name
        assert name in recorded
        if kind == "f":
            assert turn.status == TurnStatus.COMPLETED, name
    conversations = (await stores.conversations.page(ANNA, limit=100, cursor=None)).items
    for conversation in conversations:
        page = await stores.conversations.messages(ANNA, conversation.session_id, limit=10_000, cursor=None)
        assert [message.position for message in page.items] == list(range(1, conversation.message_count + 1))
    stores.close()
    assert len(acknowledged) >= 10
