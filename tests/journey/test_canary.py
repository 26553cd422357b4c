"""Nothing secret is written: after a whole walk, every log line and every file of the house is searched."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.journey.house import House, running_house

MESSAGE = "canary-of-the-message-7c1f"
FAILING = "please fail, canary-of-the-failing-message-93ab"
PASSWORD = "canary-of-a-wrong-password-5e2d"
SETTINGS = '[telemetry]\nlog_level = "debug"\n'


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, dict[str, str]]:
    """A house that was used and is down again, and what must be found nowhere: name -> text."""
    with running_house(tmp_path_factory.mktemp("canary"), config=SETTINGS) as house:
        tokens = house.tokens()
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        with house.client() as client:
            assert client.post("/api/chat", json={"message": MESSAGE}, headers=headers).status_code == 200
            assert client.post("/api/chat", json={"message": FAILING}, headers=headers).status_code == 502
            assert client.get("/api/conversations", params={"q": MESSAGE}, headers=headers).status_code == 200
            assert client.get(f"/api/{tokens['access_token']}").status_code == 404
            form = {"grant_type": "password", "username": "user-one", "password": PASSWORD, "client_id": "doorward-cli"}
            assert client.post("/oauth2/token", data=form).status_code == 400
        secrets = {
            "access token": tokens["access_token"],
            "id token": tokens["id_token"],
            "refresh token": tokens["refresh_token"],
            "wrong password": PASSWORD,
            "workload's secret key": house.ready["workload"]["secret_access_key"],
        }
    return house, secrets


def test_tokens_passwords_and_messages_are_in_no_log(walked: tuple[House, dict[str, str]]) -> None:
    house, secrets = walked
    # The supervisor prints the two users' passwords once, on purpose; a log line has a time and a level.
    lines = "\n".join(line for line in house.said().splitlines() if not line.startswith("  sign in as"))
    assert "warm_process_started" in lines
    for name, text in {**secrets, "message": MESSAGE, "failing message": "canary-of-the-failing"}.items():
        assert text not in lines, name
    for user in house.ready["users"]:
        assert user["password"] not in lines


def test_tokens_and_passwords_are_in_no_store(walked: tuple[House, dict[str, str]]) -> None:
    house, secrets = walked
    stores = {path: path.read_bytes() for path in _stores(house)}
    assert len(stores) >= 2
    for path, content in stores.items():
        for name, text in secrets.items():
            assert text.encode() not in content, (path.name, name)
        for user in house.ready["users"]:
            assert user["password"].encode() not in content, path.name


def test_message_text_is_in_no_ledger(walked: tuple[House, dict[str, str]]) -> None:
    """The ledger of the gateway shares a file with the messages, so its rows are read; the other store holds none."""
    house, _ = walked
    rows = _ledger_rows(house.data / "gateway.db") + _ledger_rows(house.data / "runtime.db")
    assert len(rows) > 5
    assert not [row for row in rows if b"canary" in row]


def _stores(house: House) -> list[Path]:
    return [path for path in house.data.iterdir() if ".db" in path.name]


def _ledger_rows(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as connection:
        return [bytes(entry) for (entry,) in connection.execute("SELECT entry FROM ledger")]
