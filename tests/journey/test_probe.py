"""`doorward probe` as a person runs it, and the self-test of a house that was just started."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journey.house import running_house
from tests.journey.leaking import TOKEN
from tests.journey.test_command_line import run

PATTERNS = ("direct", "front-door", "two-doors", "conversations")


def _probe(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "doorward", "probe", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The whole probe, all patterns; its JSON with its exit status and its time."""
    folder = tmp_path_factory.mktemp("probe")
    reports = [f"--{name}={folder / f'found.{name}'}" for name in ("json", "sarif", "junit", "html")]
    started = time.monotonic()
    done = _probe("--expect", "gap", *reports, folder=folder)
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    seconds = time.monotonic() - started
    print(f"doorward probe took {seconds:.1f} s for all four patterns")  # noqa: T201 - measured, not asserted
    return {**found, "status": done.returncode, "said": done.stdout, "folder": folder, "stderr": done.stderr}


def _rows(run: dict[str, Any], pattern: str) -> dict[str, dict[str, Any]]:
    (target,) = [target for target in run["targets"] if target["pattern"] == pattern]
    return {row["id"]: row for row in target["rows"]}


@pytest.mark.parametrize("pattern", ["direct", "front-door"])
def test_the_first_two_patterns_show_their_gap(whole_run: dict[str, Any], pattern: str) -> None:
    """AP-BYP-01, AP-WALLET: a user's token opens the agent around the limits of the front door."""
    rows = _rows(whole_run, pattern)
    assert rows["AP-BYP-01"]["result"] == "succeeded"
    assert rows["AP-WALLET"]["result"] == "succeeded"
    assert rows["AP-WALLET"]["figures"]["cost"] > 0


@pytest.mark.parametrize("pattern", ["two-doors", "conversations"])
def test_in_the_last_two_patterns_every_applicable_row_is_blocked(whole_run: dict[str, Any], pattern: str) -> None:
    rows = _rows(whole_run, pattern).values()
    open_rows = {row["id"]: row["sentence"] for row in rows if row["result"] not in ("blocked", "not applicable")}
    assert not open_rows
    assert len([row for row in rows if row["result"] == "blocked"]) > len(rows) / 2


def test_with_the_gap_expected_nothing_else_gets_through(whole_run: dict[str, Any]) -> None:
    assert whole_run["unexpected"] == []
    assert whole_run["status"] == 0, whole_run["said"]


def test_every_report_was_written_and_the_table_was_printed(whole_run: dict[str, Any]) -> None:
    assert {path.suffix for path in whole_run["folder"].glob("found.*")} == {".json", ".sarif", ".junit", ".html"}
    assert all(name in whole_run["said"] for name in (*PATTERNS, "AP-BYP-01", "SUCCEEDED (expected)"))


def test_no_report_holds_a_token_or_a_password(whole_run: dict[str, Any]) -> None:
    """AP-AUD-07"""
    for path in whole_run["folder"].glob("found.*"):
        assert TOKEN.search(path.read_text(encoding="utf-8")) is None, path.name


def test_without_the_expectation_the_gap_is_an_exit_status(tmp_path: Path) -> None:
    done = _probe("--pattern", "front-door", "--only", "AP-BYP-01", "--json", "-", folder=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["unexpected"] == ["AP-BYP-01@front-door"]


def test_an_unknown_attack_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = _probe("--only", "AP-NOT-01", folder=tmp_path)
    assert done.returncode == 2
    assert "unknown_attack" in done.stderr


def test_a_host_elsewhere_is_refused_without_a_claim(tmp_path: Path) -> None:
    (tmp_path / "probe.toml").write_text('name = "t"\nfront_door = "https://chat.invalid"\n', encoding="utf-8")
    done = _probe("--target", "probe.toml", folder=tmp_path)
    assert done.returncode == 2
    assert "ownership_unproven" in done.stderr
    assert "Attacking" not in done.stderr


def test_a_claim_is_printed_with_a_key_that_is_kept(tmp_path: Path) -> None:
    done = _probe("--claim", "chat.example", "--key", "key.pem", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1] == "host: chat.example"
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_a_running_house_is_probed_by_its_file(tmp_path: Path) -> None:
    with running_house(tmp_path / "house") as house:
        ready, users = house.ready, house.ready["users"]
        (tmp_path / "probe.toml").write_text(
            f"""
name = "mine"
front_door = "{ready["front_door"]}"
agent_door = "{ready["agent_door"]}"
agent_arn = "{ready["agent_arn"]}"
whoami = "/api/me"
[chat]
canary = "rehearsal model"
[sign_in]
kind = "code"
authorize_endpoint = "{ready["authorize_endpoint"]}"
token_endpoint = "{ready["token_endpoint"]}"
client_id = "{ready["client_id"]}"
redirect_uri = "{ready["redirect_uri"]}"
[[users]]
username = "{users[0]["username"]}"
password = "{users[0]["password"]}"
""",
            encoding="utf-8",
        )
        only = ("--only", "AP-BYP-01", "--only", "AP-JWT-01")
        done = _probe("--target", "probe.toml", *only, "--data", str(house.data), folder=tmp_path)
        listed = run("audit", "list", "--limit", "1000", "--data", str(house.data)).stdout
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("+ blocked") == 2
    assert [line.split()[3:] for line in listed.splitlines() if "  probe  " in line] == [
        ["probe", "allow", "operator", "probe", "mine", "operator"]
    ]


@pytest.mark.parametrize(
    ("pattern", "verdict"), [("conversations", "self_test_passed"), ("direct", "self_test_failed")]
)
def test_a_house_tests_itself_after_its_start(tmp_path: Path, pattern: str, verdict: str) -> None:
    """The result stands in the ledger and in what doctor says, and no conversation of the test is left behind."""
    environment = {"DOORWARD_GATEWAY_SELF_TEST": "true"}
    with running_house(tmp_path, "--pattern", pattern, environment=environment) as house:
        line = _line_with("Self-test", house)
        if pattern == "conversations":
            with house.client(headers=house.bearer()) as client:
                assert client.get("/api/conversations").json()["conversations"] == []
    assert "blocked" in line
    assert ("known gap of pattern direct" in line) == (pattern == "direct")
    options = ["--config", str(tmp_path / "doorward.toml"), "--data", str(house.data)]
    listed = _doorward("audit", "list", "--limit", "5000", *options)
    assert [words for words in listed.splitlines() if verdict in words and "self_test" in words]
    assert "last self-test" in _doorward("doctor", *options)
    assert "hold" in _doorward("audit", "verify", *options)


def _line_with(word: str, house: Any) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = [line for line in house.said().splitlines() if line.startswith(word)]
        if found:
            return found[0]
        time.sleep(0.05)  # a bounded wait for another process
    raise AssertionError(house.said())


def _doorward(*arguments: str) -> str:
    command = [sys.executable, "-m", "doorward", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
