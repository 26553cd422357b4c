"""One suite per port, run on every engine: a new engine is one more line in each of the two tables below."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.building import MovableClock

from doorward.stores.sqlite.open import GatewayStores, RuntimeStores, open_gateway, open_runtime

GATEWAY_ENGINES: dict[str, Callable[[Path, MovableClock], GatewayStores]] = {
    "sqlite": lambda folder, clock: open_gateway(folder / "gateway.db", clock=clock),
}
RUNTIME_ENGINES: dict[str, Callable[[Path, MovableClock], RuntimeStores]] = {
    "sqlite": lambda folder, clock: open_runtime(folder / "runtime.db", clock=clock),
}


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(params=sorted(GATEWAY_ENGINES))
def gateway(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[GatewayStores]:
    stores = GATEWAY_ENGINES[request.param](tmp_path, clock)
    yield stores
    stores.close()


@pytest.fixture(params=sorted(RUNTIME_ENGINES))
def runtime(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[RuntimeStores]:
    stores = RUNTIME_ENGINES[request.param](tmp_path, clock)
    yield stores
    stores.close()


@pytest.fixture(params=sorted(RUNTIME_ENGINES))
def reopen_runtime(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Callable[[], RuntimeStores]:
    """Opens the same data again, as after a restart; the caller closes it."""
    return lambda: RUNTIME_ENGINES[request.param](tmp_path, clock)
