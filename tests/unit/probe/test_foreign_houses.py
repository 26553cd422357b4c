"""The probe against houses that never heard of Doorward: the table says what is open there, and what is not."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from tests.unit.probe.foreign import behind_nginx, sdk_server, served, target, trusting_agent

from doorward.probe.catalogue import all_attacks
from doorward.probe.finding import Result
from doorward.probe.reports.table import plain_table
from doorward.probe.runner import Report, Row, run

# It waits for 15 s and is shown by the mutation tests.
ATTACKS = [attack for attack in all_attacks() if attack.id != "AP-HTP-07"]
TOKENS = ("AP-JWT-01", "AP-JWT-03", "AP-JWT-06", "AP-JWT-07", "AP-JWT-08", "AP-JWT-09", "AP-JWT-10", "AP-JWT-11")


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return {report.target: report for report in asyncio.run(_all())}


async def _all() -> list[Report]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        async with served(trusting_agent) as agent:
            url = f"{agent}/invocations"
            found.append(await run(target("bare", agent_urls=(url,)), ATTACKS))
            async with behind_nginx(agent, Path(folder)) as front:
                found.append(await run(target("nginx", front_door=front, agent_urls=(url,)), ATTACKS))
        async with sdk_server(Path(folder)) as agent:
            found.append(await run(target("sdk", agent_urls=(f"{agent}/invocations",)), ATTACKS))
    return found


def _row(reports: dict[str, Report], name: str, id_: str) -> Row:
    return next(row for row in reports[name].rows if row.id == id_)


@pytest.mark.parametrize("id_", ["AP-BYP-01", "AP-LIM-01", "AP-LIM-04", "AP-WALLET", *TOKENS])
def test_an_agent_that_takes_any_token_is_open(reports: dict[str, Report], id_: str) -> None:
    row = _row(reports, "bare", id_)
    assert row.result is Result.SUCCEEDED, row.sentence
    assert row.evidence


@pytest.mark.parametrize("id_", ["AP-BYP-01", "AP-WALLET", *TOKENS])
def test_nginx_in_front_does_not_close_the_agent(reports: dict[str, Report], id_: str) -> None:
    row = _row(reports, "nginx", id_)
    assert row.result is Result.SUCCEEDED, row.sentence


def test_nginx_stops_what_it_is_there_for(reports: dict[str, Report]) -> None:
    """What is on no list of its own leads nowhere."""
    row = _row(reports, "nginx", "AP-HTP-04")
    assert row.result is Result.BLOCKED, row.sentence


def test_the_flood_costs_more_at_the_agent_than_through_nginx(reports: dict[str, Report]) -> None:
    figures = _row(reports, "nginx", "AP-WALLET").figures
    assert figures["agent_runs"] > 0
    assert figures["cost"] == pytest.approx(figures["agent_runs"] * 0.01)


@pytest.mark.parametrize("id_", ["AP-BYP-01", "AP-BYP-02", "AP-LIM-01", "AP-WALLET", "AP-HTP-11", *TOKENS])
def test_the_server_of_the_sdk_asks_nobody_who_they_are(reports: dict[str, Report], id_: str) -> None:
    row = _row(reports, "sdk", id_)
    assert row.result is Result.SUCCEEDED, row.sentence


def test_the_sentence_says_that_no_token_is_needed(reports: dict[str, Report]) -> None:
    assert "without any token" in _row(reports, "sdk", "AP-BYP-01").sentence


@pytest.mark.parametrize("name", ["bare", "nginx", "sdk"])
def test_rows_about_what_they_lack_do_not_apply(reports: dict[str, Report], name: str) -> None:
    for id_ in ("AP-OAU-01", "AP-OAU-05", "AP-SES-01", "AP-SES-04", "AP-BYP-05", "AP-AUD-07"):
        row = _row(reports, name, id_)
        assert row.result is Result.NOT_APPLICABLE, (id_, row.sentence)
        assert row.sentence.endswith(".")


@pytest.mark.parametrize("name", ["bare", "nginx", "sdk"])
def test_no_attack_breaks(reports: dict[str, Report], name: str) -> None:
    assert not [
        row.id for row in reports[name].rows if "itself broke" in row.sentence or "was not done" in row.sentence
    ]


def test_one_table_holds_them_all(reports: dict[str, Report]) -> None:
    table = plain_table(list(reports.values()))
    line = next(line for line in table.splitlines() if line.startswith("AP-BYP-01"))
    assert line.count("! SUCCEEDED") == 3
