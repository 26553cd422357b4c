"""The page of costs is what its script makes of the price table, and its limits are the house's own."""

import sys
import tomllib
from pathlib import Path

import pytest

from doorward.model.settings import FrontDoorSettings, FunctionsSettings
from doorward.services.chat.handed_runs import LOOK_FOR_CANCEL

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from render_aws_costs import MODELS, PATTERNS, SOURCE, TARGET, Costs, Flood, render

TABLE = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
COSTS = Costs(TABLE, tomllib.loads(MODELS.read_text(encoding="utf-8")))


def test_the_page_is_what_the_script_makes() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run: python docs/render_aws_costs.py"


def test_the_flood_meets_the_limits_that_are_the_default() -> None:
    flood, front_door = TABLE["flood"], FrontDoorSettings()
    assert flood["concurrent_turns"] == front_door.concurrent_turns
    assert flood["user_requests"] == front_door.user_requests
    assert flood["user_window"] == front_door.user_window


def test_a_turn_is_looked_at_as_often_as_the_functions_do() -> None:
    assert TABLE["message"]["poll"] == FunctionsSettings().poll
    assert TABLE["message"]["cancel_poll"] == LOOK_FOR_CANCEL


def test_refusals_are_counted_with_their_lines_and_their_writes() -> None:
    requests = TABLE["flood"]["requests"]
    assert Flood(COSTS, "front-door").stranger() > COSTS.of("waf_requests", requests)
    for pattern in ("two-doors", "conversations"):
        spent = Flood(COSTS, pattern).with_token(budget=True)
        assert spent > COSTS.of("api_requests", requests) + COSTS.of("dynamodb_writes", 3 * requests)


def test_a_token_that_opens_the_agent_buys_every_run_and_one_that_does_not_buys_few() -> None:
    """AP-WALLET, in dollars."""
    bills = {pattern: Flood(COSTS, pattern).with_token() for pattern in PATTERNS}
    assert bills["front-door"] == bills["direct"]
    assert Flood(COSTS, "front-door").turns(budget=False) == 1_000_000
    held = Flood(COSTS, "conversations")
    assert held.turns(budget=True) < held.turns(budget=False) < 50_000
    assert bills["conversations"] < bills["direct"] / 10
    assert held.with_token(budget=True) < bills["direct"] / 100


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_message_costs_a_little_more_with_each_door(pattern: str) -> None:
    rows = COSTS.rows(pattern)
    assert all(dollars > 0 for dollars in rows.values())
    assert rows["model"] == pytest.approx(3000 / 1e6 * 1.0 + 400 / 1e6 * 5.0)
