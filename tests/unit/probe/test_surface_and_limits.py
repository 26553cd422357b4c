"""The rows of HTTP surface, sign-in, limits, sessions and logs on real houses of all four patterns: what each pattern
lacks is open, everything else is blocked, and rows that do not apply say why."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journey.house import running_house
from tests.unit.probe.targets import target_of

from doorward.probe.catalogue import all_attacks
from doorward.probe.finding import Result
from doorward.probe.runner import Report, Row, run

PATTERNS = ("direct", "front-door", "two-doors", "conversations")
GROUPS = ("AP-OAU-", "AP-HTP-", "AP-LIM-", "AP-SES-", "AP-AUD-", "AP-WALLET")
ATTACKS = [attack for attack in all_attacks() if attack.id.startswith(GROUPS)]
IDS = sorted(
    [f"AP-OAU-{number:02}" for number in (1, 2, 3, 5, 6)]
    + [f"AP-HTP-{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12)]
    + [f"AP-LIM-{number:02}" for number in (1, 2, 4, 6)]
    + [f"AP-SES-{number:02}" for number in (1, 2, 3, 4, 5, 8)]
    + ["AP-AUD-04", "AP-AUD-07", "AP-WALLET"]
)
# In `direct` nothing counts requests or streams before the agent; in the first two a user's token buys runs around it.
OPEN = {("AP-WALLET", "direct"), ("AP-WALLET", "front-door"), ("AP-LIM-01", "direct"), ("AP-LIM-04", "direct")}
_NO_HISTORY = {"AP-SES-01", "AP-SES-03", "AP-SES-04"}
ABSENT = {
    "direct": {"AP-HTP-09", "AP-HTP-10", "AP-LIM-02", "AP-OAU-05", *_NO_HISTORY},
    "front-door": _NO_HISTORY,
    "two-doors": _NO_HISTORY,
    "conversations": set[str](),
}
# May come to each pattern: then the row is blocked, and until then it does not apply.
MAY_BE_ABSENT = {"AP-LIM-06"}

Table = tuple[str, dict[str, Row], Report]


@pytest.fixture(scope="module", params=PATTERNS)
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    # As in the houses that `doorward probe` starts: the queue for processes behind the doors would hide the gap.
    shared = {"DOORWARD_AGENT_ISOLATION": "shared"}
    folder = tmp_path_factory.mktemp(request.param)
    with running_house(folder, "--pattern", request.param, environment=shared) as house:
        report = asyncio.run(run(target_of(house), ATTACKS))
        yield request.param, {row.id: row for row in report.rows}, report


def test_every_row_is_there() -> None:
    assert sorted(attack.id for attack in ATTACKS) == IDS


def test_attacks_that_use_up_limits_come_last() -> None:
    orders = {attack.id: attack.order for attack in ATTACKS}
    assert all(orders[id_] >= 80 for id_ in ("AP-LIM-01", "AP-LIM-02", "AP-LIM-04", "AP-HTP-03"))
    assert orders["AP-WALLET"] == max(orders.values())


@pytest.mark.parametrize("attack_id", IDS)
def test_each_row_says_what_is_true_of_the_pattern(table: Table, attack_id: str) -> None:
    pattern, rows, _ = table
    row = rows[attack_id]
    expected = {Result.BLOCKED}
    if (attack_id, pattern) in OPEN:
        expected = {Result.SUCCEEDED}
    elif attack_id in ABSENT[pattern]:
        expected = {Result.NOT_APPLICABLE}
    elif attack_id in MAY_BE_ABSENT:
        expected |= {Result.NOT_APPLICABLE}
    assert row.result in expected, (row.sentence, row.evidence)
    assert row.sentence.endswith(".")


def test_a_thousand_bent_requests_bring_no_second_answer(table: Table) -> None:
    """AP-HTP-01, in less than 5 seconds on a machine that does nothing else; the bound here is for busy ones."""
    figures = table[1]["AP-HTP-01"].figures
    assert figures["mutations"] >= 1000
    assert figures["second_answers"] == 0
    assert table[1]["AP-HTP-01"].seconds < 15


def test_the_flood_of_the_wallet_is_counted_and_priced(table: Table) -> None:
    """AP-WALLET"""
    pattern, rows, _ = table
    figures = rows["AP-WALLET"].figures
    assert figures["requests"] == 60
    assert figures["agent_runs"] == (60 if pattern in ("direct", "front-door") else 0)
    assert figures["cost"] == pytest.approx(figures["agent_runs"] * 0.01)
    assert ("agent_runs_front" in figures) is (pattern != "direct")


def test_a_run_stays_within_its_bounds(table: Table) -> None:
    assert table[2].requests < 5000
    assert table[2].ended - table[2].started < 60


UNSAFE = """
[agent]
isolation = "shared"
[front_door]
user_requests = 100000
address_requests = 100000
concurrent_turns = 1000
open_streams = 1000
trusted_proxies = ["127.0.0.0/8"]
allowed_origins = ["*"]
"""


def test_with_unsafe_settings_a_house_of_ours_is_open_and_its_rows_say_so(tmp_path: Path) -> None:
    """AP-LIM-01, AP-LIM-04, AP-HTP-03, AP-HTP-11: the same house, its defences switched off by configuration."""
    switched_off = ("AP-LIM-01", "AP-LIM-04", "AP-HTP-03", "AP-HTP-11")
    attacks = [attack for attack in ATTACKS if attack.id in switched_off]
    with running_house(tmp_path, "--pattern", "conversations", config=UNSAFE) as house:
        report = asyncio.run(run(target_of(house), attacks))
    assert {row.id: row.result for row in report.rows} == dict.fromkeys(switched_off, Result.SUCCEEDED)
