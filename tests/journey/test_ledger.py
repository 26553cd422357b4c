"""The ledger of a house that is up: who did what for whom stands in it, and a changed entry is named."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.journey.house import House
from tests.journey.talking import chat, eventually


def audit(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "doorward", "audit", *arguments, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=data)


def entries(house: House) -> list[dict[str, Any]]:
    listed = audit(house.data, "list", "--json", "--limit", "1000")
    assert listed.returncode == 0, listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]


def test_a_chat_stands_at_both_doors_with_one_request_and_one_user(house: House) -> None:
    mine = house.bearer()
    with house.client() as client:
        answer = chat(client, "hello", mine)
        user = client.get("/api/me", headers=mine).json()["actor_id"]
    agent = next(entry for entry in entries(house) if entry["turn_id"] == answer["turn_id"])
    front = next(entry for entry in entries(house) if entry["request_id"] == agent["request_id"])
    assert (front["door"], front["verdict"], front["principal"]) == ("front_door", "allow", user)
    assert front["action"] == "POST /api/chat"
    assert (agent["door"], agent["verdict"]) == ("agent_door", "allow")
    assert (agent["principal"], agent["on_behalf_of"]) == ("chat", user)
    assert agent["resource"] == house.ready["agent_arn"]
    assert front["at"] <= agent["at"]


def test_who_is_refused_stands_in_it_too(house: House) -> None:
    url = f"{house.ready['agent_door']}/runtimes/hello/invocations"
    refused = httpx2.post(url, json={}, headers=house.bearer(), trust_env=False, timeout=30)
    request_id = refused.headers["x-amzn-requestid"]
    with house.client() as client:
        stranger = client.post("/api/chat", json={"message": "hello"}).headers["x-request-id"]

    def found() -> dict[str, dict[str, Any]]:
        both = {entry["request_id"]: entry for entry in entries(house) if entry["verdict"] == "deny"}
        return both if request_id in both and stranger in both else {}

    both = eventually(found)
    assert (both[request_id]["door"], both[request_id]["principal"]) == ("agent_door", "")
    assert (both[stranger]["door"], both[stranger]["code"]) == ("front_door", "unauthenticated")


@pytest.mark.parametrize("store", ["gateway", "runtime"])
@pytest.mark.parametrize("change", ["changed", "removed", "swapped"])
def test_the_first_bad_entry_is_named(house: House, tmp_path: Path, store: str, change: str) -> None:
    with house.client() as client:
        chat(client, "hello", house.bearer())
        chat(client, "hello", house.bearer())
    data = tmp_path / "data"
    with closing(sqlite3.connect(house.data / f"{store}.db")) as source:
        data.mkdir(mode=0o700)
        with closing(sqlite3.connect(data / f"{store}.db")) as copy:
            source.backup(copy)
    shutil.copytree(house.data / "keys", data / "keys")
    (data / f"{store}.db").chmod(0o600)
    assert audit(data, "verify").returncode == 0
    with closing(sqlite3.connect(data / f"{store}.db")) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        if change == "changed":
            (entry,) = connection.execute("SELECT entry FROM ledger WHERE sequence = 2").fetchone()
            other = entry.replace(b'"allow"', b'"deny"')
            assert other != entry
            connection.execute("UPDATE ledger SET entry = ? WHERE sequence = 2", (other,))
        elif change == "removed":
            connection.execute("DELETE FROM ledger WHERE sequence = 2")
        else:
            connection.execute("UPDATE ledger SET sequence = -3 WHERE sequence = 3")
            connection.execute("UPDATE ledger SET sequence = 3 WHERE sequence = 2")
            connection.execute("UPDATE ledger SET sequence = 2 WHERE sequence = -3")
        connection.commit()
    verdict = audit(data, "verify")
    assert verdict.returncode != 0
    assert f"{store}: entry 2 is bad" in verdict.stdout + verdict.stderr
