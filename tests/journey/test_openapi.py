"""/openapi.json of a real house is true: schemathesis, with all its checks, finds nothing."""

import subprocess
import sys
from pathlib import Path

from tests.journey.house import running_house

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
"""


def test_schemathesis_finds_nothing_in_a_real_house(tmp_path: Path) -> None:
    with running_house(tmp_path / "house", config=HOUSE) as house:
        config = tmp_path / "schemathesis.toml"
        config.write_text(CONFIG.format(token=house.tokens()["access_token"]))
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}"),
                *("run", f"{house.front_door}/openapi.json", f"--url={house.front_door}", "--checks=all"),
                *("--max-examples=10", "--generation-deterministic", "--suppress-health-check=all", "--no-color"),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            cwd=tmp_path,
            check=False,
        )
        with house.client() as client:
            listed = client.get("/api/conversations", headers=house.bearer()).json()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert listed["conversations"], "no generated message got through the door"
