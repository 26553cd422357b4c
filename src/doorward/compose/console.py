"""The operators' side of the gateway: what it samples, reads and shows, joined. Made and run by `gateway`."""

import asyncio
import time
from collections.abc import Coroutine

import aiohttp
import structlog

from doorward.compose.auditing import SELF_TEST_DOOR
from doorward.compose.checkup import check_house
from doorward.compose.house import Places
from doorward.compose.in_force import in_force
from doorward.compose.issuing import Issuing
from doorward.compose.scraping import OwnMetrics, ScrapedMetrics, runtime_metrics_url
from doorward.compose.settings import Loaded
from doorward.front_door.api.operator.house import house_routes
from doorward.front_door.api.operator.ledger import ledger_routes
from doorward.front_door.api.operator.ledger_export import export_routes
from doorward.front_door.api.operator.metrics import metrics_routes
from doorward.front_door.api.operator.sessions import session_routes
from doorward.front_door.api.operator.turns import running_turn_routes
from doorward.front_door.api.operator.users import user_routes
from doorward.http.routes import Route
from doorward.model.console import LedgerFilter, Remark, SettingInForce
from doorward.ports.agent import Operations
from doorward.ports.operator import LedgerReader, RunningTurns
from doorward.services.operator.ledger import LedgerService
from doorward.services.operator.metrics import MetricsService
from doorward.services.operator.sampling import Measuring, Sampler
from doorward.sign_in.administration import Administration, AdministrationParts
from doorward.stores.sqlite.ledger_reader import GATEWAY, RUNTIME
from doorward.stores.sqlite.open import GatewayStores, read_ledgers

_log = structlog.get_logger()


class Console:
    """Made inside the event loop. `start` begins to sample and to verify; `close` ends it."""

    def __init__(self, loaded: Loaded, stores: GatewayStores, who: Issuing, http: aiohttp.ClientSession) -> None:
        settings, places = loaded.settings, Places(loaded.settings)
        files = {GATEWAY: places.gateway_store, RUNTIME: places.runtime_store}
        reader, self._close_files = read_ledgers(stores, files)
        runtime = ScrapedMetrics(http, runtime_metrics_url(settings))
        self._sampler = Sampler(
            Measuring(
                sources={GATEWAY: OwnMetrics(), RUNTIME: runtime},
                store=stores.metrics,
                clock=time.time,
                period=settings.console.sample_period,
            )
        )
        accounts = stores.accounts if who.embedded is not None else None
        self._ledger = LedgerService(reader, who.issuer, accounts, time.time)
        self._metrics = MetricsService(self._sampler, stores.metrics, settings.budget, time.time)
        self._users = _administration(stores, who)
        self._issuer = who.issuer
        self._view = _View(loaded, reader)
        self._tasks: list[asyncio.Task[None]] = []

    def routes(self, turns: RunningTurns | None, operations: Operations | None) -> list[Route]:
        """Every route of operators."""
        return [
            *metrics_routes(self._metrics),
            *ledger_routes(self._ledger),
            *export_routes(self._ledger),
            *user_routes(self._users, self._issuer),
            *running_turn_routes(turns),
            *session_routes(operations),
            *house_routes(self._view),
        ]

    def start(self) -> None:
        """Begin to sample the metrics and to verify the chains."""
        self._tasks = [self._task(self._sampler.run()), self._task(self._ledger.run())]

    async def close(self) -> None:
        """End both, and close the files."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._close_files)

    def _task(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(_ended)
        return task


class _View:
    """Fulfils `ports.operator.HouseView`."""

    def __init__(self, loaded: Loaded, reader: LedgerReader) -> None:
        self._loaded = loaded
        self._reader = reader
        self._checking = asyncio.Lock()

    def settings(self) -> list[SettingInForce]:
        return in_force(self._loaded)

    async def check_up(self) -> list[Remark]:
        async with self._checking:
            found = await self._reader.page(LedgerFilter(door=SELF_TEST_DOOR), limit=1, cursor=None)
            tested = found.items[0].entry if found.items else None
            return [remark async for remark in check_house(self._loaded.settings, tested)]


def _administration(stores: GatewayStores, who: Issuing) -> Administration | None:
    if who.embedded is None:
        return None
    return Administration(
        AdministrationParts(
            issuer=who.issuer,
            accounts=who.embedded.accounts,
            store=stores.accounts,
            directory=stores.accounts,
            grants=stores.grants,
            sessions=stores.sessions,
            ledger=stores.ledger,
            clock=time.time,
        )
    )


def _ended(task: asyncio.Task[None]) -> None:
    """Whoever only watches must not take the house with it, and must not go in silence either."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("console_task_broke", error=type(error).__name__)
