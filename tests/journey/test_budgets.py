"""A day's budget in a real house: exact when many ask at once, shown to its user, and kept over a restart."""

import os
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from tests.journey.house import House, free_port, running_house
from tests.journey.talking import eventually

CONFIG = """
[front_door]
concurrent_turns = 100
[budget]
user_tokens_per_day = 10000
reserve_tokens = 4000
"""


# Longer than it takes until all have asked, also on a machine with much to do.
SLOW = "please wait 4 seconds"
LONG = "please wait 8 seconds"


def tokens_left(house: House, headers: dict[str, str]) -> int:
    with house.client() as client:
        left: int = client.get("/api/usage", headers=headers).json()["budget"]["tokens_left"]
        return left


def test_many_messages_for_the_last_of_a_budget(tmp_path: Path) -> None:
    """AP-LIM-02, AP-BYP-09"""
    same_issuer = ("--port", str(free_port()))
    with running_house(tmp_path, *same_issuer, config=CONFIG) as house:
        mine, others = house.bearer(0), house.bearer(1)
        runs = house.runs()

        def send(number: int, headers: dict[str, str] = mine) -> tuple[int, str, int]:
            with house.client() as client:
                answer = client.post("/api/chat", json={"message": LONG}, headers=headers, timeout=60)
                return answer.status_code, answer.json().get("code", ""), int(answer.headers.get("retry-after", 0))

        with ThreadPoolExecutor(50) as pool:
            sent = list(pool.map(send, range(50)))
        refused = [(code, 0 < wait <= 86400) for status, code, wait in sent if status == 429]
        assert [status for status, _, _ in sent].count(200) == 2
        assert refused == [("budget_exhausted", True)] * 48
        assert house.runs() == runs + 2
        # Each of the two conversations is named after its turn, and until that is done tokens are set aside for it.
        left = eventually(lambda: (now := tokens_left(house, mine)) > 9000 and now)
        assert left < 10000
        assert send(0)[0] == 200
        assert send(0, others)[0] == 200

    with running_house(tmp_path, *same_issuer, config=CONFIG) as again:
        mine = again.bearer(0)
        before = tokens_left(again, mine)
        assert before < left
        with ThreadPoolExecutor(1) as pool, again.client() as client:
            asked = pool.submit(
                lambda: client.post("/api/chat", json={"message": "please wait 4 seconds"}, headers=mine, timeout=3)
            )
            eventually(lambda: tokens_left(again, mine) == before - 4000)
            os.kill(again.pid("gateway"), signal.SIGKILL)
            assert asked.exception() is not None
        eventually(lambda: again.pid("gateway") and answers(again), seconds=30)
        # The turn has outlived its gateway; at its end it costs what the model reported, no more.
        eventually(lambda: before > tokens_left(again, mine) > before - 4000, seconds=30)


@pytest.mark.parametrize("pattern", ["two-doors", "front-door", "direct"])
def test_the_last_of_a_budget_is_spent_once_on_every_other_route(tmp_path: Path, pattern: str) -> None:
    """AP-LIM-02, AP-BYP-09: in `front-door`, half of them walk around the front door, and share the same budget."""
    with running_house(tmp_path, "--pattern", pattern, config=CONFIG) as house:
        mine, others = house.bearer(0), house.bearer(1)
        runs = house.runs()

        def send(number: int, headers: dict[str, str] = mine, message: str = SLOW) -> tuple[int, str, int]:
            around = pattern == "direct" or (pattern == "front-door" and number % 2 == 1)
            answer = at_the_agent(house, headers, message) if around else at_the_front(house, headers, message, pattern)
            wait = int(answer.headers.get("retry-after", 0))
            return answer.status_code, answer.json()["code"] if answer.status_code != 200 else "", wait

        with ThreadPoolExecutor(50) as pool:
            sent = list(pool.map(send, range(50)))
        refused = [(code, 0 < wait <= 86400) for status, code, wait in sent if status == 429]
        assert [status for status, _, _ in sent].count(200) == 2
        assert refused == [("budget_exhausted", True)] * 48
        assert house.runs() == runs + 2
        # What they did not use is there again, and others have their own.
        assert send(0, message="hello")[0] == 200
        assert send(1, others, message="hello")[0] == 200


def at_the_front(house: House, headers: dict[str, str], message: str, pattern: str) -> httpx2.Response:
    body = {"message" if pattern == "two-doors" else "prompt": message}
    with house.client() as client:
        return client.post("/chat", json=body, headers=headers)


def at_the_agent(house: House, headers: dict[str, str], message: str) -> httpx2.Response:
    session = {"x-amzn-bedrock-agentcore-runtime-session-id": str(uuid.uuid4()), "accept": "text/event-stream"}
    url = f"{house.ready['agent_door']}/runtimes/{quote(house.ready['agent_arn'], safe='')}/invocations"
    body = {"prompt": message}
    return httpx2.post(url, headers=headers | session, json=body, trust_env=False, timeout=30)


def answers(house: House) -> bool:
    with house.client() as client:
        try:
            return client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False
