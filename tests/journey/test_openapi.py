"""/openapi.json of a real house is true: schemathesis, with all its checks, finds nothing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.house import House, running_house

HOUSE = """
[front_door]
address_requests = 1000000
user_requests = 1000000
"""
# No schema can say which cursors this server made (400), nor which key was sent before with another body (422).
CONFIG = """
[auth.openapi.bearer]
bearer = "{token}"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "422", "429"]

# A text that is too long for the URL is refused as that.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "414", "415", "422", "428", "429", "5xx"]
"""
OPERATORS = "^/api/operator/"


def found(house: House, folder: Path, token: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of schemathesis with this token."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(token=token))
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}"),
            *("run", f"{house.front_door}/openapi.json", f"--url={house.front_door}", "--checks=all", *options),
            *("--generation-deterministic", "--suppress-health-check=all", "--no-color"),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=folder,
        check=False,
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("openapi"), config=HOUSE) as running:
        yield running


def test_schemathesis_finds_nothing_in_a_real_house(house: House, tmp_path: Path) -> None:
    ran = found(
        house, tmp_path, house.tokens()["access_token"], "--max-examples=10", f"--exclude-path-regex={OPERATORS}"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with house.client() as client:
        listed = client.get("/api/conversations", headers=house.bearer()).json()
    assert listed["conversations"], "no generated message got through the door"


def test_schemathesis_finds_nothing_as_an_operator(house: House, tmp_path: Path) -> None:
    """But for what tells others that there is something: 401 and 405 (`tests/attack/test_operators.py`)."""
    options = (f"--include-path-regex={OPERATORS}", "--exclude-checks=unsupported_method,ignored_auth")
    ran = found(house, tmp_path, house.tokens(2)["access_token"], "--max-examples=5", *options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with house.client() as client:
        listed = client.get("/api/operator/users?limit=100", headers=house.bearer(2)).json()
    assert len(listed["users"]) > 3, "no generated user was added"
