"""The rate rule of WAF, which has fewer windows and limits than the settings: as near as it can be, and never looser
without a word."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from doorward.cli.main import root


def deploy(folder: Path, requests: int, window: float, pattern: str = "two-doors") -> tuple[Result, dict[str, Any]]:
    config = folder / "doorward.toml"
    config.write_text(f"[front_door]\naddress_requests = {requests}\naddress_window = {window}\n", encoding="utf-8")
    command = ["deploy", "aws", "--pattern", pattern, "--out", str(folder / "out"), "--config", str(config)]
    result = CliRunner().invoke(root, command)
    assert result.exit_code == 0, result.exception
    found: dict[str, Any] = yaml.safe_load((folder / "out" / "template.yaml").read_text(encoding="utf-8"))
    return result, found["Resources"]


BURST, MORE = "no higher rate, but more of them at once", "a higher rate"


@pytest.mark.parametrize(
    ("configured", "rule", "said"),
    [
        ((3000, 60.0), (3000, 60), ""),
        ((30, 600.0), (30, 600), ""),
        ((6000, 3600.0), (1000, 600), ""),  # in less time, fewer at once
        ((100, 90.0), (133, 120), BURST),
        ((5, 60.0), (10, 120), BURST),
        ((10, 3600.0), (10, 600), MORE),
        ((5, 0.5), (600, 60), BURST),
        ((1_000_000_000, 0.5), (2_000_000_000, 60), BURST),
        ((1_000_000_000, 1e-310), (2_000_000_000, 60), BURST),
    ],
)
def test_the_rule_is_as_near_as_waf_can_be_and_what_is_looser_is_said(
    tmp_path: Path, configured: tuple[int, float], rule: tuple[int, int], said: str
) -> None:
    """AP-LIM-01."""
    result, found = deploy(tmp_path, *configured)
    (counted,) = [each for each in found["Edge"]["Properties"]["Rules"] if each["Name"] == "TooManyFromOneAddress"]
    rate = counted["Statement"]["RateBasedStatement"]
    assert (rate["Limit"], rate["EvaluationWindowSec"]) == rule
    lines = [line for line in result.stderr.splitlines() if "front_door.address_requests" in line]
    assert len(lines) == bool(said)
    for line in lines:
        assert f"{rule[0]} requests in {rule[1]} seconds" in line
        assert f"{configured[0]} in {configured[1]:g}" in line
        assert said in line


def test_without_an_edge_nothing_is_said_of_it(tmp_path: Path) -> None:
    result, found = deploy(tmp_path, 10, 3600.0, "direct")
    assert "Edge" not in found
    assert "WAF" not in result.stderr
