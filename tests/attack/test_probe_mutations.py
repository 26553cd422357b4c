"""A probe that cannot fail proves nothing: with one of our own defences switched off, its row says `succeeded`.

That the same rows are blocked in a whole house is held by `tests/journey/test_probe.py`.
"""

from collections.abc import AsyncIterator

import pytest
from tests.attack.weakened import World, house_with, world_in
from tests.attack.weaknesses import LOG, WEAKNESSES

from doorward.probe.catalogue import all_attacks
from doorward.probe.finding import Result
from doorward.probe.runner import run

pytestmark = pytest.mark.anyio
ATTACKS = {attack.id: attack for attack in all_attacks()}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for the module: the worker is shared."""
    return "asyncio"


@pytest.fixture(scope="module")
async def world(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world_in(tmp_path_factory.mktemp("weakened")) as world:
        LOG["path"] = world.log
        yield world


@pytest.mark.parametrize("id_", sorted(WEAKNESSES))
async def test_a_defence_that_is_off_shows(world: World, id_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weakness = WEAKNESSES[id_]
    if weakness.patch is not None:
        weakness.patch(monkeypatch)
    async with house_with(world, weakness) as target:
        report = await run(target, [ATTACKS[id_]])
    (row,) = report.rows
    assert row.result is Result.SUCCEEDED, f"{weakness.what}: {row.result.value}: {row.sentence}"
    assert row.evidence


def test_every_attack_has_its_weakness() -> None:
    assert set(ATTACKS) == set(WEAKNESSES)
