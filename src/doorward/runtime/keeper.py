"""Keeps one worker running: starts it, notices its end, starts another after a pause that grows while it fails."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

from doorward.errors import AgentUnreachable, ConfigurationError
from doorward.runtime.process import START_SECONDS, WorkerProcess
from doorward.telemetry.metrics import WORKER_RESTARTS

log = structlog.get_logger()

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
STEADY_SECONDS = 10.0
DYING_SECONDS = 1.0


W = TypeVar("W", bound=WorkerProcess)


class WorkerKeeper(Generic[W]):
    """The worker that serves, whichever process that is at the moment. `start` starts one."""

    def __init__(self, start: Callable[[], Awaitable[W]]) -> None:
        self._start = start
        self._worker: W | None = None
        self._up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._inquests: dict[W, asyncio.Task[bool]] = {}
        self._closing = False

    async def start(self) -> None:
        """Start the first worker. Raises its `ConfigurationError`; later ones are retried."""
        self._worker = await self._start()
        self._up.set()
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End the worker and keep none. May be said twice."""
        self._closing = True
        tasks = [*self._inquests.values(), *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._up.clear()
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop()

    def serving(self) -> W | None:
        """The worker, if one is up."""
        worker = self._worker
        return worker if worker is not None and self._up.is_set() and worker.alive() else None

    async def worker(self, *, deadline: float) -> W:
        """The worker, or the next one if it is being restarted. `AgentUnreachable` after `deadline` (loop time)."""
        present = self._worker
        if (worker := self.serving()) is not None and await self._holds(worker):
            return worker
        if self._closing:
            raise AgentUnreachable("The runtime is shutting down.")
        if self._worker is present:  # else its successor may be up already
            self._up.clear()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + START_SECONDS)):
                await self._up.wait()
        except TimeoutError:
            raise AgentUnreachable("The agent is not running.") from None
        return await self.worker(deadline=deadline)

    async def _holds(self, worker: W) -> bool:
        """Whether a worker can be given work. A suspect is looked into once, to the end: its callers may give up."""
        if not worker.suspect:
            return True
        inquest = self._inquests.get(worker)
        if inquest is None:
            inquest = self._inquests[worker] = asyncio.create_task(_inquest(worker))
            inquest.add_done_callback(lambda _: self._inquests.pop(worker))
        return await asyncio.shield(inquest)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            started = loop.time()
            if self._worker is not None:
                code = await self._worker.process.wait()
                self._up.clear()
                ended, self._worker = self._worker, None
                await ended.clean_up()
                log.error("worker_ended", pid=ended.pid, exit_code=code)
            if loop.time() - started > STEADY_SECONDS:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                self._worker = await self._start()
            except (ConfigurationError, OSError) as error:
                log.error("worker_not_restarted", reason=str(error), next_try=pause)  # noqa: TRY400
                continue
            self._up.set()
            WORKER_RESTARTS.inc()
            log.warning("worker_restarted", pid=self._worker.pid)


async def _inquest(worker: WorkerProcess) -> bool:
    """Whether a suspect serves after all. One that lives but does not answer is ended: no run in it can go on."""
    if await worker.ping() is not None:
        worker.suspect = False
        return True
    try:
        async with asyncio.timeout(DYING_SECONDS):
            await worker.process.wait()
    except TimeoutError:
        log.error("worker_hangs", pid=worker.pid)  # noqa: TRY400
        worker.kill()
    return False
