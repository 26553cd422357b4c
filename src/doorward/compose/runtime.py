"""The runtime process: the agent door, and behind it the host of workers. What it is made of stands here."""

import time
from collections.abc import Iterable, Iterator

import aiohttp

from doorward.agent_door.checks.signature import WorkloadKey
from doorward.agent_door.guard import AgentDoor, Parts, user_door, workload_door
from doorward.agent_door.memory.door import MemoryParts
from doorward.compose.erasing import ErasingRuntime
from doorward.compose.house import CHAT_WORKLOAD, OPERATOR_WORKLOAD, PRICES, TITLES_AGENT, Places, deployment
from doorward.compose.issuing import issuer_keys, user_tokens
from doorward.compose.operator_port import operator_app
from doorward.compose.process import Listeners, Say, Stop
from doorward.compose.serving import Served, serve_until, traced
from doorward.compose.settings import Loaded, environment_of
from doorward.http.protocol import strict_protocol
from doorward.identity.fetch import HttpFetch
from doorward.identity.key_files import load_or_create_turn_key, load_or_create_workload, load_turn_public_key
from doorward.identity.keys_source import HttpKeySource
from doorward.identity.turn_tokens import SignedTurnTokens, TurnTokenReader
from doorward.model.principals import Workload
from doorward.model.settings import Settings
from doorward.ports.agent import Operations, ReplayStore, Runtime
from doorward.ports.identity import TurnTokens
from doorward.runtime.host import RuntimeHost
from doorward.services.budget import Budget, Prices, Pricing, budget_of, load_prices, workload_budget_of
from doorward.services.caps import caps_of
from doorward.services.metered_runtime import MeteredRuntime
from doorward.services.metering import Meter
from doorward.stores.sqlite.open import RuntimeStores, open_runtime

_USER_PATTERNS = ("direct", "front-door")


async def main(loaded: Loaded, listeners: Listeners, say: Say, stop: Stop) -> None:
    """Run the runtime until `stop`."""
    settings = loaded.settings
    stores = open_runtime(Places(settings).runtime_store)
    host = RuntimeHost(
        settings.agent,
        checkpoints=stores.checkpoints,
        stopped=stores.stopped_agents,
        environment=environment_of(settings.agent.pass_environment),
        hidden=(str(Places(settings).root.resolve()),),
    )
    http = aiohttp.ClientSession(trust_env=False, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
    keys = issuer_keys(settings, HttpFetch(http))
    prices = load_prices(PRICES)
    budget = _budget(settings, prices)
    caps = caps_of(settings.agent, Pricing(prices, settings.agent.model).cost)
    meter = Meter(budget, stores.budgets, time.time)
    try:
        await stores.budgets.settle_lost()
        await host.start()
        metered = MeteredRuntime(host, meter, caps, max_answer_bytes=settings.agent.max_response_bytes)
        runtime = ErasingRuntime(metered, stores.memory)
        door = _door(settings, stores, (runtime, host.operations), keys)
        served = (
            Served(traced("agent_door", door), listeners["agent_door"], _protocol(settings)),
            Served(operator_app, listeners["operator"], strict_protocol()),
        )
        grace = settings.gateway.shutdown_grace

        async def close() -> None:
            await host.drain(grace / 2)
            await host.close()

        await serve_until(stop, served, on_ready=lambda: say({}), on_stop=close, grace=grace / 2)
    finally:
        await host.close()
        await meter.close()
        await keys.aclose()
        await http.close()
        stores.close()


def _budget(settings: Settings, prices: Prices) -> Budget | None:
    """INVARIANT: a call is charged once. Where users' tokens open this door, the budget of users is held here, for the
    front door cannot be the only place; elsewhere the services hold it, and here only that of other workloads."""
    make = budget_of if settings.pattern in _USER_PATTERNS else workload_budget_of
    return make(settings.budget, prices, settings.agent.model)


def _door(
    settings: Settings, stores: RuntimeStores, host: tuple[Runtime, Operations], keys: HttpKeySource
) -> AgentDoor:
    runtime, operations = host
    parts = Parts(
        settings=settings.agent,
        agents=frozenset({settings.agent.name, TITLES_AGENT}),
        runtime=runtime,
        operations=operations,
        # INVARIANT: in every pattern memories are for workloads with a grant, and none that is generated has one.
        memory=MemoryParts(memories=settings.memories, store=stores.memory, keys=tuple(_configured(settings))),
        ledger=stores.ledger,
        turn_tokens=_turn_tokens(settings),
        clock=time.time,
    )
    if settings.pattern in _USER_PATTERNS:
        return _for_users(settings, parts, keys)
    return _for_workloads(settings, parts, stores.replay)


def _for_users(settings: Settings, parts: Parts, keys: HttpKeySource) -> AgentDoor:
    origins = (settings.gateway.public_url,) if settings.pattern == "direct" else ()
    return user_door(parts, verifier=user_tokens(settings, keys), for_users=(settings.agent.name,), origins=origins)


def _for_workloads(settings: Settings, parts: Parts, replay: ReplayStore) -> AgentDoor:
    return workload_door(parts, keys=_workloads(settings), replay=replay)


def _workloads(settings: Settings) -> Iterable[WorkloadKey]:
    """The generated keys of the chat service and of the operators' desk, and the configured ones. Three grants: which
    agents, for users, and to operate."""
    yield _chat_workload(settings)
    yield _operator_workload(settings)
    yield from _configured(settings)


def _chat_workload(settings: Settings) -> WorkloadKey:
    key = load_or_create_workload(Places(settings).keys, CHAT_WORKLOAD)
    agents = frozenset({settings.agent.name, TITLES_AGENT})
    return WorkloadKey(
        Workload(key_id=key.access_key_id, name=CHAT_WORKLOAD, may_invoke=agents, may_act_for_users=True),
        key.secret_access_key,
    )


def _operator_workload(settings: Settings) -> WorkloadKey:
    key = load_or_create_workload(Places(settings).keys, OPERATOR_WORKLOAD)
    return WorkloadKey(
        Workload(key_id=key.access_key_id, name=OPERATOR_WORKLOAD, may_operate=True), key.secret_access_key
    )


def _configured(settings: Settings) -> Iterator[WorkloadKey]:
    for item in settings.workloads:
        workload = Workload(
            key_id=item.access_key_id,
            name=item.name,
            may_invoke=frozenset(item.may_invoke),
            may_act_for_users=item.may_act_for_users,
            may_operate=item.may_operate,
            may_read_memory=frozenset(item.may_read_memory),
            may_write_memory=frozenset(item.may_write_memory),
        )
        yield WorkloadKey(workload, item.secret_access_key)


def _turn_tokens(settings: Settings) -> TurnTokens:
    """INVARIANT: where services mint turn tokens, this process holds only the public half of their key."""
    keys = Places(settings).keys
    if settings.pattern in _USER_PATTERNS:
        return SignedTurnTokens(deployment(settings), load_or_create_turn_key(keys), time.time)
    return TurnTokenReader(deployment(settings), [load_turn_public_key(keys)], time.time)


def _protocol(settings: Settings) -> type:
    door = settings.front_door
    return strict_protocol(header_timeout=door.header_timeout, idle_timeout=door.idle_timeout, max_header_bytes=32768)
