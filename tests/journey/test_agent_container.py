"""The agent's package for AgentCore Runtime, started as its `main.py` is: the container contract, nothing beside it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.cli.main import root
from doorward.identity.turn_tokens import SignedTurnTokens, stated
from doorward.model.principals import TurnIdentity
from tests.journey.house import free_port

SESSION = "x-amzn-bedrock-agentcore-runtime-session-id"
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/agent.py"))
TURN_TOKEN = "x-amzn-bedrock-agentcore-runtime-custom-turn-token"


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """The built-in agent."""
    with running(tmp_path_factory.mktemp("aws")) as client:
        yield client


@contextmanager
def running(folder: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[httpx2.Client]:
    """What `doorward deploy aws` wrote, run from elsewhere with its own copy of the code, on another port. With an
    `environment`, in that and nothing of AWS's or ours."""
    out = folder / "out"
    made = CliRunner().invoke(root, ["deploy", "aws", "--pattern", "conversations", "--out", str(out), *options])
    assert made.exit_code == 0, made.output
    main, port = out / "agent" / "main.py", free_port()
    main.write_text(main.read_text().replace(', "")', f', "", port={port})'))
    if environment is not None:
        base = {name: value for name, value in os.environ.items() if not name.startswith(("DOORWARD_", "AWS_"))}
        environment = base | environment
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(main)], cwd=folder, stdout=log, stderr=log, env=environment)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
                _until_up(client, process, folder / "log")
                yield client
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


def _until_up(client: httpx2.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            client.get("/ping")
        except httpx2.ConnectError:
            time.sleep(0.05)  # a bounded wait for another process
        else:
            return
    raise AssertionError(log.read_text())


def token_for(subject: str) -> str:
    identity = TurnIdentity(
        issuer="https://pool.example",
        subject=subject,
        actor="chat",
        session_id="s" * 36,
        turn_id="t-1",
        audience="arn",
        expires_at=time.time() + 60,
    )
    return SignedTurnTokens("house", Ed25519PrivateKey.generate(), time.time).mint(identity)


def test_it_serves_the_contract_and_streams(container: httpx2.Client) -> None:
    assert container.get("/ping").json()["status"] == "Healthy"
    headers = {SESSION: "a" * 36, "accept": "text/event-stream", TURN_TOKEN: token_for("ada")}
    answer = container.post("/invocations", json={"prompt": "hello"}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert "I am the rehearsal model" in "".join(event.get("delta", "") for event in events)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_starts_from_its_package(example: Path, tmp_path: Path) -> None:
    """The same file, and what lies beside it, as on this machine."""
    with running(tmp_path, "--agent", str(example)) as client:
        assert client.get("/ping").json()["status"] in ("Healthy", "HealthyBusy")


def test_bad_json_and_other_paths_are_refused(container: httpx2.Client) -> None:
    assert container.post("/invocations", content=b"{").status_code == 400
    for path in ("/titles/invocations", "/state", "/"):
        assert container.post(path, json={"prompt": "hello"}).status_code == 404


def test_a_header_of_ours_from_outside_opens_nothing(container: httpx2.Client) -> None:
    """AP-BYP-07: what the shim believes comes from its own process alone."""
    forged = {"x-doorward-worker": "guess", "x-doorward-user": "mallory"}
    answer = container.post("/invocations", json={"prompt": "hello"}, headers={SESSION: "b" * 36, **forged})
    assert answer.status_code == 200


def test_what_a_turn_token_states_is_read_and_what_is_none_is_refused() -> None:
    assert stated(token_for("ada")) == ("https://pool.example", "ada", "t-1")
    for text in ("", "a.b.c", "a", "a.bnVsbA.c"):
        with pytest.raises(Exception, match="does not hold"):
            stated(text)
