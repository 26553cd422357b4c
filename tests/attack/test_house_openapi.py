"""/openapi.json of the other patterns is true too, with a token and without one: schemathesis finds nothing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journey.house import House, running_house

UNLIMITED = {
    "DOORWARD_FRONT_DOOR_USER_REQUESTS": "1000000",
    "DOORWARD_FRONT_DOOR_ADDRESS_REQUESTS": "1000000",
}
EXAMPLES = 3  # each on top of the cases that the schema itself suggests
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "429"]
"""
TOKEN = """
[auth.openapi.bearer]
bearer = "{}"
"""


@pytest.fixture(scope="module", params=["direct", "two-doors"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of a pattern with another document than the default's; `front-door` has that of `two-doors`."""
    folder = tmp_path_factory.mktemp(request.param)
    with running_house(folder, "--pattern", request.param, environment=UNLIMITED) as running:
        yield running


def found(house: House, folder: Path, config: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of schemathesis against the house."""
    file = folder / "schemathesis.toml"
    file.write_text(config)
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={file}"),
            *("run", f"{house.front_door}/openapi.json", f"--url={house.front_door}", f"--max-examples={EXAMPLES}"),
            # To whoever is no operator those paths do not exist: `test_operators.py`.
            "--exclude-path-regex=^/api/operator/",
            *("--generation-deterministic", "--suppress-health-check=all", "--no-color", *options),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        check=False,
    )


def test_with_a_token_nothing_is_found(house: House, tmp_path: Path) -> None:
    token = TOKEN.format(house.tokens()["access_token"])
    runs = house.runs()
    ran = found(house, tmp_path, token + CONFIG, "--checks=all")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    if house.ready["pattern"] == "direct":
        assert house.runs() == runs, "the gateway of this pattern has no way to the agent"
    else:
        assert house.runs() > runs, "no generated message got through the door"


def test_without_a_token_nothing_breaks_and_nothing_runs(house: House, tmp_path: Path) -> None:
    runs = house.runs()
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    ran = found(house, tmp_path, CONFIG, f"--checks={checks}", "--phases=coverage")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert house.runs() == runs


def test_the_house_says_nothing_of_an_error_of_its_own(house: House) -> None:
    """After the two runs above: no traceback, no error that was not foreseen."""
    assert "Traceback" not in house.said()
    assert "internal_error" not in house.said()
