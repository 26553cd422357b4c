"""A process for each session: taken from a few that stand ready, kept while it is used, ended when it has idled.

At most so many are alive: the one that has idled longest goes first, and who finds none waits in a fair queue.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from msgspec import Struct

from doorward.errors import AgentUnreachable, DoorwardError
from doorward.model.agent import LiveSession
from doorward.runtime.fair_queue import FairQueue
from doorward.runtime.keeper import WorkerKeeper
from doorward.runtime.sessions import SessionKey
from doorward.runtime.warden import Allowance, Warden
from doorward.runtime.wire import Confinement
from doorward.runtime.workers import Lease
from doorward.runtime.zygote import SessionProcess, Zygote
from doorward.telemetry.metrics import SESSIONS_ALIVE

log = structlog.get_logger()

SPARE = 2
STARTS_AT_ONCE = 4
MOST_WAITING = 1000
SWEEP_SECONDS = 0.5
TAKEN_SECONDS = 5.0


class PoolOptions(Struct, frozen=True, kw_only=True):
    """`most` processes at once; `idle`, `life` and `patience` in seconds; `queue` is how many of one owner may wait.
    `allowance` is what one session may use, `confinement` what it may touch."""

    most: int
    idle: float
    life: float
    queue: int
    patience: float
    allowance: Allowance
    confinement: Confinement


class _Session:
    """One session's process, and how it is used."""

    def __init__(self, process: SessionProcess, now: float) -> None:
        self.process = process
        self.calls = 0
        self.began = now
        self.used = now
        self.began_at = time.time()
        self._taken = False

    def take(self) -> None:
        """A call begins in it."""
        self._taken = True
        self.calls += 1

    def free(self, now: float) -> bool:
        """Whether nothing runs in it. One that was made for a call that has yet to take it is not free."""
        return not self.calls and (self._taken or now - self.began > TAKEN_SECONDS)

    def old(self, now: float, life: float) -> bool:
        """Whether it is free, and its life is over."""
        return self.free(now) and now - self.began > life


class SessionPool:
    """Fulfils `runtime.workers.Workers`. Make it inside the event loop.

    INVARIANT: a process serves one session and never another, and what it left is removed with it (AP-SES-06).
    """

    def __init__(self, make: Callable[[], WorkerKeeper[Zygote]], options: PoolOptions) -> None:
        self._make = make
        self._options = options
        self._keeper: WorkerKeeper[Zygote] | None = None
        self._sessions: dict[SessionKey, _Session] = {}
        self._coming: dict[SessionKey, asyncio.Task[_Session]] = {}
        self._spare: list[SessionProcess] = []
        self._queue = FairQueue(per_owner=options.queue, most=MOST_WAITING, on_unused=self._unused)
        self._starting = 0
        self._chores: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._refill: asyncio.Task[None] | None = None
        self._swept = True

    async def start(self) -> None:
        keeper = self._make()
        await keeper.start()
        self._keeper = keeper
        self._sweeper = asyncio.create_task(self._watch(keeper))
        self._fill()

    async def close(self) -> None:
        keeper, self._keeper = self._keeper, None
        own = (self._sweeper, self._refill, *self._coming.values())
        tasks: list[asyncio.Task[Any]] = [task for task in own if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        processes = [session.process for session in self._sessions.values()] + self._spare
        self._sessions.clear()
        self._spare.clear()
        await asyncio.gather(*(process.kill() for process in processes), *self._chores, return_exceptions=True)
        if keeper is not None:
            await keeper.close()

    async def lease(self, key: SessionKey, *, deadline: float) -> Lease:
        session = await self._of(key, deadline)
        session.take()

        def release() -> None:
            session.calls -= 1
            session.used = asyncio.get_running_loop().time()
            self._admit()

        return Lease(session.process, release)

    async def ready(self) -> bool:
        """Not ready while nobody holds the sessions to their limits."""
        return self._swept and self._keeper is not None and self._keeper.serving() is not None

    async def end(self, key: SessionKey) -> bool:
        session = self._sessions.pop(key, None)
        if session is None:
            return False
        await session.process.kill()
        self._admit()
        return True

    def pids(self) -> list[int]:
        return [session.process.pid for session in self._sessions.values() if session.process.alive()]

    def sessions(self) -> list[LiveSession]:
        now = asyncio.get_running_loop().time()
        return [
            LiveSession(
                owner=key.owner,
                agent=key.agent,
                session_id=key.session_id,
                pid=session.process.pid,
                started_at=session.began_at,
                idle_seconds=0.0 if session.calls else now - session.used,
            )
            for key, session in self._sessions.items()
        ]

    async def _of(self, key: SessionKey, deadline: float) -> _Session:
        """The session's process as it is, or a new one; several that ask at once get the same."""
        session = self._sessions.get(key)
        if session is not None and await self._serves(key, session):
            return session
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = asyncio.create_task(self._begin(key))
            coming.add_done_callback(lambda _: self._coming.pop(key, None))
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(coming)
        except TimeoutError:
            raise AgentUnreachable("No process for this session could be started in time.") from None
        except asyncio.CancelledError:
            if coming.cancelled():  # not this call: the pool is closing
                raise AgentUnreachable("The runtime is shutting down.") from None
            raise

    async def _serves(self, key: SessionKey, session: _Session) -> bool:
        process, now = session.process, asyncio.get_running_loop().time()
        if process.alive() and not session.old(now, self._options.life):
            if not process.suspect:
                return True
            if await process.ping() is not None:
                process.suspect = False
                return True
        if self._sessions.get(key) is session:
            del self._sessions[key]
        self._chore(process)
        return False

    async def _begin(self, key: SessionKey) -> _Session:
        await self._room(key.owner)
        try:
            process = self._ready_made() or await self._forked()
            session = self._sessions[key] = _Session(process, asyncio.get_running_loop().time())
        finally:
            self._starting -= 1
            self._admit()
        SESSIONS_ALIVE.set(len(self._sessions))
        self._fill()
        return session

    async def _room(self, owner: str) -> None:
        """Wait until one more may be started; it counts as being started from then on."""
        if not len(self._queue) and self._may_start():
            self._starting += 1
            return
        try:
            async with asyncio.timeout(self._options.patience):
                await self._queue.wait(owner)
        except TimeoutError:
            raise AgentUnreachable("No process for this session became free in time.") from None

    def _may_start(self) -> bool:
        if self._keeper is None or self._starting >= STARTS_AT_ONCE:
            return False
        while len(self._sessions) + self._starting >= self._options.most:
            now = asyncio.get_running_loop().time()
            idle = [(session.used, key) for key, session in self._sessions.items() if session.free(now)]
            if not idle:
                return False
            _, key = min(idle, key=lambda each: each[0])
            self._chore(self._sessions.pop(key).process)
        return True

    def _unused(self) -> None:
        """Who was called had gone: the place counts no longer, or places would run out for good."""
        self._starting -= 1

    def _admit(self) -> None:
        """Call those who wait, as far as there is room."""
        while len(self._queue) and self._may_start():
            self._starting += 1
            if not self._queue.call():
                self._starting -= 1

    def _ready_made(self) -> SessionProcess | None:
        while self._spare:
            process = self._spare.pop(0)
            if process.alive():
                return process
            self._chore(process)
        return None

    async def _forked(self) -> SessionProcess:
        loop = asyncio.get_running_loop()
        if self._keeper is None:
            raise AgentUnreachable("The runtime is shutting down.")
        zygote = await self._keeper.worker(deadline=loop.time() + self._options.patience)
        return await zygote.fork(self._options.confinement)

    def _fill(self) -> None:
        """See to it that a few processes stand ready."""
        if self._refill is None or self._refill.done():
            self._refill = asyncio.create_task(self._filled())

    async def _filled(self) -> None:
        while self._keeper is not None and len(self._spare) < SPARE and not len(self._queue):
            try:
                process = await self._forked()
                await process.ping()  # it has imported and opened what serving takes
            except DoorwardError as error:
                log.warning("no_spare_process", code=error.code)
                return
            self._spare.append(process)

    async def _watch(self, keeper: WorkerKeeper[Zygote]) -> None:
        """Sweep for as long as the pool lives: a sweep that fails is told, and the next one is made all the same."""
        warden = Warden(self._options.allowance)
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            sweep = asyncio.ensure_future(self._sweep(keeper, warden))
            try:
                await asyncio.wait([sweep])
            finally:
                sweep.cancel()
            error = sweep.exception()
            self._swept = error is None
            if error is not None:
                log.error("sweep_failed", exc_info=error)

    async def _sweep(self, keeper: WorkerKeeper[Zygote], warden: Warden) -> None:
        """End what is dead, has idled, or takes more than it may; sees the processes of all sessions at once."""
        zygote = keeper.serving()
        if zygote is not None:
            await warden.look(zygote)
        now = asyncio.get_running_loop().time()
        for key, session in list(self._sessions.items()):
            idle = session.free(now) and now - session.used > self._options.idle
            if idle or session.old(now, self._options.life) or not session.process.alive():
                del self._sessions[key]
                self._chore(session.process)
        SESSIONS_ALIVE.set(len(self._sessions))
        self._admit()
        self._fill()

    def _chore(self, process: SessionProcess) -> None:
        task = asyncio.create_task(process.kill())
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
