"""AP-RUN-01 to 05, AP-SES-06, F-23: an agent that attacks the house that hosts it, in a real house, in both isolations.

With one shared process most of what it tries succeeds: that shows that the attempts are real.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.attack.hostile import ATTEMPTS, FIRST, OTHER, Field, abstract_listener, fields
from tests.journey.hosting import runs
from tests.journey.talking import chat, eventually

from doorward.runtime.worker.confine.landlock import abi

pytestmark = pytest.mark.skipif(abi() < 6, reason="this kernel cannot confine sessions as far as these tests ask")
OPEN = [name for name, attempt in ATTEMPTS.items() if not attempt.closed]
CLOSED = [name for name, attempt in ATTEMPTS.items() if attempt.closed]


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    with abstract_listener(), fields("session") as found:
        yield found


def test_with_one_process_for_all_the_attempts_reach_what_they_are_after() -> None:
    with abstract_listener(), fields("shared") as shared:
        got = {name: shared.tries(attempt.told(shared))["got"] for name, attempt in ATTEMPTS.items()}
    # Whatever depends on who runs the tests, and on the kernel's own settings, is left out.
    never = {"more rights", "new namespaces", "init's environment", "memory of the gateway", "memory of a bystander",
             "trace a bystander", "signal to the parent", "all descriptors"}  # fmt: skip
    assert not {name for name, found in got.items() if found is None} - never


@pytest.mark.parametrize("name", OPEN)
def test_a_confined_session_reaches_nothing(field: Field, name: str) -> None:
    found = field.tries(ATTEMPTS[name].told(field))
    assert found["got"] is None, found


def test_its_environment_holds_no_credential(field: Field) -> None:
    """AP-RUN-05"""
    found = field.tries("own_environment")["got"]
    assert set(found) <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "TMPDIR", "TMP", "TEMP"}


def test_without_a_network_no_connection_can_be_made() -> None:
    """AP-RUN-02"""
    with fields("session", network="none") as closed:
        for name in CLOSED:
            assert closed.tries(ATTEMPTS[name].told(closed))["got"] is None, name
        assert closed.tries("connect 169.254.169.254:80")["error"] == "PermissionError"


BOMBS = ["fork_bomb", "memory_bomb", "memory_bombs", "deep_bomb", "hidden_bomb", "disk_bomb", "processor_bomb 3"]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_ends_its_own_session_and_no_other(field: Field, bomb: str) -> None:
    """AP-RUN-03, F-23"""
    calm, folder = asked(field), Path(field.tries("about")["got"]["cwd"])
    begun = time.monotonic()
    with field.house.client() as client:
        answer = client.post("/api/chat", json={"message": bomb, "session_id": FIRST}, headers=field.mine, timeout=60)
    assert time.monotonic() - begun < 30
    if not bomb.startswith("processor"):
        told = json.loads(answer.json()["response"])["got"] if answer.status_code == 200 else None
        assert (answer.status_code, told) in ((200, None), (502, None)), answer.text
        assert answer.status_code == 502 or bomb == "memory_bomb", "its limit ended the session, or its own try"
        eventually(lambda: answer.status_code == 200 or not folder.exists())
    again = asked(field)
    assert again["pid"] == calm["pid"], "the bystander goes on"
    assert again["parent"] == calm["parent"]
    assert field.tries("about")["got"]["parent"] == calm["parent"], "and so does the warm process"


def asked(field: Field) -> dict[str, Any]:
    """The bystander, who answers in time."""
    with field.house.client() as client:
        chat(client, "about", field.mine, OTHER)
    found: dict[str, Any] = field.tries("about", OTHER)["got"]
    return found


def test_a_daemon_does_not_outlive_its_house() -> None:
    with fields("session") as found:
        daemon = found.tries("stay_alive")["got"]
        assert runs(daemon)
    eventually(lambda: not runs(daemon))
    assert not Path(found.bystander["cwd"]).exists()
    assert not runs(found.bystander["pid"])
