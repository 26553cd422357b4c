"""The self-test's words: what stands in the ledger, what is said, when it is skipped."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.probe.sample import report

from doorward.compose.self_test import self_test, why_not
from doorward.compose.self_tester import entry_of, sentence_of
from doorward.model.settings import GatewaySettings, Settings, SignInSettings
from doorward.probe.finding import Result
from doorward.probe.runner import Report

READY: dict[str, Any] = {
    "front_door": "http://127.0.0.1:8000",
    "agent_door": "http://localhost:8080",
    "users": [{"username": "u", "password": "p"}],
}


def _report(*results: Result, id_: str = "AP-JWT-01", pattern: str = "conversations") -> Report:
    row = report(said="x").rows[0]
    rows = tuple(replace(row, id=id_, result=result) for result in results)
    return replace(report(), pattern=pattern, rows=rows)


def test_all_blocked_is_allowed_in_the_ledger() -> None:
    entry = entry_of(_report(Result.BLOCKED, Result.BLOCKED, Result.NOT_APPLICABLE), at=5.0)
    assert (entry.door, entry.verdict, entry.code, entry.action) == ("probe", "allow", "self_test_passed", "self_test")
    assert entry.resource == "2 blocked, 1 not applicable"
    assert entry.at == 5.0


@pytest.mark.parametrize("results", [(Result.BLOCKED, Result.SUCCEEDED), (Result.INCONCLUSIVE,), ()])
def test_what_gets_through_or_shows_nothing_is_a_failed_test(results: tuple[Result, ...]) -> None:
    entry = entry_of(_report(*results), at=5.0)
    assert (entry.verdict, entry.code) == ("deny", "self_test_failed")


def test_the_line_names_what_gets_through() -> None:
    assert "AP-JWT-01. Run doorward probe" in sentence_of(_report(Result.SUCCEEDED))
    gap = sentence_of(_report(Result.SUCCEEDED, id_="AP-BYP-01", pattern="direct"))
    assert "the known gap of pattern direct" in gap
    assert "Run doorward probe" in sentence_of(_report(Result.SUCCEEDED, id_="AP-BYP-01"))


@pytest.mark.parametrize(
    ("settings", "ready", "why"),
    [
        (Settings(sign_in=SignInSettings(issuer="https://login.example")), READY, "another issuer"),
        (Settings(), {**READY, "users": []}, "no user's password"),
        (Settings(), {**READY, "front_door": "https://chat.example"}, "another name"),
        (Settings(), {**READY, "agent_door": "http://10.0.0.5:8080"}, "another name"),
        (Settings(), READY, ""),
    ],
)
def test_a_house_that_cannot_test_itself_says_why(settings: Settings, ready: dict[str, Any], why: str) -> None:
    assert why in why_not(settings, ready)
    assert bool(why) == bool(why_not(settings, ready))


@pytest.mark.anyio
async def test_it_can_be_switched_off_and_says_when_it_is_skipped() -> None:
    said: list[str] = []
    await self_test(Settings(gateway=GatewaySettings(self_test=False)), READY, said.append)
    assert said == []
    await self_test(Settings(), {**READY, "users": []}, said.append)
    assert said[0].startswith("Self-test skipped: ")
