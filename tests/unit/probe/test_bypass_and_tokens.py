"""The bypass and token rows on real houses of all four patterns: the gap where it belongs, and nothing else."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from tests.journey.house import House, running_house
from tests.unit.probe.targets import target_of

from doorward.model.secret import Secret
from doorward.probe.catalogue import all_attacks
from doorward.probe.finding import Finding, Result
from doorward.probe.forgery import Signer, attacker, issuer_signer, take_apart
from doorward.probe.lab import Lab
from doorward.probe.target import Target

PATTERNS = ("direct", "front-door", "two-doors", "conversations")
ATTACKS = [attack for attack in all_attacks() if attack.id.startswith(("AP-BYP-", "AP-JWT-"))]
IDS = [f"AP-BYP-{number:02}" for number in range(1, 10)] + [f"AP-JWT-{number:02}" for number in range(1, 15)]
GAP = {"AP-BYP-01", "AP-BYP-09"}
SIGNED = {"AP-BYP-05", "AP-BYP-06", "AP-BYP-08"}

Table = tuple[str, dict[str, Finding]]


@pytest.fixture(scope="module", params=PATTERNS)
def table(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    folder = tmp_path_factory.mktemp(request.param)
    with running_house(folder, "--pattern", request.param) as house:
        key = max((house.data / "keys").glob("sign-in-*.json")).read_text()
        yield request.param, asyncio.run(_attacked(house, key))


async def _attacked(house: House, key: str) -> dict[str, Finding]:
    """All rows, with the issuer's key as its owner can give it."""
    lab = Lab(await _with_old_tokens(target_of(house, issuer_key=Secret(key))))
    return {attack.id: await attack.run(lab) for attack in ATTACKS}


async def _with_old_tokens(target: Target) -> Target:
    """Also a token whose time is over, and one of a key that the issuer does not publish (any longer)."""
    jwt = take_apart((await Lab(target).tokens()).access.reveal())
    assert jwt is not None
    assert target.issuer_key is not None
    signer = issuer_signer(target.issuer_key.reveal(), jwt)
    assert signer is not None
    expired = signer.sign(jwt.header, {**jwt.claims, "exp": int(time.time()) - 120})
    retired = Signer(key=attacker().key, key_id="retired", genuine=False)
    old = retired.sign({**jwt.header, "kid": "retired"}, jwt.claims)
    return replace(target, expired_token=Secret(expired), retired_token=Secret(old))


def test_every_row_is_there() -> None:
    assert sorted(attack.id for attack in ATTACKS) == sorted(IDS)


@pytest.mark.parametrize("attack_id", IDS)
def test_the_row_says_what_the_pattern_is(table: Table, attack_id: str) -> None:
    """AP-BYP-01..09, AP-JWT-01..14: `direct` and `front-door` have the gap, and no pattern has anything else."""
    pattern, findings = table
    found = findings[attack_id]
    gap = pattern in ("direct", "front-door")
    if gap and attack_id in GAP:
        expected = {Result.SUCCEEDED}
    elif gap and attack_id in SIGNED:
        expected = {Result.NOT_APPLICABLE}
    elif attack_id == "AP-BYP-03":
        expected = {Result.BLOCKED, Result.NOT_APPLICABLE}  # a machine may have loopback only
    else:
        expected = {Result.BLOCKED}
    assert found.result in expected, f"{pattern}: {found.sentence}"


def test_the_gap_is_counted_in_runs_of_the_agent(table: Table) -> None:
    """AP-BYP-01, AP-BYP-09."""
    pattern, findings = table
    runs = {attack_id: findings[attack_id].figures["agent_runs"] for attack_id in GAP}
    expected = {"AP-BYP-01": 1.0, "AP-BYP-09": 5.0} if pattern in ("direct", "front-door") else dict.fromkeys(GAP, 0)
    assert runs == expected


def test_the_claims_were_checked_under_the_issuers_own_signature(table: Table) -> None:
    """AP-JWT-06 to AP-JWT-09: with the key no row has to say that it may be the signature that was refused."""
    _, findings = table
    for attack_id in ("AP-JWT-06", "AP-JWT-07", "AP-JWT-08", "AP-JWT-09", "AP-JWT-11"):
        assert "foreign signature" not in findings[attack_id].sentence
