"""The console's API in a real house: metrics, the ledger of both processes, users, turns, what is in force."""

import csv
import io
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.journey.house import House, running_house, sign_in
from tests.journey.talking import chat, eventually, messages, streamed

SLOW = "please wait 30 seconds"
FAST_SAMPLES = {"DOORWARD_CONSOLE_SAMPLE_PERIOD": "0.3"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    config = '[sign_in]\nclient_secret = "canary-client-secret"\n'
    with running_house(tmp_path_factory.mktemp("console"), environment=FAST_SAMPLES, config=config) as running:
        yield running


@pytest.fixture(scope="module")
def operator(house: House) -> Iterator[httpx2.Client]:
    """A program of an operator, at the operators' part of the API."""
    with httpx2.Client(base_url=f"{house.front_door}/api/operator", trust_env=False, timeout=30) as client:
        client.headers.update(house.bearer(2))
        yield client


def got(client: httpx2.Client, path: str, **params: Any) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


def test_the_doors_are_measured_in_both_processes(house: House, operator: httpx2.Client) -> None:
    with house.client() as client:
        chat(client, "hello", house.bearer())
        assert client.get("/api/me").status_code == 401
        httpx2.post(f"{house.ready['agent_door']}/runtimes/hello/invocations", json={}, trust_env=False)

    def measured() -> Any:
        series = got(operator, "/metrics", window="hour")
        doors = {door["door"]: door for door in series["doors"]}
        both = {"front_door", "agent_door"} <= doors.keys()
        refused = len(series["refused"]) >= 2
        return series if both and refused and any(doors["agent_door"]["p95"]) else None

    series = eventually(measured, seconds=30)
    assert "unauthenticated" in series["refused"]
    assert all(len(values) == len(series["at"]) for values in series["refused"].values())
    assert max(series["tokens_today"]) > 0
    eventually(lambda: got(operator, "/metrics", window="day")["at"], seconds=30)
    now = got(operator, "/now")
    states = {door["door"]: door["state"] for door in now["doors"]}
    assert states == {"front_door": "open", "agent_door": "open", "tool_door": "absent", "model_door": "absent"}
    assert (now["silent"], now["turns_today"] > 0) == ([], True)


def test_a_running_turn_is_seen_and_stopped_and_its_user_is_told(house: House, operator: httpx2.Client) -> None:
    assert got(operator, "/turns") == {"turns": [], "total": 0}
    bearer, codes = house.bearer(), list[str]()
    begun = threading.Event()

    def talk() -> None:
        with house.client() as client, streamed(client, SLOW, bearer) as (_, events):
            for event in events:
                begun.set()
                codes.append(str(event.data.get("code", "")))

    talking = threading.Thread(target=talk)
    talking.start()
    assert begun.wait(30)
    (turn,) = got(operator, "/turns")["turns"]
    assert turn["username"] == "user-one"
    assert "wait" not in str(turn)
    stopped = operator.post(f"/turns/{turn['turn_id']}/stop")
    assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled")
    talking.join(30)
    assert codes[-1] == "turn_stopped"
    assert got(operator, "/turns")["total"] == 0
    assert operator.post(f"/turns/{turn['turn_id']}/stop").status_code == 404
    with house.client() as client:
        assert messages(client, turn["session_id"], bearer)[0]["content"] == SLOW


def test_a_request_is_told_across_the_doors(house: House, operator: httpx2.Client) -> None:
    bearer = house.bearer(1)
    with house.client() as client:
        first = chat(client, "hello", bearer)
        chat(client, "what time is it in Oslo?", bearer, first["session_id"])

    def both() -> Any:
        found = got(operator, "/ledger", session_id=first["session_id"], limit=100)["entries"]
        return found if [entry["door"] for entry in found].count("agent_door") >= 2 else None

    entries = eventually(both, seconds=30)
    assert {entry["chain"] for entry in entries} == {"gateway", "runtime"}
    assert [entry["at"] for entry in entries] == sorted((entry["at"] for entry in entries), reverse=True)
    asked = next(entry for entry in entries if entry["turn_id"] == first["turn_id"])
    for near in ({}, {"near": asked["at"]}):
        story = got(operator, f"/requests/{asked['request_id']}", **near)
        doors = [(entry["door"], entry["action"]) for entry in story["entries"]]
        assert doors[:2] == [("front_door", "POST /api/chat"), ("agent_door", "InvokeAgentRuntime")]
        assert [turn["turn_id"] for turn in story["turns"]] == [first["turn_id"]]
        assert story["complete"]


def test_the_ledger_is_filtered_paged_and_exported_alike(house: House, operator: httpx2.Client) -> None:
    with house.client() as client:
        for _ in range(7):
            client.get("/api/me", headers={"authorization": "Bearer nonsense"})
    wanted = {"door": "front_door", "code": "token_malformed", "verdict": "deny"}
    eventually(lambda: len(got(operator, "/ledger", **wanted, limit=100)["entries"]) == 7, seconds=30)
    paged, cursor = list[dict[str, Any]](), {}
    while True:
        page = got(operator, "/ledger", **wanted, limit=3, **cursor)
        paged += page["entries"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(paged) == 7
    exported = got(operator, "/ledger/export.json", **wanted)
    assert exported == {"entries": paged, "unread": []}
    table = operator.get("/ledger/export.csv", params=wanted)
    assert table.headers["content-disposition"] == 'attachment; filename="ledger.csv"'
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["hash"] for row in rows] == [entry["hash"] for entry in paged]
    since = paged[2]["at"]
    newer = got(operator, "/ledger", **wanted, since=since)["entries"]
    assert newer == [entry for entry in paged if entry["at"] >= since]
    assert operator.get("/ledger", params={**wanted, "cursor": "x"}).json()["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/ledger", {"since": "yesterday"}, "invalid_parameter"),
        ("/ledger", {"since": "2026-01-01T00:00:00"}, "invalid_parameter"),
        ("/ledger", {"verdict": "maybe"}, "invalid_parameter"),
        ("/ledger", {"limit": "0"}, "invalid_parameter"),
        ("/ledger", {"order": "asc"}, "unknown_parameter"),
        ("/metrics", {"window": "year"}, "invalid_parameter"),
        ("/users", {"q": ""}, "invalid_parameter"),
    ],
)
def test_what_does_not_fit_is_refused(operator: httpx2.Client, path: str, params: dict[str, str], code: str) -> None:
    answer = operator.get(path, params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_the_chains_are_verified_when_asked(operator: httpx2.Client) -> None:
    begun = operator.post("/ledger/chains/verify")
    assert begun.status_code == 202

    def done() -> Any:
        chains = got(operator, "/ledger/chains")["chains"]
        return chains if all(not chain["walking"] and chain["verified_to"] for chain in chains) else None

    chains = eventually(done, seconds=30)
    assert [(chain["chain"], chain["state"]) for chain in chains] == [("gateway", "holds"), ("runtime", "holds")]


def test_a_user_is_added_disabled_and_enabled_and_made_an_operator(house: House, operator: httpx2.Client) -> None:
    added = operator.post("/users", json={"username": "robin", "email": "robin@example.com"})
    assert added.status_code == 201, added.text
    user, password = added.json()["user"], added.json()["password"]
    assert operator.post("/users", json={"username": "Robin"}).json()["code"] == "username_taken"
    assert [each["username"] for each in got(operator, "/users", q="robin@")["users"]] == ["robin"]

    def me(headers: dict[str, str]) -> httpx2.Response:
        with house.client() as client:
            return client.get("/api/me", headers=headers)

    bearer = {"authorization": f"Bearer {sign_in(house.ready, 'robin', password)['access_token']}"}
    assert me(bearer).json()["username"] == "robin"
    one = f"/users/{user['subject']}"
    assert operator.post(f"{one}/disable").json()["disabled"]
    eventually(lambda: me(bearer).status_code == 401)
    assert not operator.post(f"{one}/enable").json()["disabled"]
    eventually(lambda: me(bearer).status_code == 200)
    assert operator.put(f"{one}/roles", json={"roles": ["operator"]}).json()["roles"] == ["operator"]
    theirs = {"authorization": f"Bearer {sign_in(house.ready, 'robin', password)['access_token']}"}
    with house.client() as client:
        assert client.get("/api/operator/now", headers=theirs).status_code == 200
        assert client.get("/api/me", headers=theirs).json()["actor_id"] == user["actor_id"]
        assert operator.put(f"{one}/roles", json={"roles": []}).status_code == 200
        eventually(lambda: client.get("/api/operator/now", headers=theirs).status_code == 404)
    assert operator.post(f"{one}/end-sessions").status_code == 200
    said = got(operator, "/ledger", door="console", user=user["subject"])["entries"]
    assert [entry["action"] for entry in reversed(said)] == [
        "user add",
        "user disable",
        "user enable",
        "user roles",
        "user roles",
        "user end-sessions",
    ]


def test_an_operator_keeps_their_own_account(operator: httpx2.Client) -> None:
    (own,) = got(operator, "/users", q="operator")["users"]
    assert operator.post(f"/users/{own['subject']}/disable").json()["code"] == "own_account"
    assert operator.put(f"/users/{own['subject']}/roles", json={"roles": []}).json()["code"] == "own_account"
    assert operator.post("/users/nobody/disable").json()["code"] == "user_not_found"


def test_what_is_in_force_is_told_with_its_source_and_without_secrets(operator: httpx2.Client) -> None:
    settings = {each["key"]: each for each in got(operator, "/settings")["settings"]}
    period = settings["console.sample_period"]
    assert (period["value"], period["source"]) == ("0.3", "environment")
    assert period["origin"] == "DOORWARD_CONSOLE_SAMPLE_PERIOD"
    assert (settings["sign_in.client_secret"]["value"], settings["sign_in.client_secret"]["source"]) == (
        '"**********"',
        "file",
    )
    assert settings["gateway.public_url"]["source"] == "start"
    assert settings["gateway.port"]["source"] == "command line"
    assert "canary" not in str(settings)


def test_the_check_up_is_run_when_asked(operator: httpx2.Client) -> None:
    remarks = [(each["state"], each["text"]) for each in got(operator, "/doctor")["remarks"]]
    assert any(state == "ok" and text.startswith("agent door") for state, text in remarks)
    assert any(state == "note" and text.startswith("twin model") for state, text in remarks)
    assert not [text for state, text in remarks if state == "bad"]
