"""What the functions on AWS are made of, and how each of them starts: `lambda_chat`, `lambda_turns`,
`lambda_conversations`, `lambda_relay`. No agent framework, no server and no sign-in is imported by any of them."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from importlib import import_module
from pathlib import Path

from msgspec.structs import replace

from doorward.compose.house import PRICES, Places, clients_allowed
from doorward.compose.message_texts import with_texts
from doorward.compose.settings import load, variable
from doorward.errors import ConfigurationError, DoorwardError, Unauthenticated
from doorward.front_door.behind_gateway import behind_api_gateway
from doorward.front_door.check import Limits, Parts
from doorward.front_door.door import FrontDoor, local_limits
from doorward.http.lambda_events import ApiFunction
from doorward.http.lambda_runtime import Function, LambdaRuntime
from doorward.http.routes import Route
from doorward.ledger.lines import LineLedger
from doorward.model.principals import User
from doorward.model.settings import Settings
from doorward.ports.functions import OpenedStores, SharedStores
from doorward.services.budget import Budget, budget_of, load_prices
from doorward.stores.dynamodb.open import DynamoStores, open_table
from doorward.telemetry.logs import configure_logs


class FunctionHouse:
    """What a function is made from. `stores` are those of the house, shared by all its functions, and opened when asked
    for. `close` it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._end = ExitStack()

    def at_end(self, close: Callable[[], None]) -> None:
        """Have `close` called when the house is closed; what came last is closed first."""
        self._end.callback(close)

    def close(self) -> None:
        """Close what was opened. Blocks until everything that was queued is durable."""
        self._end.close()

    @cached_property
    def stores(self) -> SharedStores:
        """The stores."""
        opened = with_texts(self.settings, self._table or local_stores(self.settings))
        self.at_end(opened.close)
        return opened

    @cached_property
    def limits(self) -> Limits:
        """The limits, of which the one on a user's requests is counted by all functions together where they share a
        table; turns and streams at once are counted in the stores."""
        front_door = self.settings.front_door
        limits = local_limits(front_door)
        if self._table is None:
            return limits
        shared = self._table.limiter(front_door.user_requests, front_door.user_window, limits.user)
        return replace(limits, user=shared)

    @cached_property
    def _table(self) -> DynamoStores | None:
        name = self.settings.functions.table
        return open_table(name, region=self.settings.agent.region) if name else None


Make = Callable[[FunctionHouse], Function]


def run_function(name: str, make: Make) -> int:
    """Serve invocations until Lambda ends the process. A function that cannot start says so to Lambda."""
    try:
        settings = load(file=_own_file()).settings
        configure_logs(name, level=settings.telemetry.log_level, as_json=settings.telemetry.log_format == "json")
        asyncio.run(_serve(settings, make))
    except DoorwardError as error:
        sys.stderr.write(f"doorward {name}: {error.message} [{error.code}]\n")
        return 1
    return 0


async def _serve(settings: Settings, make: Make) -> None:
    runtime = LambdaRuntime(variable("AWS_LAMBDA_RUNTIME_API") or "")
    house = FunctionHouse(settings)
    try:
        try:
            function = make(house)
        except DoorwardError as error:
            await runtime.broken(error.code)
            raise
        await runtime.serve(function)
    finally:
        runtime.close()
        await asyncio.to_thread(house.close)


def _own_file() -> Path | None:
    """A `doorward.toml` in the package, where there is one."""
    file = Path("doorward.toml")
    return file if file.is_file() else None


def local_stores(settings: Settings) -> OpenedStores:
    """SQLite, which the functions of one machine share. On AWS each function has a disk of its own, so a file there
    would be shared by nobody: `ConfigurationError` (``store_not_shared``)."""
    if settings.environment == "production":
        raise ConfigurationError(
            "Functions need a store that they share; SQLite is a file of one machine.", code="store_not_shared"
        )
    opened: OpenedStores = import_module("doorward.stores.sqlite.open").open_gateway(Places(settings).gateway_store)
    return opened


def api_function(house: FunctionHouse, routes: Sequence[Route]) -> Function:
    """The front door's checks, as far as API Gateway does not make them, before these routes. In production it is said
    whose events are taken, or `ConfigurationError` (``api_not_named``)."""
    settings = house.settings
    api = settings.functions.api
    if settings.environment == "production" and not api:
        raise ConfigurationError("Name the API whose events are taken: functions.api.", code="api_not_named")
    parts = Parts(
        settings=settings.front_door,
        public_url=settings.gateway.public_url,
        verifier=_NoTokens(),
        ledger=LineLedger(_write_line),
        limits=house.limits,
    )
    checks = behind_api_gateway(settings.sign_in, clients_allowed(settings), api)
    return ApiFunction(FrontDoor(routes, parts, checks))


class _NoTokens:
    """Fulfils `ports.identity.TokenVerifier`. No check of a function asks it: API Gateway has verified the token."""

    async def verify(self, token: str) -> User:
        del token
        raise Unauthenticated("No token is taken here.", code="token_malformed")


def _write_line(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def budget(settings: Settings) -> Budget | None:
    """The day's budget, where one is configured."""
    return budget_of(settings.budget, load_prices(PRICES), settings.agent.model)
