"""Which process serves a call: the one that all share, or one for each session. The host leases it for each call."""

from collections.abc import Callable
from typing import Protocol

from doorward.errors import AgentUnreachable
from doorward.model.agent import LiveSession
from doorward.runtime.connection import Worker
from doorward.runtime.keeper import WorkerKeeper
from doorward.runtime.process import WorkerProcess
from doorward.runtime.sessions import SessionKey


class Lease:
    """A process that serves one call, until `release`; may be said twice."""

    def __init__(self, worker: Worker, on_release: Callable[[], None] | None = None) -> None:
        self.worker = worker
        self._on_release = on_release

    def release(self) -> None:
        """The call is over."""
        done, self._on_release = self._on_release, None
        if done is not None:
            done()


class Workers(Protocol):
    """The processes of one agent. Fails closed: without a process there is no call."""

    async def start(self) -> None:
        """Raises `ConfigurationError` when the agent cannot be loaded. May follow a `close`."""
        ...

    async def close(self) -> None:
        """End them all, with all that they started. May be said twice."""
        ...

    async def lease(self, key: SessionKey, *, deadline: float) -> Lease:
        """A process for a call in that session. Raises `AgentUnreachable` after `deadline` (loop time) and
        `TooManyRequests` (``sessions_busy``)."""
        ...

    async def ready(self) -> bool:
        """Whether a call would be served."""
        ...

    async def end(self, key: SessionKey) -> bool:
        """End the process of that session. False when it has none of its own."""
        ...

    def pids(self) -> list[int]:
        """The processes that serve."""
        ...

    def sessions(self) -> list[LiveSession]:
        """The sessions that have a process of their own."""
        ...


class SharedWorkers:
    """One process for all sessions."""

    def __init__(self, make: Callable[[], WorkerKeeper[WorkerProcess]]) -> None:
        self._make = make
        self._keeper: WorkerKeeper[WorkerProcess] | None = None

    async def start(self) -> None:
        keeper = self._make()
        await keeper.start()
        self._keeper = keeper

    async def close(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await keeper.close()

    async def lease(self, key: SessionKey, *, deadline: float) -> Lease:  # noqa: ARG002  # it is the same for all
        if self._keeper is None:
            raise AgentUnreachable("The agent is not running.")
        return Lease(await self._keeper.worker(deadline=deadline))

    async def ready(self) -> bool:
        worker = self._keeper.serving() if self._keeper is not None else None
        return worker is not None and await worker.ping() is not None

    async def end(self, key: SessionKey) -> bool:  # noqa: ARG002
        return False

    def pids(self) -> list[int]:
        worker = self._keeper.serving() if self._keeper is not None else None
        return [] if worker is None else [worker.pid]

    def sessions(self) -> list[LiveSession]:
        return []
