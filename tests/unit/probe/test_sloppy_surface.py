"""Each row on a deployment in which one defence is missing: it turns to `succeeded`. A probe that cannot fail proves
nothing; and on the sound one no row says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.probe.double import served
from tests.unit.probe.sloppy import LIMIT, STREAMS, Sloppy

from doorward.probe import slow
from doorward.probe.catalogue import all_attacks
from doorward.probe.finding import Finding, Result
from doorward.probe.lab import Lab

pytestmark = pytest.mark.anyio
ATTACKS = {attack.id: attack for attack in all_attacks()}

BROKEN = [
    ("AP-HTP-02", "takes repeated headers"),
    ("AP-HTP-02", "believes x-user"),
    ("AP-HTP-03", "believes x-forwarded-for"),
    ("AP-HTP-04", "routes on x-original-url", "authorizes on the raw path"),
    ("AP-HTP-04", "routes on decoded paths", "authorizes on the raw path"),
    ("AP-HTP-05", "lets health checkers in"),
    ("AP-HTP-05", "takes any method"),
    ("AP-HTP-06", "has no size limits", "has open schemas"),
    ("AP-HTP-09", "takes any media type"),
    ("AP-HTP-09", "unpacks bodies"),
    ("AP-HTP-10", "reads json loosely"),
    ("AP-HTP-11", "answers to any host"),
    ("AP-HTP-11", "allows any origin"),
    ("AP-HTP-12", "shows the environment"),
    ("AP-HTP-12", "shows tracebacks"),
    ("AP-OAU-01", "needs no pkce", "asks for no verifier"),
    ("AP-OAU-01", "asks for no verifier"),
    ("AP-OAU-01", "takes any state"),
    ("AP-OAU-02", "takes codes twice"),
    ("AP-OAU-02", "keeps what a stolen code gave"),
    ("AP-OAU-03", "compares the beginning of redirect uris"),
    ("AP-OAU-03", "returns anywhere"),
    ("AP-OAU-05", "sets a bare cookie"),
    ("AP-OAU-05", "keeps planted ids"),
    ("AP-OAU-05", "keeps old sessions"),
    ("AP-OAU-05", "needs no csrf token"),
    ("AP-OAU-05", "takes two cookies", "needs no csrf token"),
    ("AP-OAU-06", "takes refresh tokens twice"),
    ("AP-OAU-06", "keeps the family"),
    ("AP-OAU-06", "forgets nobody at logout"),
    ("AP-LIM-04", "caps no streams"),
    ("AP-LIM-06", "remembers keys"),
    ("AP-LIM-06", "remembers keys", "keys of all users are one"),
    ("AP-SES-01", "owner is not asked for GET"),
    ("AP-SES-01", "owner is not asked for PATCH"),
    ("AP-SES-01", "owner is not asked for DELETE"),
    ("AP-SES-01", "owner is not asked for turns"),
    ("AP-SES-02", "shares sessions"),
    ("AP-SES-02", "counts its sessions"),
    ("AP-SES-03", "trusts cursors"),
    ("AP-SES-03", "filters by parameter"),
    ("AP-SES-04", "owner is not asked for turns"),
    ("AP-SES-05", "has open schemas"),
    ("AP-SES-05", "gives conversations away"),
    ("AP-SES-08", "serves administrators' routes"),
    ("AP-AUD-04", "logs raw headers"),
    ("AP-AUD-07", "logs requests"),
    ("AP-WALLET", "opens the agent to users"),
]
SOUND = sorted({row[0] for row in BROKEN} - {"AP-HTP-06"})


@asynccontextmanager
async def attacked(*flaws: str, limited: bool = False, **changes: Any) -> AsyncIterator[tuple[Sloppy, Lab]]:
    site = Sloppy(*flaws, limited=limited)
    async with served(site) as url:
        site.url = url
        yield site, Lab(site.target(**changes))


async def tried(attack_id: str, *flaws: str, folder: Path, limited: bool = False) -> Finding:
    log = folder / "site.log"
    log.write_text("started\n")
    async with attacked(*flaws, limited=limited, logs=(str(log),)) as (site, lab):
        site.log = _Lines(log)
        return await ATTACKS[attack_id].run(lab)


class _Lines(list[str]):
    """A log that is a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def append(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")


@pytest.mark.parametrize("row", BROKEN, ids=lambda row: f"{row[0]}: {', '.join(row[1:])}")
async def test_a_missing_defence_turns_its_row(row: tuple[str, ...], tmp_path: Path) -> None:
    finding = await tried(row[0], *row[1:], folder=tmp_path)
    assert finding.result is Result.SUCCEEDED, finding
    assert finding.evidence


@pytest.mark.parametrize("attack_id", SOUND)
async def test_with_its_defence_no_row_says_that_it_got_through(attack_id: str, tmp_path: Path) -> None:
    finding = await tried(attack_id, folder=tmp_path)
    absent = attack_id == "AP-LIM-06"
    assert finding.result is (Result.NOT_APPLICABLE if absent else Result.BLOCKED), finding


async def test_oversize_is_refused_but_for_what_a_bare_uvicorn_takes(tmp_path: Path) -> None:
    """AP-HTP-06: chunk extensions are the server's business, not the application's; and each size is judged alone."""
    sound = await tried("AP-HTP-06", folder=tmp_path)
    broken = await tried("AP-HTP-06", "has no size limits", "has open schemas", folder=tmp_path)
    assert sound.figures["through"] == 1
    assert "chunk extensions" in sound.sentence
    assert broken.figures["through"] >= 3


async def test_a_key_with_a_hash_of_its_body_is_judged_right(tmp_path: Path) -> None:
    """AP-LIM-06: support that may come later is told from a key that is ignored."""

    class Careful(Sloppy):
        async def chat(self, request: Any) -> Any:
            self.seen = getattr(self, "seen", {})
            key, user = request.header("idempotency-key"), self.user(request)
            if key and self.seen.setdefault((user, key), request.body) != request.body:
                return 422, {}, b""
            return await super().chat(request)

    site = Careful()
    async with served(site) as url:
        site.url = url
        finding = await ATTACKS["AP-LIM-06"].run(Lab(site.target()))
    assert finding.result is Result.BLOCKED, finding


@pytest.mark.parametrize(
    ("flaw", "expected"),
    [("", Result.BLOCKED), ("advertises but does not enforce", Result.SUCCEEDED), ("counts nothing", Result.SUCCEEDED)],
)
async def test_a_flood_is_judged_by_what_was_admitted(flaw: str, expected: Result, tmp_path: Path) -> None:
    """AP-LIM-01"""
    finding = await tried("AP-LIM-01", flaw, folder=tmp_path, limited=True)
    assert finding.result is expected, finding
    if expected is Result.BLOCKED:
        assert finding.figures["admitted"] <= LIMIT


@pytest.mark.parametrize(("flaw", "expected"), [("", Result.BLOCKED), ("counts too late", Result.SUCCEEDED)])
async def test_a_race_is_won_only_where_counting_and_deciding_are_two_steps(
    flaw: str, expected: Result, tmp_path: Path
) -> None:
    """AP-LIM-02"""
    finding = await tried("AP-LIM-02", flaw, folder=tmp_path, limited=True)
    assert finding.result is expected, finding


async def test_streams_are_counted_as_they_overlap(tmp_path: Path) -> None:
    """AP-LIM-04"""
    finding = await tried("AP-LIM-04", folder=tmp_path)
    assert finding.figures["turns_at_once"] == STREAMS


async def test_a_server_without_deadlines_keeps_slow_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AP-HTP-07: a bare uvicorn has no deadline for headers or bodies."""
    monkeypatch.setattr(slow, "PATIENCE", 1.2)
    finding = await tried("AP-HTP-07", folder=tmp_path)
    assert finding.result is Result.SUCCEEDED, finding
    assert finding.figures["open"] == 2 * slow.EACH


async def test_a_target_without_second_user_or_history_is_not_judged() -> None:
    site = Sloppy()
    async with served(site) as url:
        site.url = url
        whole = site.target()
        lab = Lab(site.target(users=whole.users[:1], history="", session_sign_in=""))
        for attack_id in ("AP-SES-01", "AP-SES-02", "AP-SES-03", "AP-SES-04", "AP-LIM-02", "AP-LIM-04", "AP-OAU-05"):
            assert (await ATTACKS[attack_id].run(lab)).result is Result.NOT_APPLICABLE, attack_id


async def test_without_a_control_nothing_is_said() -> None:
    """A target whose proper requests are refused is never called sound."""
    site = Sloppy()
    async with served(site) as url:
        site.url = url
        target = site.target()
        site.users = {}
        lab = Lab(target)
        for attack_id in SOUND:
            assert (await ATTACKS[attack_id].run(lab)).result is not Result.BLOCKED, attack_id
