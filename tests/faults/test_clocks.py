"""Clocks that are wrong: F-08."""

import time
from datetime import datetime
from pathlib import Path

import pytest
from tests.faults.crowd import signed_call
from tests.faults.scenario import Figures, scenario
from tests.journey.house import House, running_house
from tests.journey.talking import chat
from tests.journey.test_durability import verified

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def moved(clock: Path, offset: str) -> None:
    """The house's clock goes wrong by so much, at once."""
    fresh = clock.with_name("fresh")
    fresh.write_text(f"{offset}\n")
    fresh.rename(clock)


@scenario(
    "F-08",
    injected=("the clock of a running house is set 10 minutes on, then back, then 10 minutes into the past"),
    asserted=(
        "a call that was signed with a right clock is refused with a code of its own and not run; tokens "
        "from the future are refused; limits count on (they use no wall clock); the ledger stays in the "
        "order in which it was written and verifies"
    ),
)
def test_a_clock_that_jumps(tmp_path: Path, figures: Figures) -> None:
    if LIBRARY is None:
        pytest.skip("faketime is not installed: run tests/install-programs.sh")
    clock = tmp_path / "clock"
    clock.write_text("+0s\n")
    environment = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DOORWARD_FRONT_DOOR_USER_REQUESTS": "30",
        "DOORWARD_FRONT_DOOR_USER_WINDOW": "60",
        "DOORWARD_AGENT_ISOLATION": "shared",
    }
    with running_house(tmp_path / "house", environment=environment) as house, house.client() as client:
        mine, others = house.bearer(0), house.bearer(1)
        assert chat(client, "hello", mine)["response"]
        send = signed_call(house, b'{"prompt": "hello"}')
        late = signed_call(house, b'{"prompt": "hello"}')
        assert send() == 200

        moved(clock, "+600s")
        assert now_of(house, others) - time.time() > 500
        runs = house.runs()
        assert late() == 403
        assert refusals(house, "signature_expired") == 1
        assert house.runs() == runs
        assert chat(client, "still here", others)["response"], "the house agrees with itself"

        moved(clock, "-600s")
        early = signed_call(house, b'{"prompt": "hello"}')
        assert early() == 403
        young = client.get("/api/me", headers=others)
        assert (young.status_code, young.json().get("code")) == (401, "token_not_yet_valid"), young.text

        moved(clock, "+0s")
        taken = [client.get("/api/me", headers=mine).status_code for _ in range(40)]
        assert taken.count(429) >= 8, "a clock that jumps opens no limit"
        assert verified(house.data).returncode == 0
    figures.say("three jumps of 10 minutes")


def now_of(house: House, headers: dict[str, str]) -> float:
    """The time that the house believes, by a turn that it begins."""
    with house.client() as client:
        answer = client.post("/api/chat", json={"message": "what time"}, headers=headers)
        turn = client.get(f"/api/turns/{answer.headers['x-turn-id']}", headers=headers).json()
    return datetime.fromisoformat(turn["started_at"]).timestamp()


def refusals(house: House, code: str) -> float:
    return house.metric(f'doorward_verdicts_total{{code="{code}",door="agent_door"')
