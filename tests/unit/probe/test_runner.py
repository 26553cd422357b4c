"""Runs of the probe: what becomes of attacks that break, hang or tell secrets."""

import msgspec
import pytest
from tests.unit.probe.sample import Broken, Endless, Quiet, Telling, target

from doorward.model.secret import Secret
from doorward.probe.attack import Attack
from doorward.probe.finding import Result
from doorward.probe.runner import control_of, expecting, run
from doorward.probe.target import Account

pytestmark = pytest.mark.anyio
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"


async def test_an_attack_that_breaks_is_inconclusive_and_the_next_one_runs() -> None:
    report = await run(target(), [Broken(), Quiet()])
    assert [row.result for row in report.rows] == [Result.BLOCKED, Result.INCONCLUSIVE]
    assert report.rows[1].sentence == "The attack itself broke: KeyError."


async def test_an_attack_that_does_not_end_is_stopped_and_inconclusive() -> None:
    report = await run(target(), [Endless(), Quiet()], attack_seconds=0.1)
    assert {row.id: row.result for row in report.rows} == {
        "AP-XYZ-01": Result.BLOCKED,
        "AP-XYZ-03": Result.INCONCLUSIVE,
    }


async def test_no_credential_stands_in_a_report() -> None:
    """AP-AUD-07"""
    user = Account(username="u", password=Secret("pass word&1"), token=Secret(TOKEN))
    report = await run(target(users=(user,)), [Telling()])
    text = msgspec.json.encode(report).decode()
    assert report.rows[0].result is Result.SUCCEEDED
    for secret in (TOKEN, "eyJ", "pass word&1", "abcdef123456"):
        assert secret not in text
    assert '"Authorization: Bearer "' not in text
    assert "$USER_1_ACCESS_TOKEN" in report.rows[0].evidence[0].command


async def test_each_row_is_told_as_it_comes() -> None:
    told: list[str] = []
    await run(target(), [Quiet(), Broken()], on_finding=lambda row: told.append(row.id))
    assert told == ["AP-XYZ-01", "AP-XYZ-02"]


async def test_what_was_expected_is_not_unexpected() -> None:
    report = await run(target(users=(Account(token=Secret(TOKEN), password=Secret("secret-word")),)), [Telling()])
    assert [row.id for row in report.unexpected()] == ["AP-XYZ-04"]
    named = expecting(report, lambda id_, where: (id_, where) == ("AP-XYZ-04", "somewhere"))
    assert named.unexpected() == []
    assert expecting(report, lambda _, where: where == "elsewhere").unexpected()


def test_the_control_says_what_it_is() -> None:
    class Own(Quiet):
        async def control(self, lab: object) -> None:
            """The first user reads the list.

            More that nobody needs.
            """

    class Usual(Attack):
        pass

    assert control_of(Own()) == "The first user reads the list."
    assert control_of(Usual()) == "The normal chat of a signed-in user has to be answered."
    assert control_of(Quiet()) == "The same request made properly has to succeed."
