"""Where there is a console and where there is none: then its API does not exist for operators either."""

from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace

from doorward.compose.gateway import GatewayHouse
from doorward.compose.house import Places
from doorward.compose.listen import with_addresses
from doorward.compose.settings import Loaded, load
from doorward.http.routes import Access, Route
from doorward.model.settings import ConsoleSettings, Pattern
from doorward.stores.sqlite.open import open_gateway

pytestmark = pytest.mark.anyio


async def routes_of(folder: Path, pattern: Pattern, *, enabled: bool) -> list[Route]:
    found = load(environ={}, options={"pattern": pattern, "data": str(folder)})
    settings = replace(found.settings, console=ConsoleSettings(enabled=enabled))
    settings = with_addresses(settings, gateway_port=8000, agent_port=8080)
    stores = open_gateway(Places(settings).gateway_store)
    try:
        async with aiohttp.ClientSession() as http:
            house = GatewayHouse(Loaded(settings, found.sources), stores, http)
            routes = house.routes(await house.issuer_metadata())
            await house.close()
            return routes
    finally:
        stores.close()


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
async def test_a_house_has_a_console_unless_it_is_taken_away(tmp_path: Path, pattern: Pattern) -> None:
    routes = await routes_of(tmp_path / "with", pattern, enabled=True)
    operators = [route for route in routes if route.access is Access.OPERATOR]
    assert len(operators) > 12
    assert all(route.path.startswith("/api/operator/") and route.recorded for route in operators)
    assert not [route for route in routes if route.path.startswith("/api/operator") and route not in operators]
    without = await routes_of(tmp_path / "without", pattern, enabled=False)
    assert not [route for route in without if route.access is Access.OPERATOR]


async def test_the_pattern_direct_has_none(tmp_path: Path) -> None:
    routes = await routes_of(tmp_path, "direct", enabled=True)
    assert not [route for route in routes if route.access is Access.OPERATOR]
