"""One suite per port, run on every engine: a new engine is one more line in each of the tables below."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.between import between
from tests.contract.building import MovableClock
from tests.contract.dynamo import Watched, fresh_table, moto
from tests.contract.memory import with_memory
from tests.unit.agent_door.memory_house import MemoryHouse, memory_house

from doorward.ports.functions import OpenedStores
from doorward.stores.dynamodb.open import open_table
from doorward.stores.sqlite.open import GatewayStores, RuntimeStores, open_gateway, open_runtime

GATEWAY_ENGINES: dict[str, Callable[[Path, MovableClock], GatewayStores]] = {
    "sqlite": lambda folder, clock: open_gateway(folder / "gateway.db", clock=clock),
}
# What functions share; the rest of a gateway (sign-in, ledger, metrics) is AWS's own there.
SHARED_ENGINES: dict[str, Callable[[Path, MovableClock], OpenedStores]] = {
    **GATEWAY_ENGINES,
    "dynamodb": lambda _, clock: open_table(fresh_table(), region="us-east-1", clock=clock),
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


@pytest.fixture(params=sorted([*SHARED_ENGINES, "agentcore"]))
def shared(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[OpenedStores]:
    if request.param == "dynamodb":
        request.getfixturevalue("dynamo_server")
    stores: OpenedStores
    if request.param == "agentcore":
        stores = with_memory(request.getfixturevalue("memory_server"), tmp_path, clock)
    else:
        stores = SHARED_ENGINES[request.param](tmp_path, clock)
    yield stores
    stores.close()


@pytest.fixture(scope="session")
def memory_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryHouse]:
    """Our own Memory data plane over HTTP. One memory for all tests: what a store leaves there is of no effect."""
    with memory_house(tmp_path_factory.mktemp("memory")) as house:
        yield house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[MemoryHouse]:
    """AgentCore Memory of each test's own."""
    with memory_house(tmp_path / "memory_of_its_own") as running:
        yield running


@pytest.fixture
def stores(house: MemoryHouse, tmp_path: Path, clock: MovableClock) -> Iterator[OpenedStores]:
    """The engine over it."""
    opened = with_memory(house, tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def dynamo_server() -> Iterator[str]:
    """moto's DynamoDB over HTTP, and what every AWS program reads to find it."""
    with moto() as url:
        yield url


@pytest.fixture
def watched(dynamo_server: str, monkeypatch: pytest.MonkeyPatch, clock: MovableClock) -> Iterator[Watched]:
    name = fresh_table()
    with between(dynamo_server) as (url, place), monkeypatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        stores = open_table(name, region="us-east-1", clock=clock)
        environment.undo()
        yield Watched(name, stores, place)
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
