"""The command line, run as a person runs it, against a house that is up and without one."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.journey.house import House, running_house
from tests.journey.talking import eventually


def run(*arguments: str, given: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    return subprocess.run(
        [sys.executable, "-m", "doorward", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env=environment,
    )


def test_the_ready_file_is_private_and_complete(house: House) -> None:
    file = house.data.parent / "ready.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(house.ready) == {
        "pattern",
        "front_door",
        "agent_door",
        "agent_arn",
        "issuer",
        "authorize_endpoint",
        "token_endpoint",
        "client_id",
        "redirect_uri",
        "users",
        "workload",
        "metrics",
    }
    assert [user["username"] for user in house.ready["users"]] == ["user-one", "user-two", "operator"]
    assert set(house.ready["workload"]) == {"region", "access_key_id", "secret_access_key"}


def test_a_token_of_the_command_line_opens_the_front_door(house: House) -> None:
    made = run("token", "--user", "user-one", "--data", str(house.data))
    assert made.returncode == 0, made.stderr
    with house.client() as client:
        me = client.get("/api/me", headers={"authorization": f"Bearer {made.stdout.strip()}"})
    assert (me.status_code, me.json()["username"]) == (200, "user-one")


def test_a_user_can_be_added_listed_disabled_and_given_a_password(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    assert run("user", "add", "mallory-test", "--role", "operator", *data).returncode == 0
    assert run("user", "add", "MALLORY-test", *data).returncode == 2
    assert "mallory-test\t" in run("user", "list", *data).stdout
    assert "operator" in run("user", "list", *data).stdout
    assert run("user", "roles", "mallory-test", *data).returncode == 0
    assert "operator" not in run("user", "list", *data).stdout
    assert run("user", "roles", "mallory-test", "--role", "operator", "--role", "auditor", *data).returncode == 0
    assert "auditor,operator" in run("user", "list", *data).stdout
    assert "[user_not_found]" in run("user", "roles", "nobody", *data).stderr
    weak = run("user", "passwd", "mallory-test", "--password-stdin", *data, given="short\n")
    assert (weak.returncode, "[password_too_short]" in weak.stderr) == (2, True)
    assert run("user", "passwd", "mallory-test", *data).returncode == 0
    assert run("user", "disable", "mallory-test", *data).returncode == 0
    assert "disabled" in run("user", "list", *data).stdout
    assert "[user_not_found]" in run("token", "--user", "mallory-test", *data).stderr
    listed = [json.loads(line) for line in run("audit", "list", "--json", *data).stdout.splitlines()]
    assert [entry["action"] for entry in listed][:2] == ["user add", "user add"]
    assert run("audit", "verify", *data).returncode == 0


def test_what_is_unsafe_does_not_start_and_the_way_out_is_said(tmp_path: Path) -> None:
    config = tmp_path / "doorward.toml"
    config.write_text('environment = "production"\n')
    refused = run("up", "--config", str(config), "--data", str(tmp_path / "data"), "--port", "0", "--agent-port", "0")
    assert refused.returncode == 2
    assert "allow_twins_in_production" in refused.stderr


def test_an_unknown_key_does_not_start(tmp_path: Path) -> None:
    config = tmp_path / "doorward.toml"
    config.write_text("[gateway]\nprot = 1\n")
    refused = run("up", "--config", str(config))
    assert (refused.returncode, "Did you mean gateway.port" in refused.stderr) == (2, True)


def test_an_agent_file_that_does_not_load_is_said_and_nothing_is_left_running(tmp_path: Path) -> None:
    agent = tmp_path / "agent.py"
    agent.write_text("import nowhere_to_be_found\n")
    refused = run(
        "up", "--agent", str(agent), "--data", str(tmp_path / "data"), "--port", "0", "--agent-port", "0", cwd=tmp_path
    )
    assert refused.returncode == 2
    assert "nowhere_to_be_found" in refused.stderr


def test_a_taken_port_is_said_with_the_option_to_change(house: House, tmp_path: Path) -> None:
    port = house.front_door.rpartition(":")[2]
    refused = run("up", "--port", port, "--agent-port", "0", "--data", str(tmp_path / "data"), cwd=tmp_path)
    assert (refused.returncode, "--port" in refused.stderr) == (2, True)


def test_the_doctor_finds_a_house_that_is_up(house: House) -> None:
    found = run("doctor", "--data", str(house.data))
    assert found.returncode == 0, found.stdout
    assert f"front door at {house.front_door}/readyz answers 200" in found.stdout
    assert "agent door at" in found.stdout


def test_a_new_project_starts_and_answers(tmp_path: Path) -> None:
    made = run("new", str(tmp_path / "pets"))
    assert made.returncode == 0, made.stderr
    again = run("new", str(tmp_path / "pets"))
    assert (again.returncode, "already has" in again.stderr) == (2, True)
    config = (tmp_path / "pets" / "doorward.toml").read_text()
    config = config.replace('file = "agent.py"', f'file = "{tmp_path / "pets" / "agent.py"}"')
    with running_house(tmp_path / "house", config=config) as house, house.client() as client:
        answer = client.post("/api/chat", json={"message": "What time is it?"}, headers=house.bearer())
        assert answer.status_code == 200, answer.text
        assert house.runs("pets") == 1


@pytest.mark.parametrize("arguments", [("--help",), ("up", "--help"), ("--version",)])
def test_help_answers(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 0


def test_the_first_start_says_the_passwords_and_later_ones_where_they_are(tmp_path: Path) -> None:
    with running_house(tmp_path / "house") as house:
        # The ready file comes before the sentences for a person, whose last one is of a token.
        eventually(lambda: "doorward token" in house.said(), seconds=30)
        first = house.said()
        assert all(f"password {user['password']}" in first for user in house.ready["users"])
        assert all(user["password"] not in house.log.read_text() for user in house.ready["users"])
    with running_house(tmp_path / "house") as house:
        eventually(lambda: house.said().count("doorward token") == 2, seconds=30)
        assert len(house.said()) > len(first)
        assert all(house.said().count(user["password"]) == 1 for user in house.ready["users"])
        assert f"password in {house.data / 'first-users.json'}" in house.said()


def test_a_disabled_user_is_out_at_once_whatever_they_still_hold(tmp_path: Path) -> None:
    """AP-SES-07"""
    with running_house(tmp_path / "house") as house, house.client() as client:
        bearer = house.bearer()
        assert client.get("/api/me", headers=bearer).status_code == 200
        name = house.ready["users"][0]["username"]
        assert run("user", "disable", name, "--data", str(house.data)).returncode == 0
        refused = eventually(lambda: gone(client.get("/api/me", headers=bearer)), seconds=5)
        assert refused.json()["code"] == "account_disabled"
        assert client.get("/api/me", headers=house.bearer(1)).status_code == 200


def gone(answer: httpx2.Response) -> httpx2.Response | None:
    return answer if answer.status_code == 401 else None
