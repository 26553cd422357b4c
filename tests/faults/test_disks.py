"""The disk is full: F-05, F-06. And a record that was torn: F-20."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.contract.building import ANNA, end_open
from tests.faults.scenario import Figures, scenario
from tests.journey.house import House, running_house
from tests.journey.talking import Headers, chat, eventually, messages
from tests.journey.test_durability import verified
from tests.unit.stores.test_sqlite_crash import run_and_kill

from doorward.stores.sqlite.open import open_gateway

pytestmark = pytest.mark.anyio
SIZE = 48 * 1024 * 1024
LIMITS = {
    "DOORWARD_FRONT_DOOR_USER_REQUESTS": "1000000",
    "DOORWARD_FRONT_DOOR_ADDRESS_REQUESTS": "1000000",
    "DOORWARD_CHAT_NAMES": "first-message",
}


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of a fixed size, mounted on `folder`."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of a fixed size can be mounted by root alone")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Every free byte of the disk is taken."""
    ballast = folder / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 1 << 12, 1):
        try:
            while os.write(descriptor, b"x" * size):
                pass
        except OSError:
            continue
    os.close(descriptor)
    try:
        yield
    finally:
        ballast.unlink()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("full")
    with small_disk(folder / "data"), running_house(folder, environment=LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def mine(house: House) -> Headers:
    return house.bearer(0)


@scenario(
    "F-05",
    injected="the disk of the ledger is full",
    asserted=(
        "what would have to be recorded is refused with 503 and not done, reads go on, the chain "
        "verifies, and it recovers without a restart"
    ),
)
def test_a_full_disk_of_the_ledger(house: House, mine: Headers, figures: Figures) -> None:
    with house.client() as client:
        session = chat(client, "hello", mine)["session_id"]
        runs = house.runs()
        refused = 0
        with filled(house.data):
            for _ in range(40):
                answer = client.post("/api/chat", json={"message": "x" * 4000}, headers=mine)
                refused += answer.status_code == 503
                if refused > 5:
                    break
            assert refused > 5, "some fit into what was left"
            stopped_at = house.runs()
            assert client.post("/api/chat", json={"message": "again"}, headers=mine).status_code == 503
            assert house.runs() == stopped_at, "nothing runs that cannot be recorded"
            assert client.get(f"/api/conversations/{session}", headers=mine).status_code == 200
        eventually(
            lambda: client.post("/api/chat", json={"message": "hi"}, headers=mine).status_code == 200, seconds=60
        )
        assert house.runs() > runs
    assert verified(house.data).returncode == 0
    figures.say(f"{refused} refusals, none run")


@scenario(
    "F-06",
    injected="the disk of the conversations is full",
    asserted=(
        "a message is stored whole or refused with 503: no turn, message or event is half written, and "
        "every stored conversation can be read"
    ),
)
def test_a_full_disk_of_the_conversations(house: House, mine: Headers, figures: Figures) -> None:
    taken, refused = [], 0
    with house.client() as client:
        with filled(house.data):
            for number in range(60):
                body = {"message": f"{number} " + "y" * 3000}
                answer = client.post("/api/chat", json=body, headers=mine)
                if answer.status_code == 200:
                    taken.append((answer.json()["session_id"], body["message"]))
                else:
                    assert answer.status_code == 503, answer.text
                    refused += 1
                if refused > 10:
                    break
        eventually(
            lambda: client.post("/api/chat", json={"message": "hi"}, headers=mine).status_code == 200, seconds=60
        )
        for session, message in taken:
            question, answered = messages(client, session, mine)
            assert (question["content"], answered["status"]) == (message, "complete")
        page = client.get("/api/conversations", params={"limit": 100}, headers=mine).json()
        for conversation in page["conversations"]:
            found = messages(client, conversation["session_id"], mine)
            assert [one["role"] for one in found] in (["user", "assistant"], ["user"]), "nothing is half written"
    with closing(sqlite3.connect(house.data / "gateway.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    figures.say(f"{len(taken)} stored whole, {refused} refused")


@scenario(
    "F-20",
    injected=("the last record of the write-ahead log is torn: cut at 60 lengths, and bytes of it flipped"),
    asserted=(
        "the store opens with the last whole entry, the chain verifies, and what was checkpointed before is there"
    ),
)
async def test_a_torn_last_record(tmp_path: Path, figures: Figures) -> None:
    path = tmp_path / "g.db"
    run_and_kill(path, 0, 40)
    log = path.with_name("g.db-wal").read_bytes()
    assert len(log) > 10_000, "the process died with its log"
    opened = 0
    for cut in range(1, 61):
        for flip in (False, True):
            place = tmp_path / f"{cut}-{flip}"
            place.mkdir()
            shutil.copy(path, place / "g.db")
            at = len(log) - cut * 137
            torn = log[:at] + bytes(byte ^ 255 for byte in log[at : at + 20]) + log[at + 20 :] if flip else log[:at]
            (place / "g.db-wal").write_bytes(torn)
            stores = open_gateway(place / "g.db")
            assert await stores.ledger.verify() is None
            await end_open(stores.turns)
            for conversation in (await stores.conversations.page(ANNA, limit=100, cursor=None)).items:
                found = await stores.conversations.messages(ANNA, conversation.session_id, limit=10_000, cursor=None)
                assert [one.position for one in found.items] == list(range(1, conversation.message_count + 1))
            stores.close()
            opened += 1
    figures.say(f"{opened} torn logs opened")
