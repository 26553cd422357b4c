"""A house of ours in this process, with one defence switched off: real doors, stores and workers, on loopback.

A worker costs a second and is shared; a door costs milliseconds and is made anew for each weakness.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec import Struct
from msgspec.structs import replace

from doorward.compose import gateway, runtime
from doorward.compose.first_users import first_users
from doorward.compose.house import CHAT_WORKLOAD, PROGRAM_CLIENT, PROGRAM_REDIRECT, Places, arn
from doorward.compose.listen import bind, port_of, with_addresses
from doorward.compose.operator_port import operator_app
from doorward.compose.probe_house import target_of
from doorward.compose.serving import Served, serve_until
from doorward.compose.settings import Loaded
from doorward.http.protocol import strict_protocol
from doorward.identity.fetch import HttpFetch
from doorward.identity.key_files import load_or_create_sign_in_keys, load_or_create_turn_key, load_or_create_workload
from doorward.model.secret import Secret
from doorward.model.settings import Settings
from doorward.probe.target import Target
from doorward.runtime.host import RuntimeHost
from doorward.sign_in.routes import tokens_of
from doorward.sign_in.tokens import Grant
from doorward.stores.sqlite.open import GatewayStores, RuntimeStores, open_gateway, open_runtime


class Weakness(Struct, frozen=True, kw_only=True):
    """One defence, switched off: by a patch of our code, by settings, or by where and how the doors are served.

    `protocol` parses HTTP at the front door. `agent_host` is where the agent door listens.
    """

    what: str
    pattern: str = "conversations"
    patch: Callable[[pytest.MonkeyPatch], None] | None = None
    settings: Callable[[Settings], Settings] | None = None
    protocol: type | None = None
    agent_host: str = "127.0.0.1"


class World:
    """What all weakened houses share: the folder, the stores, the worker, the users."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data=str(folder / "data"))
        self.log = folder / "house.log"
        self.log.touch()
        places = Places(self.settings)
        load_or_create_turn_key(places.keys)
        self.gateway: GatewayStores = open_gateway(places.gateway_store)
        self.runtime: RuntimeStores = open_runtime(places.runtime_store)
        self.host = RuntimeHost(
            self.settings.agent,
            checkpoints=self.runtime.checkpoints,
            stopped=self.runtime.stopped_agents,
            environment={},
        )
        self.users: list[dict[str, Any]] = []
        self.http: aiohttp.ClientSession

    async def close(self) -> None:
        await self.host.close()
        self.gateway.close()
        self.runtime.close()


@asynccontextmanager
async def world_in(folder: Path) -> AsyncIterator[World]:
    """The shared parts, running."""
    world = World(folder)
    async with aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as http:
        world.http = http
        await world.host.start()
        try:
            addressed = with_addresses(world.settings, gateway_port=1, agent_port=1)
            embedded = gateway.GatewayHouse(Loaded(addressed, {}), world.gateway, http).who.embedded
            world.users = await first_users(addressed, embedded)
            yield world
        finally:
            await world.close()


@asynccontextmanager
async def house_with(world: World, weakness: Weakness) -> AsyncIterator[Target]:
    """The doors of a house with this weakness, served; the target that the probe is told."""
    front, agent, metrics = (bind(host, 0, setting="test") for host in ("127.0.0.1", weakness.agent_host, "127.0.0.1"))
    settings = replace(world.settings, pattern=weakness.pattern)
    settings = weakness.settings(settings) if weakness.settings else settings
    settings = with_addresses(settings, gateway_port=port_of(front), agent_port=port_of(agent))
    parts = gateway.GatewayHouse(Loaded(settings, {}), world.gateway, world.http)
    metadata = await parts.issuer_metadata()
    keys = runtime.issuer_keys(settings, HttpFetch(world.http))
    agent_door = runtime._door(settings, world.runtime, (world.host, world.host.operations), keys)
    served = (
        Served(parts.door(metadata), front, weakness.protocol or parts.protocol()),
        Served(agent_door, agent, runtime._protocol(settings)),
        Served(operator_app, metrics, strict_protocol()),
    )
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve_until(stop, served, on_ready=ready.set, on_stop=parts.close_turns, grace=0.2))
    try:
        await ready.wait()
        target = target_of(_ready(world, settings, metadata), logs=[world.log])
        counters = f"http://127.0.0.1:{port_of(metrics)}/metrics"
        token = Secret(await _token(world, parts))
        yield replace(target, metrics=(counters,), issuer_key=_key(settings), retired_token=token)
    finally:
        stop.set()
        await serving
        await parts.close()
        await keys.aclose()


def _ready(world: World, settings: Settings, metadata: Any) -> dict[str, Any]:
    key = load_or_create_workload(Places(settings).keys, CHAT_WORKLOAD)
    return {
        "pattern": settings.pattern,
        "front_door": settings.gateway.public_url,
        "agent_door": settings.agent.url,
        "agent_arn": arn(settings, settings.agent.name),
        "issuer": settings.gateway.public_url,
        "authorize_endpoint": metadata.authorization_endpoint,
        "token_endpoint": metadata.token_endpoint,
        "client_id": PROGRAM_CLIENT,
        "redirect_uri": PROGRAM_REDIRECT,
        "users": world.users,
        "workload": {
            "region": settings.agent.region,
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key.reveal(),
        },
    }


async def _token(world: World, parts: gateway.GatewayHouse) -> str:
    """A token whose key is not removed, for a world in which removing it has no effect."""
    sign_in = parts.who.embedded
    assert sign_in is not None
    account = (await sign_in.accounts.list())[0]
    grant = Grant(client_id=PROGRAM_CLIENT, scope="openid email profile", auth_time=time.time())
    return tokens_of(sign_in).access(account, grant)


def _key(settings: Settings) -> Secret:
    key = load_or_create_sign_in_keys(Places(settings).keys)[0]
    return Secret(json.dumps(key.as_dict(private=True)))
